"""Curves as runs leave them, made up, and charts painted on a figure whose artists can be looked at."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from experiments.report.charts import Chart
from experiments.report.drawn.series import Arms
from experiments.report.drawn_charts import sketch_chart
from experiments.report.figures import Sketch, style
from experiments.report.metrics import Curve


def curve(*points: tuple[int, float]) -> Curve:
    """Of (step, value)."""
    steps, values = zip(*points, strict=True)
    return Curve(np.array(steps), np.array(steps), np.array(values, float))


def layers(quantity: str, looks: dict[int, list[float]]) -> dict[str, Curve]:
    """A value a layer at each step, of layers of depth 1, 2, …."""
    count = len(next(iter(looks.values())))
    return {
        f"{quantity}/{depth + 1:03d}.blocks.{depth}.norm": curve(*((step, row[depth]) for step, row in looks.items()))
        for depth in range(count)
    }


def painted(chart: Chart, arms: Arms) -> tuple[Sketch, list[Axes]]:
    """The sketch of a chart, and the panels that it paints; a bar of colours is no panel."""
    sketch = sketch_chart(chart, arms)
    assert sketch is not None
    with style():
        figure = Figure(figsize=(sketch.width, sketch.height), layout="constrained")
        sketch.paint(figure)
    return sketch, [axis for axis in figure.axes if axis.axison and axis.get_label() != "<colorbar>"]


def line_of(axes: Axes, label: str) -> tuple[list[float], list[float]]:
    """x and y of the line with that label; NaN as None."""
    (found,) = [line for line in axes.get_lines() if line.get_label() == label]
    return numbers(found.get_xdata()), numbers(found.get_ydata())


def numbers(values: object) -> list[float]:
    return [None if np.isnan(value) else float(value) for value in np.asarray(values, float)]  # type: ignore[misc]


def filled(axes: Axes) -> list[set[tuple[float, float]]]:
    """The corners of each filled range."""
    return [
        {(float(x), float(y)) for path in found.get_paths() for x, y in path.vertices}
        for found in axes.collections
        if isinstance(found, PolyCollection)
    ]
