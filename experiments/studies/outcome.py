"""The end of a study: its numbers on the console and in its folder, `outputs/studies/<name>-<scale>`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.sealed import seal
from experiments import atomic
from experiments.folders import check_replaceable, replaced
from experiments.report.figure_files import FIGURES, write_figures
from experiments.studies.cells import arm_row, counts, pair_rows, run_metrics
from experiments.studies.grid import Grid
from experiments.studies.page import study_page
from experiments.studies.runs import StudyRun, read_runs
from experiments.studies.study import SEPARATOR, TUNED
from experiments.studies.summary import summary

WRITTEN = ("summary.json", "index.html", FIGURES)


def folder_of(grid: Grid) -> Path:
    """Where the study's page and numbers go.

    Raises:
        UserError: when something else stands there, which is not written over.
    """
    folder = Path(grid.plan.jobs[0].config["paths"]["outputs"]) / "studies" / f"{grid.name}-{grid.scale}"
    check_replaceable(folder, WRITTEN)
    return folder


def conclude(grid: Grid) -> None:
    """Print the study's table and write its folder.

    Raises:
        UserError: when the folder cannot be written, or a metric asks for what no run has.
    """
    folder = folder_of(grid)
    runs = read_runs(grid.arms)
    numbers = numbers_of(grid, runs)
    page, drawings = study_page(grid, numbers, runs, folder)
    with replaced(folder) as fresh:
        atomic.write_text(fresh / "summary.json", json.dumps(seal(numbers), indent=2, ensure_ascii=False) + "\n")
        atomic.write_text(fresh / "index.html", page)
        write_figures(fresh, drawings)
    print("\n".join(table(numbers)))
    print(f"\npage:    {folder / 'index.html'}\nnumbers: {folder / 'summary.json'}")


def numbers_of(grid: Grid, runs: Mapping[str, Sequence[StudyRun]]) -> dict[str, Any]:
    """The content of summary.json; `runs` by arm."""
    tuned = {f"{arm}{SEPARATOR}{TUNED}": [f"{one.setting}={one.chosen}"] for arm, one in grid.tuning.items()}
    overrides = grid.study.arms(grid.scale)
    return summary(
        grid.name,
        grid.scale,
        grid.study,
        runs,
        overrides={arm: overrides.get(arm) or _of_tuned(arm, overrides, tuned) for arm in runs},
        narrowed=grid.narrowed,
        tuning={arm: one.as_data() for arm, one in grid.tuning.items()},
    )


def _of_tuned(arm: str, overrides: Mapping[str, list[str]], tuned: Mapping[str, list[str]]) -> list[str]:
    """A tuned arm's overrides: those of its arm, with the chosen value."""
    return [*overrides[arm.removesuffix(f"{SEPARATOR}{TUNED}")], *tuned[arm]]


def table(numbers: dict[str, Any]) -> list[str]:
    """Lines: each arm with the mean ± standard deviation over its seeds of every metric, then each pair of arms."""
    metrics = run_metrics(numbers)
    width = max(len(arm) for arm in numbers["arms"])
    lines = ["", f"{numbers['study']} at scale={numbers['scale']}: {numbers['question']}", ""]
    lines += [f"  [{place}] {about['label']}" for place, about in enumerate(metrics.values(), 1)]
    lines.append(f"{'arm':<{width}}  n  " + "".join(f"{f'[{place}]':>22}" for place in range(1, len(metrics) + 1)))
    for arm, found in numbers["arms"].items():
        row = arm_row(arm, found, metrics)
        lines.append(f"{arm:<{width}}  {row['done']}  " + "".join(f"{cell['text']:>22}" for cell in row["cells"]))
    for pair in pair_rows(numbers):
        lines.append(f"{pair['arms']}: {pair['metric']} {pair['text']} (n = {pair['n']})")
    for arm, one in numbers["tuning"].items():
        edge = ", at the edge of what was tried" if one["at_edge"] else ""
        lines.append(f"{arm}: {one['setting']}={one['chosen']} is best on held-out images{edge}")
    return [*lines, counts(numbers)]
