"""A study's numbers: each metric of each finished run, and their mean and spread over the seeds of an arm."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments import identity, result
from experiments.command_line import Job
from experiments.errors import UserError
from experiments.report.metrics import Curve, read_curves
from experiments.studies.study import Metric, Study


@dataclass(frozen=True)
class StudyRun:
    """A run of a study as it stands on disk."""

    job: Job
    folder: Path
    result: dict[str, Any] | None  # None while it is not finished
    curves: dict[str, Curve]  # empty while it is not finished

    @property
    def seed(self) -> int:
        return self.job.config["seed"]

    @property
    def status(self) -> str:
        """finished, diverged, or not finished."""
        return "not finished" if self.result is None else self.result["status"]


@dataclass(frozen=True)
class Spread:
    """A number over the seeds of an arm; of the finished runs that have it and where it is finite."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.values) if self.values else None

    @property
    def sd(self) -> float | None:
        """Sample standard deviation, n − 1 in the denominator; None of fewer than two."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


def read_runs(arms: Mapping[str, list[Job]]) -> dict[str, list[StudyRun]]:
    """The runs of each arm, by seed."""
    return {arm: [_read(job) for job in jobs] for arm, jobs in arms.items()}


def _read(job: Job) -> StudyRun:
    folder = identity.folder(job.config)
    found = result.read(folder)
    return StudyRun(job, folder, found, read_curves(folder) if found is not None else {})


def value(run: StudyRun, metric: Metric) -> float | None:
    """A metric of a run; None where it has no such number: it is not finished, or has diverged and the metric is not of
    its start.

    Raises:
        UserError: when the metric asks `result.json` for a key that it never has.
    """
    if run.result is None:
        return None
    if metric.at != "first" and run.status == "diverged":
        return None  # what was recorded before the divergence, or at it, says nothing of a training or its end
    if metric.at == "result":
        if metric.of not in run.result["final"]:
            keys = ", ".join(run.result["final"])
            raise UserError(f"the metric {metric.of!r} is no key of result.json's final: {keys}")
        return run.result["final"][metric.of]
    points = _points(run.curves, metric)
    if points is None:
        return None
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
    return None


def _points(curves: Mapping[str, Curve], metric: Metric) -> np.ndarray | None:
    """The values of a metric's curve; of several layers' curves, what `over` says of them at each look."""
    if not metric.of.endswith("/*"):
        return curves[metric.of].value if metric.of in curves else None
    prefix = metric.of.removesuffix("*")
    layers = [curve.value for name, curve in curves.items() if name.startswith(prefix)]
    if not layers:
        return None
    stacked = np.stack(layers)  # (layers, looks)
    return {"mean": stacked.mean(0), "max": stacked.max(0), "min": stacked.min(0)}[metric.over]


def spread(runs: list[StudyRun], metric: Metric) -> Spread:
    """A metric over the seeds of an arm."""
    found = (value(run, metric) for run in runs)
    return Spread(tuple(number for number in found if number is not None and math.isfinite(number)))


def summary(name: str, scale: str, study: Study, runs: Mapping[str, list[StudyRun]]) -> dict[str, Any]:
    """The study's numbers as plain values, for summary.json; `runs` by arm and seed."""
    overrides = study.arms(scale)
    finished = [run.result for found in runs.values() for run in found if run.result is not None]
    environments = [found["environment"] for found in finished]
    return {
        "schema": 1,
        "study": name,
        "scale": scale,
        "command": f"python train.py study={name} scale={scale}",
        "question": study.question.strip(),
        "claims": study.claims,
        "runs": {status: sum(run.status == status for found in runs.values() for run in found) for status in STATUSES},
        "environments": [dict(items) for items in sorted({tuple(sorted(_about(one).items())) for one in environments})],
        "train_seconds": sum(found["train_seconds"] for found in finished),
        "arms": {
            arm: {
                "statuses": {str(run.seed): run.status for run in found},
                "overrides": overrides[arm],
                "metrics": {metric.label: _numbers(spread(found, metric)) for metric in study.metrics},
            }
            for arm, found in runs.items()
        },
    }


STATUSES = ("finished", "diverged", "not finished")


def _about(environment: dict[str, Any]) -> dict[str, str]:
    """What of an environment tells results apart."""
    shown = {key: str(environment[key]) for key in ("commit", "clean", "device_name", "threads")}
    return {**shown, "torch": str(environment["packages"]["torch"])}


def _numbers(found: Spread) -> dict[str, Any]:
    return {"n": len(found.values), "mean": found.mean, "sd": found.sd, "values": list(found.values)}
