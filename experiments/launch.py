"""Hydra called, and the runs of a sweep given to its launcher until each has ended, whoever makes it."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments import identity, result, sweep
from experiments.command_line import Job, Plan
from experiments.errors import UserError
from experiments.lock import free_ones, is_held
from hydra_plugins import listed_sweeper

ATTEMPTS = 3  # at a run whose process ends without a word, killed by the system for one
STOPPED = 128  # exit codes from here on: a signal asked for the end


def run_hydra(job: Callable[[], Any]) -> int:
    """Call `job`, the function that Hydra decorated, which reads `sys.argv`; returns the exit code."""
    try:
        job()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        return 130
    return 0


def carry_out(plan: Plan, job: Callable[[], Any]) -> int:
    """Make the runs of a plan and print how each ended; returns the exit code.

    What another process is making is left to it: the others come first, then its end is waited for, and where it died
    the run is taken up from its last checkpoint. So several of these can work on one plan at a time, on machines that
    share the folder of outputs, and each run is made once. A run that was lost with its process is tried again.

    Args:
        job: the function that Hydra decorated.
    """
    left = [one for one in plan.jobs if not _is_over(one)]
    for one in left:
        sweep.forget_failure(one.config)
    attempts: Counter[str] = Counter()
    while left:
        ready = free_ones(left, _folder)
        code = _launch(ready, plan.where, job)
        if code >= STOPPED:
            return code
        if code and all(sweep.outcome(one.config)["status"] == "not run" for one in ready):
            break  # the launcher itself does not work, and has said why
        lost = [one for one in ready if sweep.is_open(one.config) and not is_held(_folder(one))]
        attempts.update(identity.name(one.config) for one in lost)
        left = [one for one in left if sweep.is_open(one.config) and attempts[identity.name(one.config)] < ATTEMPTS]
        for one in lost:
            goes_on = "tried again" if one in left else f"given up after {ATTEMPTS} times"
            print(f"{identity.name(one.config)} was lost with its process: {goes_on}", flush=True)
    return sweep.summarize(plan)


def _folder(job: Job) -> Path:
    return identity.folder(job.config)


def _is_over(job: Job) -> bool:
    """Whether the run is finished already, which is said then."""
    folder = _folder(job)
    try:
        if result.read(folder) is None:
            return False
        identity.refuse_other(folder, job.config)
    except UserError:
        return False  # the run itself says so
    print(f"{folder.name} is finished already; remove its folder to repeat it", flush=True)
    return True


def _launch(jobs: Sequence[Job], where: Sequence[str], job: Callable[[], Any]) -> int:
    """One pass of the launcher over some runs; returns the exit code of Hydra."""
    # by way of its module, which Hydra loads once more when it looks for plugins
    listed_sweeper.ListedSweeper.jobs = [list(one.overrides) for one in jobs]
    sys.argv = [sys.argv[0], "-m", "hydra/sweeper=listed", *where]
    return run_hydra(job)
