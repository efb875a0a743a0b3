"""Runs with probes, finished or not, put together into arms: the seeds of a configuration."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import identity, result
from experiments.compare.naming import arm_names
from experiments.errors import UserError
from experiments.finished import read_config
from experiments.report.metrics import Curve, read_curves

log = logging.getLogger("normlab")


@dataclass(frozen=True)
class ProbedRun:
    """A run that has recorded something."""

    folder: Path
    config: dict[str, Any]
    curves: dict[str, Curve]
    result: dict[str, Any] | None  # of a finished or diverged run

    @property
    def seed(self) -> int:
        return self.config["seed"]


@dataclass(frozen=True)
class Arm:
    """Runs that differ in their seed alone, in its order."""

    name: str  # what sets the arm apart from the others
    runs: tuple[ProbedRun, ...]


def open_arms(folders: Sequence[Path]) -> list[Arm]:
    """The runs in these folders that had probes, in arms in the order in which they were named.

    Raises:
        UserError: one line, when none had probes, a run has recorded nothing, a file of it is damaged, or a seed of a
            configuration is there twice.
    """
    configs = {folder: read_config(folder) for folder in folders}
    probed = [folder for folder in folders if configs[folder].get("probes")]
    without = [folder for folder in folders if folder not in probed]
    if not probed:
        more = f" and {len(without) - 1} more" if len(without) > 1 else ""
        raise UserError(f"{without[0]}{more} had no probes; repeat the run with some, as in probes=[gradient_depth]")
    if without:
        some = ", ".join(folder.name for folder in without[:3]) + (", …" if len(without) > 3 else "")
        log.info("%d of %d runs had no probes and are left out: %s", len(without), len(folders), some)
    groups: dict[str, list[ProbedRun]] = {}
    for folder in probed:
        run = ProbedRun(folder, configs[folder], _curves(folder, configs[folder]["probes"]), result.read(folder))
        groups.setdefault(identity.group(run.config), []).append(run)
    names = arm_names([runs[0].config for runs in groups.values()])
    return [Arm(name, _by_seed(runs)) for name, runs in zip(names, groups.values(), strict=True)]


def _by_seed(runs: Sequence[ProbedRun]) -> tuple[ProbedRun, ...]:
    found: dict[int, ProbedRun] = {}
    for run in runs:
        if run.seed in found:
            raise UserError(f"{found[run.seed].folder} and {run.folder} are the same run twice: name each run once")
        found[run.seed] = run
    return tuple(found[seed] for seed in sorted(found))


def _curves(folder: Path, probes: Sequence[str]) -> dict[str, Curve]:
    curves = read_curves(folder)
    if not any(name.startswith(f"{probe}/") for probe in probes for name in curves) and result.read(folder) is None:
        raise UserError(f"{folder} has no measurement of its probes on disk yet; wait for its next checkpoint")
    return curves
