"""The end of a study: its numbers on the console and in its folder, `outputs/studies/<name>-<scale>`."""

import json
from pathlib import Path
from typing import Any

from experiments import atomic
from experiments.folders import check_replaceable, replaced
from experiments.report.figure_files import FIGURES, write_figures
from experiments.studies.grid import Grid
from experiments.studies.numbers import read_runs, summary
from experiments.studies.page import study_page

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
    numbers = summary(grid.name, grid.scale, grid.study, runs)
    page, drawings = study_page(grid, numbers, runs, folder)
    with replaced(folder) as fresh:
        atomic.write_text(fresh / "summary.json", json.dumps(numbers, indent=2, ensure_ascii=False) + "\n")
        atomic.write_text(fresh / "index.html", page)
        write_figures(fresh, drawings)
    print("\n".join(table(numbers)))
    print(f"\npage:    {folder / 'index.html'}\nnumbers: {folder / 'summary.json'}")


def table(numbers: dict[str, Any]) -> list[str]:
    """Lines: each arm with the mean ± standard deviation over its seeds of every metric."""
    labels = list(next(iter(numbers["arms"].values()))["metrics"])
    width = max(len(arm) for arm in numbers["arms"])
    lines = ["", f"{numbers['study']} at scale={numbers['scale']}: {numbers['question']}", ""]
    lines += [f"  [{place}] {label}" for place, label in enumerate(labels, 1)]
    lines.append(f"{'arm':<{width}}  n  " + "".join(f"{f'[{place}]':>22}" for place in range(1, len(labels) + 1)))
    for arm, found in numbers["arms"].items():
        cells = "".join(f"{_cell(found['metrics'][label]):>22}" for label in labels)
        done = sum(status != "not finished" for status in found["statuses"].values())
        lines.append(f"{arm:<{width}}  {done}  {cells}")
    runs = numbers["runs"]
    lines.append(", ".join(f"{count} {status}" for status, count in runs.items() if count))
    return lines


def _cell(found: dict[str, Any]) -> str:
    if found["mean"] is None:
        return "–"
    spread = "" if found["sd"] is None else f" ± {found['sd']:.2g}"
    return f"{found['mean']:.4g}{spread}"
