"""`scripts/reproduce.py`: from its words to checks, studies and the report."""

import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from experiments.checks.registry import checks
from experiments.checks.run import run_checks
from experiments.paths import check_outputs, default_outputs
from experiments.progress import duration
from experiments.reproduce.estimate import Estimate
from experiments.reproduce.settings import Wanted, parse
from experiments.reproduce.study_process import Runs, last_line, run_study
from experiments.reproduce.work import StudyWork, Work, work
from experiments.studies import ledger, study

log = logging.getLogger("normlab")
REPORT = Path(__file__).resolve().parents[2] / "scripts" / "report.py"


def reproduce(words: Sequence[str]) -> int:
    """Run what the words ask for; returns the exit code: 1 where a study failed, else 0.

    Raises:
        UserError: for the first mistake found, before anything is run.
    """
    wanted = parse(words, default_outputs())
    check_outputs(wanted.outputs)
    todo = _work(wanted)
    for part in todo.studies[:1]:
        Runs(part.command(wanted.passed_on))  # finds mistakes in the words before anything is run
    if todo.checks:
        log.info("checks: %d", len(todo.checks))
        run_checks(todo.checks, Path(wanted.outputs))
    failed = _studies(todo.studies, wanted)
    if wanted.checks_alone:
        return 0
    code = subprocess.run([sys.executable, str(REPORT), f"paths.outputs={wanted.outputs}"], check=False).returncode
    for name, said in failed.items():
        log.info("%s failed: %s", name, said)
    return 1 if failed else code


def _work(wanted: Wanted) -> Work:
    names = list(checks())
    claims = ledger.select(ledger.load(names), wanted.claims, wanted.documents)
    everything = not wanted.claims and not wanted.documents
    if wanted.checks_alone:
        found = work(claims.values(), {}, "smoke", False, names) if not everything else None
        return Work(tuple(names) if found is None else found.checks, ())
    assert wanted.scale is not None
    studies = {name: study.load(name) for name in study.names()}
    return work(claims.values(), studies, wanted.scale, everything, names)


def _studies(parts: Sequence[StudyWork], wanted: Wanted) -> dict[str, str]:
    """Run the studies in turn; returns what those said that failed, by name."""
    estimate = Estimate(parts)
    failed = {}
    began = time.monotonic()
    folder = Path(wanted.outputs) / "reproduce"
    with tqdm(
        total=estimate.total, initial=estimate.done, unit="run", dynamic_ncols=True, disable=not sys.stderr.isatty(),
        bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} runs, {postfix}",
    ) as bar:  # fmt: skip
        for number, part in enumerate(parts, 1):
            left = duration(estimate.seconds_left(time.monotonic() - began))
            log.info(
                "study %d of %d: %s, %d runs; %d of %d runs done, about %s left",
                number, len(parts), part.name, part.runs, estimate.done, estimate.total, left,
            )  # fmt: skip
            bar.set_description_str(part.name)
            path = folder / f"{part.name}-{part.scale}.log"
            runs = Runs(part.command(wanted.passed_on))
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
