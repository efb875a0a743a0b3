"""The page of a study: its question, its arms in a table, the charts of its probes, every run, how to repeat it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.probe_pages.page import TEMPLATES as PROBE_TEMPLATES
from experiments.probe_pages.sections import Section, probe_sections
from experiments.report.figures import Drawing
from experiments.report.page import render
from experiments.studies.cells import arm_row, run_metrics, shared_values
from experiments.studies.figure import metrics_figure
from experiments.studies.grid import Grid
from experiments.studies.runs import StudyRun

TEMPLATES = Path(__file__).resolve().parent / "templates"


def study_page(
    grid: Grid, numbers: dict[str, Any], runs: Mapping[str, Sequence[StudyRun]], folder: Path
) -> tuple[str, list[Drawing]]:
    """The page for `folder`, and the figures on it."""
    sections = _sections(grid, runs)
    metrics = run_metrics(numbers)
    scale = grid.study.scales[grid.scale]  # type: ignore[index]
    overview = metrics_figure(numbers["arms"], metrics)
    page = render(
        "study.html",
        [TEMPLATES, PROBE_TEMPLATES],
        numbers=numbers,
        arms=[arm_row(arm, found, metrics) for arm, found in numbers["arms"].items()],
        shared=[*grid.study.settings, *scale.settings],
        overview=overview,
        sections=sections,
        runs=[_run(arm, run, folder) for arm, found in runs.items() for run in found],
        expect=scale.expect,
        **shared_values(numbers),
    )
    drawings = [drawing for section in sections for drawing in section.drawings]
    return page, drawings if overview is None else [overview, *drawings]


def _sections(grid: Grid, runs: Mapping[str, Sequence[StudyRun]]) -> list[Section]:
    """What the study's probes found in the runs that are over."""
    over = {arm: [run for run in found if run.result is not None] for arm, found in runs.items()}
    over = {arm: found for arm, found in over.items() if found}
    curves = {arm: [run.curves for run in found] for arm, found in over.items()}
    results = {arm: [run.result for run in found] for arm, found in over.items()}
    names = grid.plan.jobs[0].config["probes"]
    return [part for part in probe_sections(curves, names, results, grid.study.charts) if part.drawings]


def _run(arm: str, run: StudyRun, folder: Path) -> dict[str, Any]:
    final = {} if run.result is None else run.result["final"]
    keys = ("test_accuracy", "test_loss", "train_loss")
    return {
        "arm": arm,
        "seed": run.seed,
        "name": run.folder.name,
        "link": Path(os.path.relpath(run.folder, folder)).as_posix(),
        "status": run.status,
        **{key: final.get(key) for key in keys},
    }
