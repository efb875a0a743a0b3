"""The words of a figure, whatever names are among them: none is a formula, moves the cursor or is as long as a page."""

from functools import partial
from typing import TYPE_CHECKING, Any

from experiments.printable import one_line, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST, LONGEST_AT_A_TICK = 64, 32  # characters of a line; ours are shorter, and classes' names are 30 at most


def shown(words: str, longest: int = LONGEST) -> str:
    """Words as matplotlib is to draw them: a dollar sign is one, and no beginning of a formula."""
    lines = [line if len(line) <= longest else f"{line[: longest - 1]}…" for line in printable(words).split("\n")]
    return "\n".join(lines).replace("$", r"\$")


def brief(name: str, longest: int = LONGEST_AT_A_TICK) -> str:
    """A name in one line that is no longer than the names of known classes."""
    line = one_line(name)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def make_plain(figure: "Figure") -> None:
    """Let every word of a painted figure be drawn as `shown` has it, those at its ticks too; numbers stay formulas."""
    from matplotlib.text import Text
    from matplotlib.ticker import FuncFormatter

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()
            if isinstance(formatter, FuncFormatter):  # what `set_ticks` makes of labels
                axis.set_major_formatter(FuncFormatter(partial(_label, formatter)))
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_text(shown(text.get_text()))


def _label(formatter: Any, value: float, place: int | None) -> str:
    return shown(formatter(value, place), LONGEST_AT_A_TICK)
