"""`scripts/evaluate.py`: from its words to measured runs."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from tqdm import tqdm

from experiments import script
from experiments.errors import UserError
from experiments.finished import FinishedRun, find_runs, open_run, restore
from experiments.inference import files, table
from experiments.inference.battery import Request, measure, passes
from experiments.inference.modes import KINDS
from experiments.lock import locked
from experiments.settings import Positive, Strict

Name = Literal["all", "running", "precise", "batch", "sorted", "whole"]

log = logging.getLogger("normlab")


class EvaluationSettings(Strict):
    """The settings of the script, with their defaults."""

    modes: Annotated[list[Name], Field(min_length=1)] = Field(default=["all"])
    batch_sizes: Annotated[list[Positive], Field(min_length=1)] = Field(default=[1, 2, 4, 8, 32, 128, 512])
    shuffles: Positive = 5
    precise_images: Annotated[int, Field(ge=2)] = 10_000
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda|cuda:\d+)$")] = "auto"
    paths: script.ScriptPaths = script.ScriptPaths()

    @field_validator("modes", "batch_sizes", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        """`modes=batch` and `modes=batch,sorted` are lists too."""
        if isinstance(value, str):
            return [word.strip() for word in value.split(",")]
        return [value] if isinstance(value, int) and not isinstance(value, bool) else value


def evaluate_runs(words: script.Words) -> None:
    """Measure each run that is named, print what was found and write its files.

    Raises:
        UserError: for the first mistake, and for a run that another process is at work on; all runs are opened before
            the first is measured.
    """
    settings = script.settings(words.values, EvaluationSettings)
    if not words.names:
        raise UserError("no run is named: give a run's folder, its name, or a quoted pattern")
    folders = [folder for name in words.names for folder in find_runs(name, Path(settings.paths.outputs))]
    runs = [open_run(folder) for folder in dict.fromkeys(folders)]
    for number, run in enumerate(runs):
        if number:
            log.info("")
        with locked(run.folder):
            evaluate(run, settings, settings.paths.data)


def evaluate(run: FinishedRun, settings: EvaluationSettings, data: str | None) -> None:
    """Measure one run, print what was found and write its files.

    Args:
        run: whose folder the caller has locked. data: where the datasets are, if elsewhere.

    Raises:
        UserError: when the run's images are not there, or are others.
    """
    live = restore(run, settings.device, data)
    kinds = KINDS if "all" in settings.modes else tuple(kind for kind in KINDS if kind in settings.modes)
    # the gaps and the sentence are about the batch size of training
    sizes = tuple(sorted({*settings.batch_sizes, live.settings.batch_size}))
    request = Request(kinds, sizes, settings.shuffles, settings.precise_images)
    total = passes(live, request)
    log.info("%s: measuring %s on %s", run.name, ", ".join(kinds), live.device)
    with tqdm(total=total, unit="image", disable=not sys.stderr.isatty(), dynamic_ncols=True, leave=False) as bar:
        content = measure(run, live, request, bar.update)
    written = files.write(run.folder, content, run.result["steps"])
    log.info("\n%s\n\nfiles (measured in %.0f s)", table.page(content), content["seconds"])
    log.info("%s", "\n".join(f"  {path}" for path in written))
