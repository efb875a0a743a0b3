"""Figures in one style, as SVG, PNG and pixels: drawn small, so that two stand side by side and one fills a phone.

Text is drawn at 8.5 points on a panel of 4.2 inches (302 points): a panel shown 360 pixels wide has letters of 10.
matplotlib is imported where it is needed: modules that are imported at the start of a run may name this one.
"""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape

from experiments.report.figure_words import make_plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Eight colours that the colour-blind tell apart (Okabe & Ito 2008, "Color Universal Design").
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY, PALE = "#6B7280", "#D9DCE1"
SIDES = (BLUE, VERMILION)  # A and B, on every page
PNG_DPI = 180
STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelsize": 8.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters everywhere
    "font.size": 8.5,
    "grid.color": "#E5E7EB",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "normlab",  # the same identifiers each time
    "xtick.color": GREY,
    "xtick.labelcolor": "black",
    "xtick.labelsize": 8,
    "ytick.color": GREY,
    "ytick.labelcolor": "black",
    "ytick.labelsize": 8,
}


@dataclass(frozen=True)
class Drawing:
    """A finished figure."""

    name: str  # of its files, without their endings
    title: str
    alt: str  # what it shows, for those who cannot see it
    svg: str  # a document
    png: bytes
    caption: str = ""  # how to read it, where `alt` holds its numbers

    @property
    def inline(self) -> Markup:
        """The SVG as a part of an HTML page."""
        return inline(self.svg, self.name, f"{self.title}. {self.alt}")

    @property
    def inches(self) -> float:
        """How wide it was drawn."""
        found = re.search(r'viewBox="\S+ \S+ (\S+)', self.svg)
        assert found is not None, self.name
        return float(found[1]) / 72

    @property
    def pixels(self) -> np.ndarray:
        """uint8 (H, W, 3), for TensorBoard."""
        return _pixels(self.png)


@dataclass(frozen=True)
class Sketch:
    """A figure that is yet to be drawn: as a file, or as pixels alone, which takes half the time."""

    name: str
    title: str
    alt: str
    caption: str
    paint: Callable[["Figure"], None]
    width: float = 4.2  # inches
    height: float = 3.0

    def drawn(self) -> Drawing:
        """As SVG and PNG."""
        return draw(self.name, self.title, self.alt, self.paint, self.width, self.height, self.caption)

    def pixels(self) -> np.ndarray:
        """uint8 (H, W, 3), for TensorBoard."""
        with style():
            return _pixels(png(_painted(self.paint, self.width, self.height)))


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's settings are ours inside."""
    import matplotlib

    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        yield


def draw(
    name: str,
    title: str,
    alt: str,
    paint: Callable[["Figure"], None],
    width: float = 4.2,
    height: float = 3.0,
    caption: str = "",
) -> Drawing:
    """A figure of `width` × `height` inches that `paint` fills, in our style.

    The same numbers give the same bytes of SVG: no date, no random identifier.
    """
    with style():
        figure = _painted(paint, width, height)
        return Drawing(name, title, alt.replace(" %", "\N{NO-BREAK SPACE}%"), svg(figure), png(figure), caption)


def _painted(paint: Callable[["Figure"], None], width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    paint(figure)
    make_plain(figure)
    return figure


def _pixels(content: bytes) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def svg(figure: "Figure") -> str:
    """The figure as an SVG document."""
    file = io.StringIO()
    with style():
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def png(figure: "Figure") -> bytes:
    """The figure as a PNG file."""
    file = io.BytesIO()
    with style():
        figure.savefig(file, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return file.getvalue()


def inline(document: str, name: str, label: str) -> Markup:
    """An SVG document as an element of an HTML page: it takes the width that it is given and is read out as `label`.

    Several share a page: `name` is put before every identifier. HTML needs neither the document's head nor its name
    spaces, whose addresses look like links.
    """
    element = document[document.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    head, rest = element.split(">", 1)
    view = re.search(r'viewBox="([^"]+)"', head)
    assert view is not None, head
    rest = rest.replace("xlink:href=", "href=")
    rest = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{name}-", rest)
    return Markup(f'<svg viewBox="{view[1]}" role="img" aria-label="{escape(label)}">{rest.strip()}')  # noqa: S704 - of matplotlib, which draws words as paths
