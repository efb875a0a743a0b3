"""The metrics of a study at a glance: arms in rows, a panel for each metric, a dot for each seed, a bar for means."""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.report.figures import BLACK, BLUE, Drawing, draw
from experiments.studies.cells import spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = 3  # beside each other
WIDTH, ROW = 2.5, 0.2  # inches of a panel, and of an arm in it
LOG = 1000.0  # ratio of the largest to the smallest positive value from which on an axis is logarithmic


def metrics_figure(arms: Mapping[str, Any], metrics: Mapping[str, Any]) -> Drawing | None:
    """The figure; None where no arm has a number.

    Args:
        arms, metrics: of a summary (experiments/studies/summary.py), by name and key.
    """
    shown = [key for key in metrics if any(found["values"].get(key) for found in arms.values())]
    if not shown:
        return None
    columns = 2 if len(shown) == 4 else min(PANELS, len(shown))
    rows = -(-len(shown) // columns)
    longest = max(len(arm) for arm in arms)

    def paint(figure: "Figure") -> None:
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for axes in grid.flat[len(shown) :]:
            axes.set_visible(False)
        for axes, key in zip(grid.flat, shown, strict=False):
            scale = 100.0 if metrics[key]["percent"] else 1.0
            values = [[scale * value for value in found["values"].get(key, {}).values()] for found in arms.values()]
            for row, points in enumerate(values):
                axes.plot(points, [row] * len(points), "o", color=BLUE, alpha=0.55, markersize=4, markeredgewidth=0)
                if points:
                    axes.plot(sum(points) / len(points), row, "|", color=BLACK, markersize=9, markeredgewidth=1.6)
            everything = [point for points in values for point in points]
            if min(everything) > 0 and max(everything) > LOG * min(everything):
                axes.set_xscale("log")
            axes.set_title(
                "\n".join(textwrap.wrap(f"[{list(metrics).index(key) + 1}] {metrics[key]['label']}", 34)), fontsize=8
            )
            axes.set_yticks(range(len(arms)), list(arms))  # which are written at the left of a row of panels alone
            axes.set_ylim(len(arms) - 0.4, -0.6)
            axes.tick_params(axis="x", labelsize=7)

    means = [
        f"{metrics[key]['label']}: "
        + ", ".join(f"{arm} {_mean(found['values'].get(key, {}), metrics[key])}" for arm, found in arms.items())
        for key in shown
    ]
    return draw(
        "metrics",
        "The study's numbers by arm",
        "Means over the seeds. " + ". ".join(means) + ".",
        paint,
        width=WIDTH * columns + 0.075 * longest,
        height=rows * (0.75 + ROW * len(arms)),
        caption="A dot a seed, a bar their mean; runs without the number (diverged ones, or where it does not apply) "
        "have no dot.",
    )


def _mean(values: Mapping[str, float], metric: Mapping[str, Any]) -> str:
    mean, _ = spread(values)
    if mean is None:
        return "none"
    return f"{100 * mean:.2f} %" if metric["percent"] else f"{mean:.4g}"
