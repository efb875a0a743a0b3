"""A metric of a study's run, and of the runs of one seed over the levels of nested factors."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.errors import UserError, known, nearest
from experiments.report.metrics import Curve
from experiments.studies.metric import Metric
from experiments.studies.runs import StudyRun


def value(run: StudyRun, metric: Metric) -> float | None:
    """A metric of a run; None where it has no such number: it is not finished, or has diverged and the metric is not of
    its start.

    Raises:
        UserError: when the metric asks `result.json` for a key that it never has.
    """
    if run.result is None:
        return None
    if metric.at != "first" and run.status == "diverged":
        return metric.diverged  # what was recorded before the divergence, or at it, says nothing of a training's end
    found = _value(run, metric, metric.of)
    if found is not None and metric.minus is not None:
        other = _value(run, metric, metric.minus)
        found = None if other is None else found - other
    if found is None or not math.isfinite(found):
        return None
    return abs(found) if metric.absolute else found


def _value(run: StudyRun, metric: Metric, of: str) -> float | None:
    assert run.result is not None
    match metric.at:
        case "result":
            return _of_result(run, of)
        case "modes":
            return _of_modes(run, of)
        case "crossing":
            return _at_crossing(run, metric, of)
    points = _points(run.curves, of, metric.over)
    if points is None:
        return None
    if metric.points is not None:
        points = points[-metric.points :]
    match metric.at:
        case "first":
            return float(points[0])
        case "last":
            return float(points[-1])
        case "mean":
            return float(points.mean())
        case "max":
            return float(points.max())
        case "min":
            return float(points.min())
        case "sd":
            return float(points.std(ddof=1)) if len(points) > 1 else None
    return None


def _of_result(run: StudyRun, key: str) -> float | None:
    assert run.result is not None
    numbers = {name: number for name, number in run.result.items() if isinstance(number, int | float)}
    numbers |= run.result["final"]
    if "/" in key:  # what a probe found by the clock, which not every network has
        return run.result.get("probe_timings", {}).get(key)
    if key not in numbers:
        raise UserError(f"the metric {key!r} is no key of result.json. {nearest(key, numbers)}{known(numbers)}")
    return numbers[key]


def _of_modes(run: StudyRun, of: str) -> float | None:
    """The mean over shuffles of a score of a mode, as in `batch:32/accuracy`."""
    if run.modes is None:
        return None
    place, _, score = of.partition("/")
    mode, _, size = place.partition(":")
    wanted = (run.modes["batch_size"] if size == "train" else int(size)) if size else None
    for row in run.modes["modes"]:
        if row["mode"] == mode and wanted in (None, row["batch_size"]) and row["scores"] is not None:
            return row["scores"][score]["mean"]
    return None


def _at_crossing(run: StudyRun, metric: Metric, of: str) -> float | None:
    """Step, seconds of training, or a curve, at the first point where another curve has come to its level."""
    assert run.result is not None
    assert metric.when is not None
    curve = run.curves.get(metric.when.curve)
    if curve is None:
        return None
    step = _crossing(curve, metric.when.reaches, metric.when.share_of_last, metric.when.falls)
    if step is None or of == "step":
        return step
    if of == "seconds":
        return step * run.result["train_seconds"] / run.result["steps"]
    other = run.curves.get(of)
    return None if other is None else float(np.interp(step, other.step, other.value))


def _crossing(curve: Curve, reaches: float | None, share: float | None, falls: bool) -> float | None:
    """The step, between two points where the curve passes the level between them; None where it never does."""
    level = reaches if reaches is not None else float(curve.value[-1]) * (share or 0.0)
    beyond = curve.value <= level if falls else curve.value >= level
    if not beyond.any():
        return None
    place = int(beyond.argmax())
    if place == 0:
        return float(curve.step[0])
    (x0, x1), (y0, y1) = curve.step[place - 1 : place + 1], curve.value[place - 1 : place + 1]
    return float(x0 + (x1 - x0) * (level - y0) / (y1 - y0))


def _points(curves: Mapping[str, Curve], of: str, over: str) -> np.ndarray | None:
    """The values of a metric's curve; of several layers' curves, what `over` says of them at each look."""
    if not of.endswith("/*"):
        return curves[of].value if of in curves else None
    layers = [curve.value for name, curve in curves.items() if name.startswith(of.removesuffix("*"))]
    if not layers:
        return None
    stacked = np.stack(layers)  # (layers, looks)
    return {"mean": stacked.mean(0), "max": stacked.max(0), "min": stacked.min(0)}[over]


def over_levels(metric: Metric, levels: Sequence[tuple[str, float | None]]) -> float | None:
    """What a metric takes of the numbers of one seed over nested levels, given as (level's name, number).

    largest_level: the largest level whose run has a number, below the metric's bound where it has one; the others need
    the number of every level, and are None where one is missing.

    Raises:
        UserError: when largest_level meets a level whose name is no number.
    """
    assert metric.take is not None
    if metric.take.what == "largest_level":
        below = metric.take.below
        found = [_number(name) for name, number in levels if number is not None and (below is None or number < below)]
        return max(found, default=None)
    numbers = [number for _, number in levels if number is not None]
    if len(numbers) < len(levels) or not numbers:
        return None
    high, low = max(numbers), min(numbers)
    match metric.take.what:
        case "range":
            return high - low
        case "mean":
            return math.fsum(numbers) / len(numbers)
        case "best":
            return high if metric.better == "higher" else low
        case _:
            return low if metric.better == "higher" else high


def _number(level: str) -> float:
    try:
        return float(level)
    except ValueError:
        raise UserError(f"largest_level needs levels that are numbers, such as '0.1', not {level!r}") from None
