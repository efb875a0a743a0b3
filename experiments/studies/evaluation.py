"""The inference modes of a study's finished runs, measured where they are not yet."""

import logging
from contextlib import suppress

from experiments import identity
from experiments.command_line import Job
from experiments.finished import open_run
from experiments.inference.evaluation import EvaluationSettings, evaluate
from experiments.lock import HeldElsewhere, free_ones, locked
from experiments.progress import console_log
from experiments.studies.grid import Grid
from experiments.studies.runs import StudyRun, read_run, read_runs
from experiments.studies.study import Evaluation

log = logging.getLogger("normlab")


def evaluate_runs(study: Grid) -> None:
    """Measure every finished run of a study that asks for it, as `scripts/evaluate.py` does.

    Raises:
        UserError: when a run's files or images are not there any more.
    """
    wanted = study.study.evaluation
    if wanted is None:
        return
    runs = {run.folder: run for found in read_runs(study.arms).values() for run in found if run.status == "finished"}
    missing = {folder: run.job for folder, run in runs.items() if not _measured(run, wanted)}
    with console_log(None):
        while missing:
            folder = free_ones(list(missing), lambda one: one)[0]
            with suppress(HeldElsewhere), locked(folder):  # another process may be at work on the same study
                job = missing.pop(folder)
                if not _measured(read_run(job), wanted):
                    log.info("measuring inference modes of %s, %d runs more", folder.name, len(missing))
                    evaluate_run(job, wanted)


def evaluate_run(job: Job, wanted: Evaluation) -> None:
    """Measure one finished run and write its files."""
    settings = EvaluationSettings(
        modes=wanted.modes,
        batch_sizes=wanted.batch_sizes,
        shuffles=wanted.shuffles,
        precise_images=wanted.precise_images,
        device=job.config["device"],
    )
    evaluate(open_run(identity.folder(job.config)), settings, job.config["paths"]["data"])


def _measured(run: StudyRun, wanted: Evaluation) -> bool:
    """Whether the run's modes.json answers what the study asks for."""
    if run.modes is None:
        return False
    found = run.modes["settings"]
    return (
        set(wanted.batch_sizes) <= set(found["batch_sizes"])
        and found["shuffles"] >= wanted.shuffles
        and ("all" in wanted.modes or set(wanted.modes) <= set(found["modes"]))
        and found["precise_images"] >= wanted.precise_images
    )
