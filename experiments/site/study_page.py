"""The page of a study at a scale, as values for its template: what was asked, decided, found, and how to repeat it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.progress import duration
from experiments.site import study_file
from experiments.site.drawn.dots import Published, dots
from experiments.site.drawn.effect import effect
from experiments.site.drawn.lines import Panels, panels
from experiments.site.drawn.svg import Chart
from experiments.site.rows import Row, page_of
from experiments.site.run_curves import lines
from experiments.site.sources import Summary
from experiments.studies.cells import cell, cell_text

# curves of metrics.csv with their titles and whether they are shares
CURVES = {
    "accuracy/test": ("Test accuracy (%), evaluation mode", True),
    "loss/train": ("Training loss (nats), evaluation mode", False),
    "running/loss": ("Training loss (nats), mean of the last 50 batches", False),
}
MOST_ARMS = 40  # in a chart of dots


def values(summary: Summary, study: study_file.Settings, rows: Sequence[Row], outputs: Path, report: Path) -> Row:
    """What the template studies.html shows.

    Args:
        study: the study's file. rows: all claims (experiments/site/rows.py).
        outputs: where runs are. report: the report's folder, which links start from.
    """
    name, scale = summary["study"], summary["scale"]
    shared = study_file.shared_settings(study, scale)
    metrics = summary["metrics"]
    return {
        "summary": summary,
        "kept": kept_words(summary),
        "labels": [metric["label"] for metric in metrics.values()],
        "places": [f"[{place}]" for place in range(1, len(metrics) + 1)],
        "arms": [_arm(arm, found, metrics) for arm, found in summary["arms"].items()],
        "claims": claims_of(rows, name, scale),
        "charts": overview(summary, study),
        "curves": curves(summary, outputs) if summary["source"] == "local" else [],
        "runs": list(_runs(summary, outputs, report / page_of(name, scale))),
        "published": list(_published_rows(summary, study)),
        "counts": ", ".join(f"{count} {status}" for status, count in summary["runs"].items() if count),
        "expect": study_file.expected_time(study, scale),
        "factors": study_file.factors(study, scale),
        "tuning": study.get("tuning"),
        "seeds": ", ".join(map(str, summary["seeds"])),
        "shared": shared,
        "overrides": [
            {"name": arm, "overrides": [word for word in found["overrides"] if word not in shared]}
            for arm, found in summary["arms"].items()
        ],
        "trained": duration(summary["train_seconds"]),
    }


def kept_words(summary: Mapping[str, Any]) -> str:
    """Where kept numbers were made; empty for numbers made here."""
    if summary["source"] == "local":
        return ""
    made = [f"{about['device_name']}, commit {about['commit'][:10]}" for about in summary["environments"]]
    return f"Kept result: {'; '.join(dict.fromkeys(made))}"


def claims_of(rows: Sequence[Row], study: str, scale: str) -> list[Row]:
    """The claims that this study bears on, with those of their parts that it decides, at this scale or not run."""
    found = []
    for row in rows:
        parts = [part for part in row["parts"] if part["by"] == study and part["scale"] in (scale, None)]
        if parts:
            drawn = [{**part, "picture": effect(part["numbers"]) if part["numbers"] else ""} for part in parts]
            found.append({**row, "parts": drawn})
    return found


def _arm(arm: str, found: dict[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    statuses = [run["status"] for run in found["runs"].values()]
    cells = {key: cell(list(found["values"].get(key, {}).values())) for key in metrics}
    return {
        "name": arm,
        "n": sum(status != "not finished" for status in statuses),
        "diverged": statuses.count("diverged"),
        "cells": [{"n": cells[key]["n"], "text": cell_text(cells[key], metrics[key]["percent"])} for key in metrics],
    }


def overview(summary: Summary, study: study_file.Settings) -> list[Chart]:
    """A chart of dots for each metric; of many arms, of those alone that put others together."""
    arms = summary["arms"]
    if len(arms) > MOST_ARMS:
        arms = {arm: found for arm, found in arms.items() if reduced(found)}
    if not 0 < len(arms) <= MOST_ARMS:
        return []
    charts = []
    for key, metric in summary["metrics"].items():
        found = {arm: list(one["values"].get(key, {}).values()) for arm, one in arms.items()}
        theirs: dict[str, list[Published]] = {}
        for one in study.get("published") or []:
            if one["metric"] == key:
                theirs.setdefault(one["arm"], []).append(Published(one["value"], one.get("sd")))
        charts.append(dots(metric["label"], found, metric["percent"], metric["ratio"], theirs))
    return [chart for chart in charts if chart is not None]


def reduced(arm: Mapping[str, Any]) -> bool:
    """Whether the arm puts others together: it has no runs of its own."""
    return all(run["folder"] is None for run in arm["runs"].values())


def run_files(summary: Summary, outputs: Path) -> dict[str, list[Path]]:
    """The curves of each arm's finished runs, which need not be here."""
    return {
        arm: [
            outputs / "runs" / run["folder"] / "metrics.csv"
            for run in found["runs"].values()
            if run["status"] == "finished" and run["folder"]
        ]
        for arm, found in summary["arms"].items()
        if not reduced(found)
    }


def curves(summary: Summary, outputs: Path) -> list[tuple[str, Panels]]:
    """The curves that are there, each with its title."""
    found = lines(run_files(summary, outputs), list(CURVES))
    drawn = [(title, panels(found[name], title, is_share)) for name, (title, is_share) in CURVES.items()]
    return [(title, one) for title, one in drawn if one is not None]


def _runs(summary: Summary, outputs: Path, page: Path) -> Any:
    metrics = list(summary["metrics"].items())
    for arm, found in summary["arms"].items():
        for seed, run in found["runs"].items():
            if run["folder"] is None:
                continue
            folder = outputs / "runs" / run["folder"]
            here = summary["source"] == "local" and folder.is_dir()
            numbers = [({"mean": found["values"].get(key, {}).get(seed), "sd": None}, one) for key, one in metrics]
            yield {
                "arm": arm,
                "seed": seed,
                "status": run["status"],
                "name": run["folder"],
                "link": Path(os.path.relpath(folder, page.parent)).as_posix() if here else "",
                "cells": [cell_text(number, metric["percent"]) for number, metric in numbers],
            }


def _published_rows(summary: Summary, study: study_file.Settings) -> Any:
    """Figures of papers with ours beside them."""
    for one in study.get("published") or []:
        arm, metric = summary["arms"].get(one["arm"]), summary["metrics"].get(one["metric"])
        if metric is None:
            continue
        ours = cell(list(arm["values"].get(one["metric"], {}).values()) if arm else [])
        yield {
            "arm": one["arm"],
            "metric": metric["label"],
            "ours": cell_text(ours, metric["percent"]),
            "our_n": ours["n"],
            "theirs": cell_text({"mean": one["value"], "sd": one.get("sd")}, metric["percent"]),
            "their_n": one.get("n") or "–",
            "source": one["source"],
        }
