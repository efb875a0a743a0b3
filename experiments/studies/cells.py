"""A study's numbers as they are read: the mean over the seeds of an arm and its spread, in a cell of a table."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.report.page import SPACE, number, short


def cell(values: Sequence[float]) -> dict[str, Any]:
    """n, mean and sample standard deviation (n − 1 in the denominator), None where there are too few values."""
    return {
        "n": len(values),
        "mean": statistics.fmean(values) if values else None,
        "sd": statistics.stdev(values) if len(values) > 1 else None,
    }


def cell_text(cell: Mapping[str, Any], is_share: bool) -> str:
    """Mean ± standard deviation, to the second digit of the latter; a dash where there is no number.

    Args:
        cell: with `mean` and `sd`, which may be None.
        is_share: whether the number is a share in [0, 1], shown in percent.
    """
    if cell["mean"] is None:
        return "–"
    scale = 100 if is_share else 1
    mean, sd = scale * cell["mean"], None if cell["sd"] is None else scale * cell["sd"]
    unit = f"{SPACE}%" if is_share else ""
    if not sd:  # one value, or all the same
        return short(mean) + unit
    digits = min(max(1 - math.floor(math.log10(sd)), 0), 6)
    return f"{number(mean, digits)} ± {number(sd, digits)}{unit}"
