"""The end of a study: its numbers on the console and in its folder, `outputs/studies/<name>-<scale>`."""

import json
from pathlib import Path
from typing import Any

from experiments import atomic
from experiments.studies.grid import Grid
from experiments.studies.numbers import read_runs, summary


def conclude(grid: Grid) -> Path:
    """Print the study's table and write its folder; returns the folder."""
    numbers = summary(grid.name, grid.scale, grid.study, read_runs(grid.arms))
    folder = Path(grid.plan.jobs[0].config["paths"]["outputs"]) / "studies" / f"{grid.name}-{grid.scale}"
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_text(folder / "summary.json", json.dumps(numbers, indent=2, ensure_ascii=False) + "\n")
    print("\n".join(table(numbers)))
    print(f"numbers: {folder / 'summary.json'}")
    return folder


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
