"""`scripts/reproduce.py`: from its words to checks, studies and the report."""

import logging
import sys
import time
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path

from tqdm import tqdm

from experiments.checks.registry import checks
from experiments.checks.run import run_checks
from experiments.paths import check_outputs, default_outputs
from experiments.progress import duration
from experiments.reproduce.estimate import Estimate
from experiments.reproduce.plan import show_plan
from experiments.reproduce.settings import Wanted, parse
from experiments.reproduce.study_process import Runs, last_line, run_study
from experiments.reproduce.work import StudyWork, Work, work
from experiments.site.command import bring_up_to_date
from experiments.studies import ledger, study

log = logging.getLogger("normlab")


def reproduce(words: Sequence[str]) -> int:
    """Run what the words ask for; returns the exit code: 1 where a study failed, else 0.

    Raises:
        UserError: for the first mistake found in the words, before anything is run; or when the report cannot be made.
    """
    wanted = parse(words, default_outputs())
    check_outputs(wanted.outputs)
    todo = _work(wanted)
    if wanted.plan:
        show_plan(todo.studies, wanted)
        return 0
    opened = (Runs(part.command(wanted.passed_on)) for part in todo.studies)
    first = list(islice(opened, 1))  # finds mistakes in the words before anything is run
    if todo.checks:
        log.info("checks: %d", len(todo.checks))
        run_checks(todo.checks, Path(wanted.outputs))
    if wanted.scale is None:
        return 0
    failed = _studies(todo.studies, chain(first, opened), wanted)
    bring_up_to_date(Path(wanted.outputs))
    for name, said in failed.items():
        log.info("%s failed: %s", name, said)
    return 1 if failed else 0


def _work(wanted: Wanted) -> Work:
    names = list(checks())
    claims = ledger.select(ledger.load(names), wanted.claims, wanted.documents)
    everything = not wanted.claims and not wanted.documents
    studies = {name: study.load(name) for name in study.names()}
    return work(claims.values(), studies, wanted.scale, everything, names)


def _studies(parts: Sequence[StudyWork], opened: Iterable[Runs], wanted: Wanted) -> dict[str, str]:
    """Run the studies in turn; returns what those said that failed, by name.

    Args:
        opened: the runs of each, taken when its turn comes.
    """
    estimate = Estimate(parts)
    failed = {}
    began = time.monotonic()
    folder = Path(wanted.outputs) / "reproduce"
    with tqdm(
        total=estimate.total, initial=estimate.done, unit="run", dynamic_ncols=True, disable=not sys.stderr.isatty(),
        bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} runs, {postfix}",
    ) as bar:  # fmt: skip
        for number, (part, runs) in enumerate(zip(parts, opened, strict=True), 1):
            left = duration(estimate.seconds_left(time.monotonic() - began))
            log.info(
                "study %d of %d: %s, %d runs; %d of %d runs done, about %s left",
                number, len(parts), part.name, part.runs, estimate.done, estimate.total, left,
            )  # fmt: skip
            bar.set_description_str(part.name)
            path = folder / f"{part.name}-{part.scale}.log"
            estimate.found(part.name, runs.over())
            told = partial(_show, bar, estimate, part.name, began)
            code = run_study(part, wanted.passed_on, path, runs, told)
            if code:
                failed[part.name] = f"{last_line(path)} (exit code {code}; all of it in {path})"
                log.info("%s failed: %s", part.name, failed[part.name])
            else:
                estimate.over(part.name)
    if parts:
        took = duration(time.monotonic() - began)
        log.info("studies: %d done, %d failed, in %s", len(parts) - len(failed), len(failed), took)
    return failed


def _show(bar: tqdm, estimate: Estimate, name: str, began: float, runs: int) -> None:
    """Bring the bar up to date."""
    estimate.now(name, runs)
    bar.n = estimate.done
    bar.set_postfix_str(f"about {duration(estimate.seconds_left(time.monotonic() - began))} left")
