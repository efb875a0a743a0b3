"""A few curves of many runs, read quickly: the mean over an arm's seeds and their range, by step.

A thousand runs are read in a second or two: only the lines of the wanted curves are taken from each `metrics.csv`, and
nothing is imported that computes. Everything that a run recorded: experiments/report/metrics.py.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments import result

LARGEST = 1e12  # what lies beyond is no curve to look at
MOST = 80  # points of a line, of longer ones every second, third, …
Points = dict[int, float]  # values by step


@dataclass(frozen=True)
class Line:
    """An arm's curve, each (points,); low and high are the seeds' lowest and highest value."""

    steps: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    seeds: int


def read_points(path: Path, names: Sequence[str]) -> dict[str, Points]:
    """Finite values of the curves `names` in a run's metrics.csv; a file that is not there has none.

    Raises:
        UserError: when it is not what the run wrote.
    """
    if not path.exists():
        return {}
    content = result.file_of(path.parent, path.name, result.read(path.parent))
    text = content.decode(errors="replace")  # of results that vouch for no file
    wanted = "|".join(map(re.escape, names))
    found: dict[str, Points] = {}
    for step, name, value in re.findall(rf"^(\d+),\d+,({wanted}),(\S+)$", text, re.MULTILINE):
        try:
            number = float(value)
        except ValueError:
            continue
        if math.isfinite(number) and abs(number) < LARGEST:
            found.setdefault(name, {})[int(step)] = number
    return found


def line(runs: Iterable[Points]) -> Line | None:
    """The seeds of an arm together, at the steps that any has; None without a point."""
    seeds = [points for points in runs if points]
    steps = sorted({step for points in seeds for step in points})
    if not steps:
        return None
    thinned = steps[:: math.ceil(len(steps) / MOST)]
    kept = thinned if thinned[-1] == steps[-1] else [*thinned, steps[-1]]
    columns = [[points[step] for points in seeds if step in points] for step in kept]
    return Line(
        tuple(kept),
        tuple(sum(column) / len(column) for column in columns),
        tuple(map(min, columns)),
        tuple(map(max, columns)),
        len(seeds),
    )


def lines(arms: Mapping[str, Sequence[Path]], names: Sequence[str]) -> dict[str, dict[str, Line]]:
    """The lines of each curve, by its name and the arm's.

    Args:
        arms: the metrics.csv of each arm's runs.
    """
    found: dict[str, dict[str, Line]] = {name: {} for name in names}
    for arm, paths in arms.items():
        runs = [read_points(path, names) for path in paths]
        for name in names:
            drawn = line(run.get(name, {}) for run in runs)
            if drawn is not None:
                found[name][arm] = drawn
    return found
