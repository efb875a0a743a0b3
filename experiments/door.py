"""What happens around Hydra: help page, check of the whole command line, summary of a sweep, exit code."""

import os
from collections.abc import Callable
from typing import Any

from experiments import quiet_start
from experiments.errors import UserError, say
from experiments.host import keep_memory
from experiments.signals import Stopped, ends_outside_training
from experiments.storage import StorageFault, faults_told

# Hydra's own ways of showing things; they run no job.
HYDRA_SHOWS = ("--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc")


def main(job: Callable[[], Any], arguments: list[str]) -> int:
    """Run `job`, the function that Hydra decorated, for `arguments`; returns the exit code."""
    if "--help" in arguments or "-h" in arguments:
        from experiments.help import page

        print(page())
        return 0
    if any(word.split("=")[0] in HYDRA_SHOWS for word in arguments):
        return _show(job, arguments)
    quiet_start.over()
    try:
        with ends_outside_training(first=os.environ.get("RANK", "0") == "0"), faults_told():
            return _run(job, arguments)
    except Stopped as stop:
        return int(str(stop.code))
    except StorageFault as fault:
        say(fault)
        return fault.code
    except KeyboardInterrupt:
        return 130
    finally:
        quiet_start.ended()


def _show(job: Callable[[], Any], arguments: list[str]) -> int:
    """What Hydra shows of a command line without a mistake."""
    from experiments.command_line import plan
    from experiments.launch import run_hydra

    try:
        plan(arguments)
    except UserError as error:
        say(error)
        return 2
    return run_hydra(job)


def _run(job: Callable[[], Any], arguments: list[str]) -> int:
    """The run, sweep or study that the arguments ask for."""
    try:
        from experiments.command_line import plan
        from experiments.studies.grid import asks_for_study, grid

        study = grid(arguments) if asks_for_study(arguments) else None
        planned = plan(arguments) if study is None else study.plan
        keep_memory()
        from experiments import build, identity  # PyTorch comes with these
        from experiments.device import check_gpu
        from experiments.paths import check_outputs
        from experiments.ranks import Ranks

        if planned.needs_gpu:
            check_gpu()
        if planned.multirun or study is not None:
            Ranks.of_environment().require_alone()
        for one in planned.jobs:
            build.check_leaves(one.config)
            identity.name(one.config)
            check_outputs(one.config["paths"]["outputs"])
        if study is not None:
            from experiments.studies.outcome import folder_of

            folder_of(study)
    except UserError as error:
        say(error)
        return error.code
    from experiments.launch import carry_out, run_hydra

    if study is not None:
        from experiments.studies.command import run_study

        return run_study(study, arguments, job)
    return carry_out(planned, job) if planned.multirun else run_hydra(job)
