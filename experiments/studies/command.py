"""`python train.py study=NAME scale=SCALE`: the runs of a study, stage by stage, then its page."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from experiments import identity, sweep
from experiments.command_line import Plan
from experiments.errors import UserError
from experiments.launch import run_hydra
from experiments.studies.evaluation import evaluate_runs
from experiments.studies.grid import Grid, grid
from experiments.studies.outcome import conclude
from hydra_plugins.listed_sweeper import ListedSweeper


def run_study(study: Grid, arguments: Sequence[str], job: Callable[[], Any]) -> int:
    """Run what is missing of a study and conclude it; returns the exit code.

    Where a setting is tuned, the runs that choose it come first with all others, and the tuned arms in a second stage.

    Args:
        job: the function that Hydra decorated.
    """
    code = _stage(study, study.plan, job)
    try:
        if study.waiting and code == 0:
            first = {identity.name(one.config) for one in study.plan.jobs}
            study = grid(arguments)
            new = tuple(one for one in study.plan.jobs if identity.name(one.config) not in first)
            if new:
                code = _stage(study, replace(study.plan, jobs=new), job)
        evaluate_runs(study)
        conclude(study)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code


def _stage(study: Grid, plan: Plan, job: Callable[[], Any]) -> int:
    """Give runs of the study to the launcher; those that are finished are found so."""
    ListedSweeper.jobs = [list(one.overrides) for one in plan.jobs]
    sys.argv = [sys.argv[0], "-m", "hydra/sweeper=listed", *study.launcher, *study.own]
    return run_hydra(job) or sweep.summarize(plan)
