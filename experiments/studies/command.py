"""`python train.py study=NAME scale=SCALE`: the runs of a study, stage by stage, then its page."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from experiments import identity
from experiments.errors import UserError
from experiments.launch import carry_out
from experiments.printable import one_line
from experiments.studies.evaluation import evaluate_runs
from experiments.studies.grid import Grid, grid
from experiments.studies.outcome import conclude


def run_study(study: Grid, arguments: Sequence[str], job: Callable[[], Any]) -> int:
    """Run what is missing of a study and conclude it; returns the exit code.

    Where a setting is tuned, the runs that choose it come first with all others, and the tuned arms in a second stage.

    Args:
        job: the function that Hydra decorated.
    """
    code = carry_out(study.plan, job)
    try:
        if study.waiting and code == 0:
            first = {identity.name(one.config) for one in study.plan.jobs}
            study = grid(arguments)
            new = tuple(one for one in study.plan.jobs if identity.name(one.config) not in first)
            if new:
                code = carry_out(replace(study.plan, jobs=new), job)
        evaluate_runs(study)
        conclude(study)
    except UserError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    return code
