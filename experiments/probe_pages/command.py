"""`scripts/probes.py`: from the words of a command line to the page of what probes found."""

import hashlib
import logging
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from experiments import atomic, folders, probes, script
from experiments.environment import environment
from experiments.errors import UserError
from experiments.finished import find_runs
from experiments.paths import check_outputs, default_outputs
from experiments.probe_pages.arms import Arm, open_arms
from experiments.probe_pages.page import ProbePage, probe_page
from experiments.report.figure_files import FIGURES, write_figures
from experiments.settings import Strict

PAGE = "index.html"
OURS = (PAGE, FIGURES)
PLACE = "probes"  # in the folder of a run, and of several in that of all
LONGEST = 80  # letters of a folder's name before its digest

log = logging.getLogger("normlab")


class Outputs(Strict):
    """Where runs are."""

    outputs: Annotated[str, Field(min_length=1)] | None = None


class ProbeSettings(Strict):
    """The settings of the script."""

    out: Annotated[str, Field(min_length=1)] | None = None
    paths: Outputs = Outputs()


def write_page(words: script.Words, arguments: Sequence[str]) -> Path:
    """The page of the runs that `words` name; returns its folder.

    Args:
        arguments: the words as they were typed, for the page to repeat.

    Raises:
        UserError: one line on the first mistake; nothing was written then.
    """
    settings = script.settings(words.values, ProbeSettings)
    if not words.names:
        raise UserError("no run is named: give a run's folder, its name, or a quoted pattern")
    outputs = Path(settings.paths.outputs or default_outputs())
    found = [folder for name in words.names for folder in find_runs(name, outputs)]
    arms = open_arms(list({folder.resolve(): folder for folder in found}.values()))
    folder = Path(settings.out) if settings.out else _place(arms, settings.paths.outputs)
    check_outputs(str(folder), "out")
    folders.check_replaceable(folder, OURS)
    names = _known(dict.fromkeys(probe for arm in arms for run in arm.runs for probe in run.config["probes"]))
    command = shlex.join(["python", "scripts/probes.py", *arguments])
    built = probe_page(arms, names, command, environment(torch.device("cpu")))
    _write(folder, built)
    log.info("%s", _summary(arms, names, folder))
    return folder


def _known(names: Sequence[str] | dict[str, None]) -> list[str]:
    """The probes that this version has.

    Raises:
        UserError: when it has none of them.
    """
    known = [name for name in names if name in probes.names()]
    gone = [name for name in names if name not in known]
    if not known:
        raise UserError(f"this version of normlab has no probe {gone[0]}; make the page with the one that made the run")
    if gone:
        log.info("this version of normlab has no probe %s: left out", ", ".join(gone))
    return known


def _place(arms: Sequence[Arm], outputs: str | None) -> Path:
    """Inside the run, or of several beside all runs, by the names of the arms and a digest of the runs'."""
    runs = [run for arm in arms for run in arm.runs]
    if len(runs) == 1:
        return runs[0].folder / PLACE
    safe = re.sub(r"[^A-Za-z0-9._=+-]+", "_", "--".join(arm.name for arm in arms)).strip("._") or "runs"
    digest = hashlib.sha256("\n".join(sorted(str(run.folder.resolve()) for run in runs)).encode()).hexdigest()[:8]
    root = Path(outputs) if outputs else runs[0].folder.parent.parent
    return root / PLACE / f"{safe[:LONGEST]}-{digest}"


def _write(folder: Path, built: ProbePage) -> None:
    """The page, and each figure as SVG and PNG; what stood there before is replaced in the end."""
    with folders.replaced(folder) as fresh:
        write_figures(fresh, built.drawings)
        atomic.write_text(fresh / PAGE, built.page)


def _summary(arms: Sequence[Arm], names: Sequence[str], folder: Path) -> str:
    runs = sum(len(arm.runs) for arm in arms)
    told = f"{runs} run{'s' if runs > 1 else ''}: {', '.join(names)}"
    return f"{told}\n  page:    {folder / PAGE}\n  figures: {folder / FIGURES}"
