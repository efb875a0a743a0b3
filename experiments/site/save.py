"""Results that come with normlab: small files of whole studies and of checks, made by clean commits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import atomic
from experiments.errors import UserError
from experiments.paths import check_outputs
from experiments.site import sources
from experiments.site.sources import CHECKS


@dataclass(frozen=True)
class Saved:
    """What came of it: the files that were written or were so already, and a line for each result that was refused."""

    written: tuple[Path, ...]
    same: tuple[Path, ...]
    refused: tuple[str, ...]


def save(outputs: Path, folder: Path) -> Saved:
    """Keep the studies and checks of `outputs` in `folder`, each as `<study>/<scale>.json` and `checks/<check>.json`.

    Raises:
        UserError: when a file is damaged, the folder cannot be written to, or nothing can be kept, with a reason.
    """
    check_outputs(str(folder), "save")
    found = sources.read(outputs, folder / "nothing kept is read")
    kept: dict[Path, dict[str, Any]] = {}
    refused = list(found.left_out)
    for (study, scale), summary in found.summaries.items():
        reason = study_refusal(summary)
        if reason:
            refused.append(f"{study} at scale={scale} is not kept: {reason}")
        else:
            kept[folder / study / f"{scale}.json"] = portable(summary)
    for check, evidence in found.evidence.items():
        reason = commit_refusal([(evidence["commit"], evidence["clean"])])
        if reason:
            refused.append(f"the check {check} is not kept: {reason}")
        else:
            kept[folder / CHECKS / f"{check}.json"] = portable(evidence)
    if not kept:
        raise UserError(refused[0] if refused else f"{outputs} has no study and no check that could be kept")
    return _write(kept, tuple(refused))


def study_refusal(summary: Mapping[str, Any]) -> str:
    """Why a study's numbers cannot stand for it; empty where they can."""
    if summary["scale"] == "smoke":
        return "the scale smoke shows that the machinery works, and its numbers say nothing"
    if not sources.whole(summary):
        left = summary["runs"].get("not finished", 0)
        lacks = f"{left} of its runs are not finished" if left else "only a part of it was asked for"
        return f"{lacks}; go on with {summary['command']}"
    if summary["code"]["mixed"]:
        modules = ", ".join(summary["code"]["mixed"])
        return f"its runs were made with different versions of {modules}; repeat the older ones"
    return commit_refusal([(about["commit"], about["clean"]) for about in summary["environments"]])


def commit_refusal(commits: list[tuple[Any, Any]]) -> str:
    """Why numbers made by these commits, each with whether it was clean, cannot be traced; empty where they can."""
    for commit, clean in commits:
        if commit in (None, "", "None"):
            return "it was made outside of a repository, so nobody knows by which code"
        if clean not in (True, "True"):
            return f"it was made by commit {commit[:10]} with uncommitted changes; commit them and repeat it"
    return ""


def portable(value: Any) -> Any:
    """The same without the mark of its source and without absolute paths, of which the last part stays."""
    if isinstance(value, dict):
        return {key: portable(item) for key, item in value.items() if key != "source"}
    if isinstance(value, list):
        return [portable(item) for item in value]
    if isinstance(value, str):
        key, sign, rest = value.rpartition("=")
        return f"{key}{sign}{Path(rest).name}" if Path(rest).is_absolute() else value
    return value


def _write(kept: Mapping[Path, dict[str, Any]], refused: tuple[str, ...]) -> Saved:
    written, same = [], []
    for path, content in kept.items():
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        if path.exists() and path.read_text(encoding="utf-8") == text:
            same.append(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_text(path, text)
            written.append(path)
    return Saved(tuple(written), tuple(same), refused)
