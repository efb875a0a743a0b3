"""Numbers of an arm's runs put together: the mean over seeds and their range, and what cannot be drawn left out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.report.metrics import Curve
from experiments.report.page import short

Runs = Sequence[Mapping[str, Curve]]  # the curves of an arm's runs, one a seed
Arms = Mapping[str, Runs]  # by what the arm is called
FAR = 10  # times the median
LARGEST = 1e100  # beyond it, and on logarithmic axes below its inverse, matplotlib's own arithmetic overflows
OUTLYING = 1000.0  # a value beyond so many times the median


@dataclass(frozen=True)
class Series:
    """Values over x, each array (points,); NaN where no seed has one that can be drawn."""

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray  # the lowest and the highest seed
    high: np.ndarray
    lost: int  # values of single runs that cannot be drawn
    seeds: int

    @property
    def drawable(self) -> bool:
        """Whether there is anything to see."""
        return bool(np.isfinite(self.mean).any())


def drawable(values: np.ndarray, log: bool) -> np.ndarray:
    """float64 with NaN for what no axis can show: infinities, and on a logarithmic axis what is not above 0."""
    values = np.asarray(values, float).copy()
    values[~(np.abs(values) <= LARGEST)] = np.nan
    if log:
        values[~(values >= 1 / LARGEST)] = np.nan
    return values


def over_seeds(rows: Sequence[tuple[np.ndarray, np.ndarray]], log: bool) -> Series | None:
    """The series of the (x, values) of an arm's runs: at each x the mean over the runs that have a drawable value.

    None of no rows.
    """
    if not rows:
        return None
    x = np.unique(np.concatenate([row[0] for row in rows]))
    table = np.full((len(rows), len(x)), np.nan)
    lost = 0
    for line, (places, values) in zip(table, rows, strict=True):
        shown = drawable(values, log)
        lost += int(np.isnan(shown).sum())
        line[np.searchsorted(x, places)] = shown
    there = np.isfinite(table)
    count = there.sum(0)
    mean = np.where(count, np.where(there, table, 0).sum(0) / np.maximum(count, 1), np.nan)
    low, high = np.where(there, table, np.inf).min(0), np.where(there, table, -np.inf).max(0)
    return Series(x, mean, np.where(count, low, np.nan), np.where(count, high, np.nan), lost, len(rows))


def by_step(runs: Runs, name: str, log: bool) -> Series | None:
    """A metric over steps; None where no run has it."""
    return over_seeds([(run[name].step, run[name].value) for run in runs if name in run], log)


def of_quantity(run: Mapping[str, Curve], quantity: str) -> dict[str, Curve]:
    """The curves named `<quantity>/<place>`, by their place (a layer's name, a number), in order."""
    prefix = f"{quantity}/"
    found = {name.removeprefix(prefix): curve for name, curve in run.items() if name.startswith(prefix)}
    return {place: found[place] for place in sorted(found) if "/" not in place}


def log_axis(chart_log: bool, series: Iterable[Series]) -> tuple[bool, str]:
    """Whether the axis of values is logarithmic, and what the caption says where the chart did not ask for it.

    Positive numbers of which one is a thousand times the median (an arm that exploded) leave the others a flat line.
    """
    if chart_log:
        return True, ""
    shown = np.concatenate([np.zeros(0), *(one.mean[np.isfinite(one.mean)] for one in series)])
    if len(shown) == 0 or shown.min() < 1 / LARGEST or shown.max() < OUTLYING * np.median(shown):
        return False, ""
    return True, f" The axis is logarithmic, as the values reach from {short(shown.min())} to {short(shown.max())}."


def far_out(series: Iterable[Series]) -> tuple[float | None, float, str]:
    """Beyond which distance from 0 a linear axis goes on in decades, if at all, the smallest number, and a caption.

    Numbers of both signs, or negative ones, of which one is ten times as far from 0 as the median leave the others a
    flat line too.
    """
    shown = np.concatenate([np.zeros(0), *(one.mean[np.isfinite(one.mean)] for one in series)])
    if len(shown) == 0 or not 0 < FAR * np.median(np.abs(shown)) < np.abs(shown).max():
        return None, 0.0, ""
    bound = float(f"{2 * np.median(np.abs(shown)):.1g}")
    return bound, float(shown.min()), f" Beyond ±{short(bound)} the axis is logarithmic."


def spread(runs: int) -> str:
    """What lines and bands are, for the caption of a figure whose arms have up to so many runs."""
    return " Lines are means over seeds, bands their range." if runs > 1 else ""


def most_seeds(arms: Arms) -> int:
    """Runs of the arm that has most."""
    return max((len(runs) for runs in arms.values()), default=0)


def ends(series: Series, unit: str = "at step") -> str:
    """The series in words: where it begins and ends, and its extremes where these lie in between."""
    there = np.isfinite(series.mean)
    if not there.any():
        return "nothing that can be drawn"
    x, mean = series.x[there], series.mean[there]
    lost = f" ({series.lost} not drawable)" if series.lost else ""
    if len(x) == 1:
        return f"{short(mean[0])} {unit} {x[0]:g}{lost}"
    words = f"{short(mean[0])} {unit} {x[0]:g}, {short(mean[-1])} {unit} {x[-1]:g}"
    low, high = mean.argmin(), mean.argmax()
    inside = [f"{word} {short(mean[at])} {unit} {x[at]:g}" for word, at in (("lowest", low), ("highest", high))]
    inner = [text for text, at in zip(inside, (low, high), strict=True) if at not in (0, len(x) - 1)]
    return ", ".join([words, *inner]) + lost
