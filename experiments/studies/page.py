"""The page of a study: its question, its arms in a table, the charts of its probes, every run, how to repeat it."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.probe_pages.page import TEMPLATES as PROBE_TEMPLATES
from experiments.probe_pages.sections import Section, probe_sections
from experiments.progress import duration
from experiments.report.figures import Drawing
from experiments.report.page import SPACE, number, render, short
from experiments.studies.figure import metrics_figure
from experiments.studies.grid import Grid
from experiments.studies.runs import StudyRun
from experiments.studies.summary import spread

TEMPLATES = Path(__file__).resolve().parent / "templates"


def study_page(
    grid: Grid, numbers: dict[str, Any], runs: Mapping[str, Sequence[StudyRun]], folder: Path
) -> tuple[str, list[Drawing]]:
    """The page for `folder`, and the figures on it."""
    sections = _sections(grid, runs)
    metrics = numbers["metrics"]
    arms = {arm: _row(found, metrics) for arm, found in numbers["arms"].items()}
    scale = grid.study.scales[grid.scale]  # type: ignore[index]
    overview = metrics_figure(numbers["arms"], metrics)
    page = render(
        "study.html",
        [TEMPLATES, PROBE_TEMPLATES],
        numbers={**numbers, "arms": arms},
        labels=[about["label"] for about in metrics.values()],
        places=[f"[{place}]" for place in range(1, len(metrics) + 1)],
        shared=[*grid.study.settings, *scale.settings],
        counts=", ".join(f"{count} {status}" for status, count in numbers["runs"].items() if count),
        narrowed=grid.narrowed,
        overview=overview,
        sections=sections,
        runs=[_run(arm, run, folder) for arm, found in runs.items() for run in found],
        expect=scale.expect,
        seeds=", ".join(map(str, scale.seeds)),
        trained=duration(numbers["train_seconds"]),
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


def _row(found: dict[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """An arm's numbers as text, in the order of the metrics."""
    done = sum(run["status"] != "not finished" for run in found["runs"].values())
    values = [found["values"].get(key, {}) for key in metrics]
    cells = [
        {"n": len(some), "text": cell_text(some, about["percent"])}
        for some, about in zip(values, metrics.values(), strict=True)
    ]
    return {**found, "done": done, "cells": cells}


def cell_text(values: Mapping[str, float], is_share: bool) -> str:
    """Mean ± standard deviation over the seeds, to the second digit of the latter."""
    mean, sd = spread(values)
    if mean is None:
        return "–"
    scale = 100 if is_share else 1
    mean, sd = scale * mean, None if sd is None else scale * sd
    unit = f"{SPACE}%" if is_share else ""
    if not sd:  # one value, or all the same
        return short(mean) + unit
    digits = min(max(1 - math.floor(math.log10(sd)), 0), 6)
    return f"{number(mean, digits)} ± {number(sd, digits)}{unit}"


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
