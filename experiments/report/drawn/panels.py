"""What several kinds of charts share: which arms stand in a panel, in which colours, and how panels are laid out."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.report.drawn.series import Arms, Runs, Series
from experiments.report.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from experiments.report.page import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
MARKERS = "os^DvP*X"  # for those who print in grey
GROUP = " · "  # stands between the name of a group of arms and the rest of an arm's
DASHES = (0, (3, 1.5))
FIRST, LAST = "first measurement", "last measurement"
ALONE = 4.2  # inches of a figure of one panel


def grouped(arms: Arms) -> dict[str, dict[str, Runs]]:
    """The arms of each panel, by the panel's title and then by what is left of their names.

    Arms whose names share the part before ` · ` stand together; where not all names have such a part, or each has one
    of its own, all stand in one panel without a title.
    """
    parts = {name: name.partition(GROUP) for name in arms}
    groups = dict.fromkeys(head for head, _, _ in parts.values())
    if not all(tail for _, _, tail in parts.values()) or len(groups) == len(arms):
        return {"": dict(arms)}
    return {group: {tail: arms[name] for name, (head, _, tail) in parts.items() if head == group} for group in groups}


def labels_of(arms: Arms) -> dict[str, str]:
    """What each arm is called within its panel, whether it has numbers of a chart or not: colours go by it."""
    together = "" in grouped(arms)
    return {name: name if together else name.partition(GROUP)[2] for name in arms}


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label: eight that the colour-blind tell apart.

    More labels than that have a hue for their first word and a shade for the rest (`bn 20`, `bn 56`, `ln 20`), or where
    they have all one first word, or more than eight, their places on one scale.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex, to_rgb

    labels = list(dict.fromkeys(labels))
    if len(labels) <= len(COLOURS):
        return dict(zip(labels, COLOURS, strict=False))
    shades = _by_first_word(labels)
    if not 1 < len(shades) <= len(COLOURS):
        scale = colormaps["viridis"](np.linspace(0, 0.92, len(labels)))
        return {label: to_hex(colour) for label, colour in zip(labels, scale, strict=True)}
    found: dict[str, str] = {}
    for hue, members in zip(COLOURS, shades.values(), strict=False):
        for member, white in zip(members, np.linspace(0, 0.65, len(members)), strict=True):
            found[member] = to_hex((1 - white) * np.array(to_rgb(hue)) + white)
    return {label: found[label] for label in labels}


def _by_first_word(labels: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for label in labels:
        found.setdefault(label.split(" ")[0], []).append(label)
    return found


def markers_of(labels: Sequence[str]) -> dict[str, str | None]:
    """A marker for each of several labels; none where there is one, or more than there are markers."""
    labels = list(dict.fromkeys(labels))
    if not 1 < len(labels) <= len(MARKERS):
        return dict.fromkeys(labels)
    return dict(zip(labels, MARKERS, strict=False))


def grid(count: int, columns: int) -> tuple[int, int]:
    """Rows and columns of so many panels, filled evenly."""
    rows = math.ceil(count / columns)
    return rows, math.ceil(count / rows)


def width_of(columns: int) -> float:
    """Inches of a figure with so many panels in a row."""
    return ALONE if columns == 1 else 0.5 + 2.35 * columns


def subplots(figure: "Figure", count: int, columns: int, share_x: bool = True, share_y: bool = True) -> list["Axes"]:
    """So many panels, row by row; what is left of the last row stays empty."""
    rows, columns = grid(count, columns)
    axes = figure.subplots(rows, columns, sharex=share_x, sharey=share_y, squeeze=False).flatten().tolist()
    for spare in axes[count:]:
        spare.set_axis_off()
    for place, axis in enumerate(axes[:count]):
        if share_x and place + columns >= count:  # the lowest of its column
            axis.xaxis.set_tick_params(labelbottom=True)
    return axes[:count]


def is_left(place: int, count: int, columns: int) -> bool:
    """Whether the panel is the first of its row."""
    return place % grid(count, columns)[1] == 0


def name_axes(axes: Sequence["Axes"], columns: int, x_label: str, y_label: str, log: bool = False) -> None:
    """Names for the axes of panels that `subplots` made: once a row, and once a column; `log`: of the vertical one."""
    count = len(axes)
    figure = axes[0].figure
    y_label = wrapped(y_label, figure.get_figheight() / grid(count, columns)[0] - 0.4)  # type: ignore[union-attr]
    for place, axis in enumerate(axes):
        if log:
            axis.set_yscale("log")
            log_ticks(axis.yaxis, *axis.get_ylim())
        if is_left(place, count, columns):
            axis.set_ylabel(y_label)
        if place + grid(count, columns)[1] >= count:
            axis.set_xlabel(x_label)


def titled(name: str) -> str:
    """The title of a panel, in lines that leave room for those of the panels beside it."""
    return wrapped(name, 1.8)


def wrapped(label: str, inches: float) -> str:
    """A label in lines that are no longer than so many inches."""
    return "\n".join(textwrap.wrap(label, max(16, int(15 * inches)), break_long_words=False))


def whole_ticks(axis: "Axis") -> None:
    """Ticks at whole numbers alone, of steps and depths."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, nbins=7))


def log_ticks(axis: "Axis", low: float, high: float) -> None:
    """Ticks of a logarithmic axis between two numbers, with as many labels as have room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    decades = math.log10(high / low)
    if decades < 2.2:  # powers of ten alone would be one or two
        axis.set_major_locator(MaxNLocator(5) if decades < 0.7 else LogLocator(subs=(1, 2, 5), numticks=12))
        axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axis.set_minor_formatter(NullFormatter())


def line(
    axes: "Axes", series: Series, colour: str, label: str | None, marker: str | None, first_look: bool = False
) -> None:
    """The mean over seeds, and filled, their range; the first look of two is thin and dashed."""
    few = np.isfinite(series.mean).sum() < 3  # a line of one point is nothing
    axes.plot(
        series.x, series.mean, color=colour, label=label, markersize=3.2, linestyle=DASHES if first_look else "-",
        linewidth=0.9 if first_look else 1.6, marker=marker or ("o" if few else None),
        markevery=None if few else max(1, len(series.x) // 7),
    )  # fmt: skip
    if series.seeds > 1:
        axes.fill_between(series.x, series.low, series.high, color=colour, alpha=0.18, linewidth=0)


def legend(figure: "Figure", axes: Sequence["Axes"], looks: bool = False) -> None:
    """Each label of the panels once, below them, as many in a row as fit.

    Args:
        looks: whether thin and dashed lines of a first measurement stand beside those of the last.
    """
    from matplotlib.lines import Line2D

    entries: dict[str, Any] = {}
    for axis in axes:
        entries |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    if looks:
        entries[FIRST] = Line2D([], [], color=GREY, linestyle=DASHES, linewidth=0.9)
        entries[LAST] = Line2D([], [], color=GREY)
    if not entries:
        return
    labels = [label for label in entries if label not in (FIRST, LAST)]
    families = [len(members) for members in _by_first_word(labels).values()]
    columns, width = _legend_columns(list(entries), figure.get_figwidth()), figure.get_figwidth()
    room = len(families) * _legend_width(labels) + looks * _legend_width([FIRST])
    if 1 < len(families) < len(labels) and len(set(families)) == 1 and room <= width:
        columns = len(families) + looks  # a column for each first word
        while len(entries) < columns * families[0]:
            entries[" " * len(entries)] = Line2D([], [], linestyle="none")
    figure.legend(
        list(entries.values()), list(entries), loc="outside lower left", ncols=columns, handlelength=2.2,
        columnspacing=1.2,
    )  # fmt: skip


def legend_height(labels: Sequence[str], width: float) -> float:
    """Inches that such a legend takes in a figure so wide."""
    return 0.18 * math.ceil(len(labels) / _legend_columns(labels, width)) if labels else 0.0


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """As many as fit in a figure so wide."""
    return min(len(labels), max(1, int(width / _legend_width(labels))))


def _legend_width(labels: Sequence[str]) -> float:
    """Inches of a column, roughly."""
    return 0.5 + 0.07 * max(map(len, labels), default=0)


def linear_then_decades(axes: "Axes", bound: float, lowest: float) -> None:
    """A vertical axis that is linear between −bound and bound and logarithmic beyond, with ticks in both parts.

    lowest: the smallest number that is shown; a margin that is small on a linear axis would be a decade here.
    """
    from matplotlib.ticker import MaxNLocator

    _, high = axes.get_ylim()
    low = lowest - 0.1 * bound if lowest > -bound else 1.3 * lowest
    axes.set_yscale("symlog", linthresh=bound, linscale=2)
    axes.set_ylim(low, high)
    inner = [tick for tick in MaxNLocator(4).tick_values(-bound, bound) if abs(tick) <= bound]
    far = [sign * tick for tick in (10.0**power for power in range(-3, 101)) if tick >= 2 * bound for sign in (-1, 1)]
    ticks = sorted(tick for tick in (*inner, *far) if low <= tick <= high)
    axes.set_yticks(ticks, [short(tick) for tick in ticks], minor=False)
    axes.set_yticks([], minor=True)
