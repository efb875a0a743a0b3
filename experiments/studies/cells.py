"""A study's numbers as they are read: the mean over the seeds of an arm and its spread, in the cells of a table."""

import math
import statistics
from collections.abc import Mapping
from typing import Any

from experiments.progress import duration
from experiments.report.page import SPACE, number, short


def spread(values: Mapping[str, float]) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation (n − 1) over the seeds; None where there are too few."""
    numbers = list(values.values())
    mean = statistics.fmean(numbers) if numbers else None
    return mean, statistics.stdev(numbers) if len(numbers) > 1 else None


def spread_text(mean: float | None, sd: float | None, is_share: bool) -> str:
    """Mean ± standard deviation, to the second digit of the latter; a dash where there is no number.

    Args:
        is_share: whether the number is a share in [0, 1], shown in percent.
    """
    if mean is None:
        return "–"
    scale = 100 if is_share else 1
    mean, sd = scale * mean, None if sd is None else scale * sd
    unit = f"{SPACE}%" if is_share else ""
    if not sd:  # one value, or all the same
        return short(mean) + unit
    digits = min(max(1 - math.floor(math.log10(sd)), 0), 6)
    return f"{number(mean, digits)} ± {number(sd, digits)}{unit}"


def cell_text(values: Mapping[str, float], is_share: bool) -> str:
    """The same of the values of the seeds."""
    return spread_text(*spread(values), is_share)


def run_metrics(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics that runs have, by key: not those of two arms together."""
    return {key: metric for key, metric in summary["metrics"].items() if key not in summary["pairs"]}


def counts(summary: Mapping[str, Any]) -> str:
    """How many runs have come to what end."""
    return ", ".join(f"{count} {status}" for status, count in summary["runs"].items() if count)


def pair_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The numbers of two arms together, a row each."""
    rows = []
    for key, found in summary["pairs"].items():
        about = summary["metrics"][key]
        for arms, values in found.items():
            text = cell_text(values, about["percent"])
            rows.append({"arms": arms, "metric": about["label"], "text": text, "n": len(values)})
    return rows


def shared_values(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What every page of a study shows of it (experiments/studies/summary.py), as values for the templates."""
    metrics = run_metrics(summary)
    return {
        "pairs": pair_rows(summary),
        "labels": [metric["label"] for metric in metrics.values()],
        "columns": [f"[{place}]" for place in range(1, len(metrics) + 1)],
        "counts": counts(summary),
        "seeds": ", ".join(map(str, summary["seeds"])),
        "trained": duration(summary["train_seconds"]),
    }


def arm_row(arm: str, found: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The row of an arm in the table of arms.

    Args:
        found, metrics: of a summary (experiments/studies/summary.py).
    """
    statuses = [run["status"] for run in found["runs"].values()]
    values = [found["values"].get(key, {}) for key in metrics]
    return {
        "name": arm,
        "done": sum(status != "not finished" for status in statuses),
        "diverged": statuses.count("diverged"),
        "cells": [
            {"n": len(some), "text": cell_text(some, about["percent"])}
            for some, about in zip(values, metrics.values(), strict=True)
        ],
    }
