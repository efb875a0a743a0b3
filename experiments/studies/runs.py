"""The runs of a study as they stand on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments import identity, result
from experiments.command_line import Job
from experiments.plain_files import read_json
from experiments.report.metrics import Curve, read_curves

STATUSES = ("finished", "diverged", "not finished")


@dataclass(frozen=True)
class StudyRun:
    """A run of a study."""

    job: Job
    folder: Path
    result: dict[str, Any] | None  # None while it is not finished

    @property
    def seed(self) -> int:
        return self.job.config["seed"]

    @property
    def status(self) -> str:
        """finished, diverged, or not finished."""
        return "not finished" if self.result is None else self.result["status"]

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """Its curves; none while it is not finished."""
        return {} if self.result is None else read_curves(self.folder)

    @cached_property
    def modes(self) -> dict[str, Any] | None:
        """What scripts/evaluate.py found; None where it was not run.

        Raises:
            UserError: when the file is damaged.
        """
        path = self.folder / "modes.json"
        try:
            return read_json(path, "remove it and give the study's command again")
        except FileNotFoundError:
            return None


def read_runs(arms: Mapping[str, list[Job]]) -> dict[str, list[StudyRun]]:
    """The runs of each arm, by seed."""
    return {arm: [read_run(job) for job in jobs] for arm, jobs in arms.items()}


def read_run(job: Job) -> StudyRun:
    """A run, with its result where it has one."""
    folder = identity.folder(job.config)
    return StudyRun(job, folder, result.read(folder))
