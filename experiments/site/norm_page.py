"""The card of a norm, as values for its template: formula, axes, what it is good for, its limits, cost and results."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from data.plain_files import read_yaml
from experiments.paths import CONF
from experiments.site import study_file
from experiments.site.norm_docs import norm_docs
from experiments.site.rows import Summaries, page_of
from experiments.site.sources import SCALES, Summary
from experiments.studies.cells import cell_text
from experiments.written import written

CARDS = Path(__file__).resolve().parent / "norms.yaml"
NAMES = ("name", "_target_")  # in the file of a norm, beside its settings
COST = "cost"  # the study of what norms cost
ORDER = {scale: place for place, scale in enumerate(SCALES)}


def files() -> list[Path]:
    """The files of conf/norm."""
    return sorted((CONF / "norm").glob("*.yaml"))


def names() -> list[str]:
    """The norms that there are."""
    return [path.stem for path in files()]


def cards() -> dict[str, dict[str, str]]:
    """What each norm is good for (`helps`) and its limits, by name."""
    return read_yaml(CARDS)


def in_cost() -> set[str | None]:
    """The norms whose cost a study measures.

    Raises:
        UserError: when its file is wrong.
    """
    study = study_file.find(COST)
    return {norm_of(overrides) for overrides in study.arms("cpu").values()} if study else set()


def values(
    norm: str, card: Mapping[str, str] | None, summaries: Summaries, costed: Collection[str | None]
) -> dict[str, Any]:
    """What the template norm.html shows; `costed`: the norms whose cost a study measures."""
    settings = read_yaml(CONF / "norm" / f"{norm}.yaml")
    return {
        "norm": norm,
        "docs": norm_docs(norm).as_values(),
        "card": card,
        "settings": [f"norm.{key}={written(value)}" for key, value in settings.items() if key not in NAMES],
        "file": settings["_target_"],
        "cost": _cost(norm, summaries),
        "costed": norm in costed,
        "results": [row for key in sorted(summaries, key=_by_scale) for row in _results(norm, summaries[key])],
    }  # fmt: skip


def _by_scale(key: tuple[str, str]) -> tuple[str, int]:
    return key[0], ORDER[key[1]]


def norm_of(overrides: list[str]) -> str | None:
    """The norm that an arm's overrides choose, the last one that they name."""
    return next((word.removeprefix("norm=") for word in reversed(overrides) if word.startswith("norm=")), None)


def _arms(norm: str, summary: Summary) -> dict[str, Any]:
    return {arm: found for arm, found in summary["arms"].items() if norm_of(found["overrides"]) == norm}


def _cost(norm: str, summaries: Summaries) -> dict[str, Any] | None:
    """What it costs against the same network without a norm, at the best scale at which that was measured."""
    for scale in ("paper", "cpu"):
        summary = summaries.get((COST, scale))
        found = list(_arms(norm, summary).values()) if summary else []
        if summary and found:
            rows = [(metric["label"], _text(found[0], key, metric)) for key, metric in summary["metrics"].items()]
            return {"scale": scale, "link": page_of(COST, scale), "rows": rows}
    return None


def _results(norm: str, summary: Summary) -> list[dict[str, Any]]:
    """The first metric of each of its arms; smoke shows that the machinery works, and is no result."""
    if summary["scale"] == "smoke" or not summary["metrics"]:
        return []
    key, metric = next(iter(summary["metrics"].items()))
    return [
        {
            "study": summary["study"],
            "scale": summary["scale"],
            "link": page_of(summary["study"], summary["scale"]),
            "arm": arm,
            "metric": metric["label"],
            "text": _text(found, key, metric),
            "n": len(found["values"].get(key, {})),
            "kept": summary["source"] == "saved",
        }
        for arm, found in _arms(norm, summary).items()
    ]


def _text(arm: Mapping[str, Any], key: str, metric: Mapping[str, Any]) -> str:
    return cell_text(arm["values"].get(key, {}), metric["percent"])
