"""Layers by looks, as colour: a panel an arm, the input at the top, one scale of colours for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.report.charts import HeatMap
from experiments.report.drawn.panels import ALONE, grid, is_left, log_ticks, name_axes, subplots, titled, wrapped
from experiments.report.drawn.series import Arms, Runs, drawable, most_seeds, of_quantity
from experiments.report.figures import PALE, Sketch
from experiments.report.page import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
ROW_LABELS, FEWER, STEP_LABELS = 20, 12, 6  # at most; fewer where panels stand above one another
LONGEST = 26  # letters of a row's label


@dataclass(frozen=True)
class Matrix:
    """The values of an arm: the mean over its seeds, NaN where none can be drawn."""

    layers: tuple[str, ...]
    steps: tuple[int, ...]
    values: np.ndarray  # (layers, steps)

    @property
    def complete(self) -> bool:
        return bool(np.isfinite(self.values).all())


def sketch(chart: HeatMap, arms: Arms) -> Sketch | None:
    """The figure; None where no run has drawable numbers of it."""
    found = {arm: _matrix(chart, runs) for arm, runs in arms.items()}
    maps = {arm: matrix for arm, matrix in found.items() if matrix is not None}
    if not maps:
        return None
    count = len(maps)
    rows, columns = grid(count, COLUMNS)
    same_layers = len({matrix.layers for matrix in maps.values()}) == 1

    def paint(figure: "Figure") -> None:
        scale = _scale(chart, list(maps.values()))
        axes = subplots(figure, count, COLUMNS, share_x=False, share_y=False)
        image = None
        for number, (axis, (arm, matrix)) in enumerate(zip(axes, maps.items(), strict=True)):
            image = axis.imshow(matrix.values, aspect="auto", interpolation="none", **scale)
            axis.grid(False)
            if len(arms) > 1:
                axis.set_title(titled(arm))
            left = is_left(number, count, COLUMNS)
            _label_rows(axis, matrix, same_layers, left or not same_layers, ROW_LABELS if rows == 1 else FEWER)
            _label_steps(axis, matrix)
        name_axes(axes, COLUMNS, "step", "" if same_layers else "layer, by its depth")
        assert image is not None
        # beside several rows a bar as high as all of them would be out of all proportion
        place: dict[str, Any] = {"location": "bottom", "aspect": 35}
        if rows > 1:
            place = {"location": "right", "aspect": 20, "shrink": min(1.0, 3 / height), "anchor": (0, 1)}
        label = wrapped(chart.label, 3 if rows > 1 else width - 1.2)
        bar = figure.colorbar(image, ax=axes, label=label, **place)
        if chart.log:
            log_ticks(bar.long_axis, scale["norm"].vmin, scale["norm"].vmax)

    words = "; ".join(f"{arm}: {_words(matrix)}" for arm, matrix in maps.items())
    caption = "Each row a layer, the input at the top; each column a measurement."
    if most_seeds(arms) > 1:
        caption += " Means over seeds."
    if not all(matrix.complete for matrix in maps.values()):
        caption += " Grey: no number that can be drawn."
    most_layers = max(len(matrix.layers) for matrix in maps.values())
    height = rows * (0.5 + float(np.clip(0.14 * most_layers, 1.4, 2.8 if rows == 1 else 2.0))) + 0.7
    width = ALONE if columns == 1 else 1.3 * same_layers + 0.3 + 2.2 * columns
    return Sketch(chart.name, chart.title, f"{words}.", caption, paint, width, height)


def _matrix(chart: HeatMap, runs: Runs) -> Matrix | None:
    of_runs = [of_quantity(run, chart.quantity) for run in runs]
    layers = tuple(sorted({layer for curves in of_runs for layer in curves}))
    steps = tuple(sorted({int(step) for curves in of_runs for curve in curves.values() for step in curve.step}))
    table = np.full((len(runs), len(layers), len(steps)), np.nan)
    for seed, curves in enumerate(of_runs):
        for layer, curve in curves.items():
            table[seed, layers.index(layer), np.searchsorted(steps, curve.step)] = drawable(curve.value, chart.log)
    there = np.isfinite(table)
    if not there.any():
        return None
    count = there.sum(0)
    mean = np.where(count, np.where(there, table, 0).sum(0) / np.maximum(count, 1), np.nan)
    return Matrix(layers, steps, mean)


def _scale(chart: HeatMap, maps: list[Matrix]) -> dict[str, Any]:
    """Colours and their norm for all values of all maps; around `centre` both sides reach equally far."""
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm, Normalize

    values = np.concatenate([matrix.values[np.isfinite(matrix.values)] for matrix in maps])
    low, high = float(values.min()), float(values.max())
    centre = chart.centre
    if centre is not None and not chart.log:
        reach = max(high - centre, centre - low) or 1.0
        low, high = centre - reach, centre + reach
    elif centre is not None and centre > 0:
        ratio = max(high / centre, centre / low, 1 + 1e-6)
        low, high = centre / ratio, centre * ratio
    if low == high:  # one colour needs a range too
        low, high = (low / 2, high * 2) if chart.log else (low - 0.5, high + 0.5)
    colours = colormaps["viridis" if centre is None else "RdBu_r"].with_extremes(bad=PALE)
    return {"norm": LogNorm(low, high) if chart.log else Normalize(low, high), "cmap": colours}


def _label_rows(axes: "Axes", matrix: Matrix, names: bool, shown: bool, most: int) -> None:
    places = thinned(len(matrix.layers), most)
    depths = [str(int(layer[:3])) if layer[:3].isdigit() else layer for layer in matrix.layers]
    labels = row_labels(matrix.layers) if names else depths
    axes.set_yticks(places, [labels[place] for place in places] if shown else [""] * len(places), fontsize=7)


def _label_steps(axes: "Axes", matrix: Matrix) -> None:
    places = thinned(len(matrix.steps), STEP_LABELS)
    axes.set_xticks(places, [f"{matrix.steps[place]}" for place in places])


def thinned(count: int, most: int) -> list[int]:
    """At most so many of the places 0 … count − 1, evenly apart, the first among them."""
    return list(range(0, count, -(-count // most)))


def row_labels(layers: Sequence[str]) -> list[str]:
    """The layers' names without the end that all share, and with their middle left out where they are long."""
    parts = [layer.split(".") for layer in layers]
    while len(parts) > 1 and all(len(one) > 2 and one[-1] == parts[0][-1] for one in parts):
        parts = [one[:-1] for one in parts]
    names = [".".join(one) for one in parts]
    half = (LONGEST - 1) // 2
    return [name if len(name) <= LONGEST else f"{name[:half]}…{name[-half:]}" for name in names]


def _words(matrix: Matrix) -> str:
    """First and last column, and the extremes with their places."""
    values = matrix.values
    parts = []
    for word, column in (("first", 0), ("last", -1)):
        finite = values[:, column][np.isfinite(values[:, column])]
        if len(finite):
            parts.append(f"{word} from {short(finite.min())} to {short(finite.max())} over the layers")
    for word, at in (("lowest", np.nanargmin(values)), ("highest", np.nanargmax(values))):
        layer, step = np.unravel_index(at, values.shape)
        parts.append(f"{word} {short(values[layer, step])} in {matrix.layers[layer]} at step {matrix.steps[step]}")
    lost = int((~np.isfinite(values)).sum())
    return ", ".join(parts) + (f"; {lost} of {values.size} not drawable" if lost else "")
