"""Curves of runs beside each other: one run a side, or the mean over seeds within their range."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.report.figures import GREEN, PURPLE, SIDES, Drawing, draw
from experiments.report.metrics import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Runs = Sequence[dict[str, Curve]]  # the curves of each run of a side
SPLITS = (("test", "-"), ("train", (0, (3, 1.5))))
MODES = (("train_mode", "training mode: batch statistics", PURPLE), ("eval_mode", "evaluation mode", GREEN))


def curve_figures(a: Runs, b: Runs, names: tuple[str, str]) -> list[Drawing]:
    """Accuracy and loss by epoch, both sides in one figure: test images solid, training images dashed."""
    return [_against(quantity, (a, b), names) for quantity in ("accuracy", "loss")]


def _against(quantity: str, sides: tuple[Runs, Runs], names: tuple[str, str]) -> Drawing:
    unit, scale = _unit(quantity)

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for runs, name, colour in zip(sides, names, SIDES, strict=True):
            for split, dashes in SPLITS:
                _draw_curve(axes, runs, f"{quantity}/{split}", scale, f"{name}, {split}", colour, dashes)
        _finish(axes, f"{quantity} ({unit})")

    seeds = "" if len(sides[0]) == 1 else " Lines are means over the seeds, bands their range."
    ends = "; ".join(
        f"{name} ends at {_end(runs, f'{quantity}/test', scale)} {unit}"
        for runs, name in zip(sides, names, strict=True)
    )
    alt = f"{quantity.capitalize()} after each epoch in evaluation mode; on the test images, {ends}.{seeds}"
    return draw(f"curves_{quantity}", f"{quantity.capitalize()} by epoch", alt, paint)


def mode_figures(a: Runs, b: Runs, names: tuple[str, str]) -> list[Drawing]:
    """Test accuracy and loss by epoch in evaluation mode and in training mode; A and B beside each other, on one scale.

    None where a run has no training mode: a single test image has no batch statistics.
    """
    sides = (a, b)
    if not all(f"{mode}/accuracy" in curves for runs in sides for curves in runs for mode, _, _ in MODES):
        return []
    return [
        _modes(quantity, letter, runs, name, _limits(quantity, sides))
        for quantity in ("accuracy", "loss")
        for letter, runs, name in zip("ab", sides, names, strict=True)
    ]


def _modes(quantity: str, letter: str, runs: Runs, name: str, limits: tuple[float, float]) -> Drawing:
    unit, scale = _unit(quantity)

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for (mode, label, colour), dashes in zip(MODES, ("-", (0, (3, 1.5))), strict=True):
            _draw_curve(axes, runs, f"{mode}/{quantity}", scale, label, colour, dashes)
        axes.set(ylim=limits, title=name)
        _finish(axes, f"test {quantity} ({unit})")

    pairs = [[curves[f"{mode}/{quantity}"].value for mode, _, _ in MODES] for curves in runs]
    gap = scale * max(float(np.abs(one - other).max()) for one, other in pairs)
    digits, unit_of_gap = (2, "points") if quantity == "accuracy" else (4, "nats")
    same = round(gap, digits) == 0  # rounding apart, at most
    words = "the same after every epoch" if same else f"at most {gap:.{digits}f} {unit_of_gap} apart"
    alt = f"{name}: test {quantity} in training mode and in evaluation mode, {words}."
    return draw(f"modes_{quantity}_{letter}", f"{name}, {quantity} in two modes", alt, paint)


def _limits(quantity: str, sides: tuple[Runs, Runs]) -> tuple[float, float]:
    """Of the axis that both sides share."""
    _, scale = _unit(quantity)
    values = [curves[f"{mode}/{quantity}"].value for runs in sides for curves in runs for mode, _, _ in MODES]
    shown = scale * np.concatenate(values)
    margin = max(0.05 * float(np.ptp(shown)), 0.01 * scale)
    highest = shown.max() + margin
    return max(float(shown.min()) - margin, 0.0), min(highest, 100.0) if quantity == "accuracy" else float(highest)


def _draw_curve(axes: "Axes", runs: Runs, key: str, scale: float, label: str, colour: str, dashes: object) -> None:
    """One run's curve, or the mean and range over runs for as many points as all of them have."""
    curves = [curves[key] for curves in runs if key in curves]
    if not curves:
        return
    length = min(len(curve.value) for curve in curves)
    epoch = curves[0].epoch[:length]
    values = scale * np.stack([curve.value[:length] for curve in curves])
    marker = "o" if length < 3 else None  # a line of one point is nothing
    axes.plot(epoch, values.mean(0), color=colour, linestyle=dashes, label=label, marker=marker, markersize=3)  # type: ignore[arg-type]
    if len(curves) > 1:
        axes.fill_between(epoch, values.min(0), values.max(0), color=colour, alpha=0.18, linewidth=0)


def _finish(axes: "Axes", label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set(xlabel="epoch", ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.figure.legend(loc="outside lower left", ncols=2, handlelength=2.6)  # type: ignore[union-attr]


def _unit(quantity: str) -> tuple[str, float]:
    return ("%", 100.0) if quantity == "accuracy" else ("nats", 1.0)


def _end(runs: Runs, key: str, scale: float) -> str:
    values = [scale * curves[key].value[-1] for curves in runs if key in curves]
    digits = 2 if scale == 100 else 4
    return f"{np.mean(values):.{digits}f}" if values else "no value"
