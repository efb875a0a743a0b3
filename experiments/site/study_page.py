"""The page of a study at a scale, as values for its template: what was asked, decided, found, and how to repeat it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.site.drawn.dots import Published, dots
from experiments.site.drawn.effect import effect
from experiments.site.drawn.lines import Panels, panels
from experiments.site.drawn.svg import Chart
from experiments.site.rows import Row, page_of
from experiments.site.run_curves import lines
from experiments.site.sources import Summary
from experiments.studies.cells import arm_row, cell_text, run_metrics, shared_values, spread_text

# curves of metrics.csv with their titles and whether they are shares
CURVES = {
    "accuracy/test": ("Test accuracy (%), evaluation mode", True),
    "loss/train": ("Training loss (nats), evaluation mode", False),
    "running/loss": ("Training loss (nats), mean of the last 50 batches", False),
}
MOST_ARMS = 40  # in a chart of dots, and beside each other in a table


def values(
    summary: Summary, method: dict[str, Any], claims: Sequence[Row], outputs: Path, report: Path
) -> dict[str, Any]:
    """What the template shows.

    Args:
        method: how it is done (experiments/site/study_file.py). claims: those that it decides, from `claims_of`.
        outputs: where runs are. report: the report's folder, which links start from.
    """
    name, scale = summary["study"], summary["scale"]
    metrics = run_metrics(summary)
    arms = {arm: arm_row(arm, found, metrics) for arm, found in summary["arms"].items()}
    cells = cells_of(summary)
    page = report / page_of(name, scale)
    details = details_of(summary, outputs)
    return {
        "summary": summary,
        "method": method,
        "kept": kept_words(summary),
        "arms": [row for arm, row in arms.items() if arm not in cells],
        "cells": [arms[arm] for arm in cells],
        "tuned": summary.get("tuning", {}),
        "claims": [{**row, "parts": [_drawn(part) for part in row["parts"]]} for row in claims],
        "charts": overview(summary, method["published"]),
        "curves": curves(summary, outputs) if summary["source"] == "local" else [],
        "runs": list(_runs(summary, outputs, page)),
        "published": list(_beside_ours(summary, method["published"])),
        "details": _link(details, page) if details.is_file() else "",
        **shared_values(summary),
    }


def kept_words(summary: Mapping[str, Any]) -> str:
    """Where kept numbers were made; empty for numbers made here."""
    if summary["source"] == "local":
        return ""
    made = [f"{about['device_name']}, commit {about['commit'][:10]}" for about in summary["environments"]]
    return f"Kept result: {'; '.join(dict.fromkeys(made))}"


def claims_of(rows: Sequence[Row], study: str, scale: str) -> list[Row]:
    """The claims that this study bears on, with those of their parts that it decides at this scale."""
    found = []
    for row in rows:
        parts = row["smoke_parts"] if scale == "smoke" else row["parts"]
        parts = [part for part in parts if part["by"] == study and part["scale"] == scale]
        if parts:
            found.append({"id": row["id"], "anchor": row["anchor"], "claim": row["claim"], "parts": parts})
    return found


def _drawn(part: Mapping[str, Any]) -> dict[str, Any]:
    return {**part, "picture": effect(part["numbers"]) if part["numbers"] else ""}


def details_of(summary: Summary, outputs: Path) -> Path:
    """The page that the study itself wrote, with what its probes measured; it need not be here."""
    return outputs / "studies" / f"{summary['study']}-{summary['scale']}" / "index.html"


def _link(target: Path, page: Path) -> str:
    return Path(os.path.relpath(target, page.parent)).as_posix()


def cells_of(summary: Summary) -> list[str]:
    """The arms that others put together, where there are too many to look at; none where nothing is put together."""
    if len(summary["arms"]) <= MOST_ARMS:
        return []
    alone = [arm for arm, found in summary["arms"].items() if not reduced(found)]
    return alone if len(alone) < len(summary["arms"]) else []


def overview(summary: Summary, published: Sequence[dict[str, Any]]) -> list[Chart]:
    """A chart of dots for each metric; of many arms, of those alone that put others together."""
    cells = cells_of(summary)
    arms = {arm: found for arm, found in summary["arms"].items() if arm not in cells}
    if len(arms) > MOST_ARMS:
        return []
    charts = []
    for key, metric in run_metrics(summary).items():
        found = {arm: list(one["values"].get(key, {}).values()) for arm, one in arms.items()}
        theirs: dict[str, list[Published]] = {}
        for one in published:
            if one["metric"] == key:
                theirs.setdefault(one["arm"], []).append(Published(one["value"], one["sd"]))
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


def _runs(summary: Summary, outputs: Path, page: Path) -> Iterator[dict[str, Any]]:
    """Every run; its folder is linked where it is here."""
    metrics = list(run_metrics(summary).items())
    for arm, found in summary["arms"].items():
        for seed, run in found["runs"].items():
            if run["folder"] is None:
                continue
            folder = outputs / "runs" / run["folder"]
            here = summary["source"] == "local" and folder.is_dir()
            yield {
                "arm": arm,
                "seed": seed,
                "status": run["status"],
                "name": run["folder"],
                "link": _link(folder, page) if here else "",
                "cells": [
                    spread_text(found["values"].get(key, {}).get(seed), None, metric["percent"])
                    for key, metric in metrics
                ],
            }


def _beside_ours(summary: Summary, published: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Figures of papers with ours beside them."""
    for one in published:
        arm, metric = summary["arms"].get(one["arm"]), summary["metrics"].get(one["metric"])
        if metric is not None:
            ours = arm["values"].get(one["metric"], {}) if arm else {}
            yield {
                "arm": one["arm"],
                "metric": metric["label"],
                "ours": cell_text(ours, metric["percent"]),
                "our_n": len(ours),
                "theirs": spread_text(one["value"], one["sd"], metric["percent"]),
                "their_n": one["n"] or "–",
                "source": one["source"],
            }
