"""Curves by step: a line a metric of one arm; of several arms a panel a metric, and a line an arm."""

from typing import TYPE_CHECKING

from experiments.report.charts import Curves
from experiments.report.drawn.panels import (
    colours_of,
    grid,
    grouped,
    labels_of,
    legend,
    legend_height,
    line,
    markers_of,
    name_axes,
    subplots,
    titled,
    whole_ticks,
    width_of,
)
from experiments.report.drawn.series import Arms, Series, by_step, ends, log_axis, most_seeds, spread
from experiments.report.figures import Sketch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 3
Panels = dict[str, dict[str, Series]]  # the lines of each panel, by their labels


def sketch(chart: Curves, arms: Arms) -> Sketch | None:
    """The figure; None where no run has drawable numbers of it."""
    panels = _one_arm(chart, arms) if len(arms) == 1 else _several(chart, arms)
    panels = {title: lines for title, lines in panels.items() if lines}
    if not panels:
        return None
    labels = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    count = len(panels)
    rows, columns = grid(count, COLUMNS)
    width = width_of(columns)
    log, why_log = log_axis(chart.log, [series for lines in panels.values() for series in lines.values()])

    def paint(figure: "Figure") -> None:
        # an arm has its colour whether others have numbers or not
        everyone = list(chart.metrics) if len(arms) == 1 else list(labels_of(arms).values())
        colours, markers = colours_of(everyone), markers_of(everyone)
        axes = subplots(figure, count, COLUMNS)
        for axis, (title, lines) in zip(axes, panels.items(), strict=True):
            for label, series in lines.items():
                line(axis, series, colours[label], label if len(everyone) > 1 else None, markers[label])
            axis.set_title(titled(title))
            whole_ticks(axis.xaxis)
        name_axes(axes, COLUMNS, "step", chart.label, log)
        legend(figure, axes)

    words = "; ".join(
        f"{', '.join(part for part in (title, label) if part)}: {ends(series)}"
        for title, lines in panels.items()
        for label, series in lines.items()
    )
    height = rows * (2.6 if count == 1 else 2.2) + 0.4 + legend_height(labels, width)
    caption = f"By step.{spread(most_seeds(arms))}{why_log}"
    return Sketch(chart.name, chart.title, f"{words}.", caption, paint, width, height)


def _one_arm(chart: Curves, arms: Arms) -> Panels:
    (runs,) = arms.values()
    found = {label: by_step(runs, name, chart.log) for label, name in chart.metrics.items()}
    return {"": {label: series for label, series in found.items() if series and series.drawable}}


def _several(chart: Curves, arms: Arms) -> Panels:
    panels: Panels = {}
    for label, name in chart.metrics.items():
        for group, members in grouped(arms).items():
            metric = label if len(chart.metrics) > 1 else ""
            title = ", ".join(part for part in (group, metric) if part)
            found = {arm: by_step(runs, name, chart.log) for arm, runs in members.items()}
            panels[title] = {arm: series for arm, series in found.items() if series and series.drawable}
    return panels
