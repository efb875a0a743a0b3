"""HTML pages that stand alone: one file, no script, no request to anywhere."""

import base64
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).resolve().parent
MINUS, SPACE = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


def render(template: str, folders: Sequence[Path], **values: Any) -> str:
    """The page that `template` makes of `values`; it is looked for in `folders`, then among the shared ones.

    Everything that is not marked as HTML is escaped, and a name that a template uses and nobody gave is an error.
    """
    css = Markup((HERE / "style.css").read_text(encoding="utf-8"))  # noqa: S704 - a file of ours
    return _environment(tuple(folders)).get_template(template).render(css=css, **values)


@cache
def _environment(folders: tuple[Path, ...]) -> Environment:
    """Kept, since to read and compile the templates of a page takes longer than to fill them."""
    environment = Environment(
        loader=FileSystemLoader([*folders, HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "points": points,
        "signed": signed,
        "number": number,
        "short": short,
        "p_value": p_value,
        "count": count,
        "breakable": breakable,
    }
    return environment


def data_uri(content: bytes, kind: str) -> str:
    """A file's content as an address: `kind` is its media type, such as image/png."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def number(value: float | None, digits: int = 4) -> str:
    """A decimal number with a real minus sign; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    text = f"{value:,.{digits}f}"
    return _unsigned_zero(text).replace("-", MINUS)


def short(value: float | None) -> str:
    """Four significant digits of a number of any size, as in 0.01234 and 1.234e−9; a dash where there is none."""
    if value is None:
        return "–"
    return "NaN" if math.isnan(value) else f"{value:.4g}".replace("inf", "∞").replace("-", MINUS)


def signed(value: float | None, digits: int = 4) -> str:
    """The same with a plus before positive numbers: a difference."""
    text = number(value, digits)
    return f"+{text}" if text[0].isdigit() and any(character in "123456789" for character in text) else text


def percent(value: float | None, digits: int = 2) -> str:
    """A share in [0, 1] as percent."""
    return "–" if value is None or math.isnan(value) else f"{number(100 * value, digits)}{SPACE}%"


def points(value: float | None, digits: int = 2) -> str:
    """A difference of two shares, in percentage points, signed; without its unit."""
    return "–" if value is None else signed(100 * value, digits)


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}"


def p_value(value: float | None) -> str:
    """A probability to two significant digits, with its sign and a no-break space: `= 0.034`, `< 0.0001`."""
    if value is None or math.isnan(value):
        return "–"
    if value < 1e-4:
        return f"<{SPACE}0.0001"
    return f"={SPACE}{value:.{2 if value >= 0.1 else 3 if value >= 0.01 else 4}f}"


def breakable(name: str) -> Markup:
    """A name that may go on in the next line after each underscore."""
    return Markup("_<wbr>").join(name.split("_"))


def _unsigned_zero(text: str) -> str:
    """A negative number that rounds to zero has no sign."""
    return text.lstrip("-") if not any(character in "123456789" for character in text) else text
