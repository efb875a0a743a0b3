"""Two folders that must hold the same: one of a command that ran undisturbed, one of a command that was killed.

Every file must have the same bytes, but for those in RULES, where what the clock says is left out: weights, optimizer
and generators of checkpoints bit for bit, the numbers of results, each point of the curves once. Logs are only there.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch

from data.sealed import SEAL
from experiments.crashtest.events import curves

# Keys of files in JSON and of checkpoints that tell of the clock or the state of the checkout; and the seal over them.
# Of the code, a process of a launcher has imported less than one that is also a study's.
OF_THE_CLOCK = {
    "train_seconds", "images_per_second", "probe_seconds", "probe_timings", "environment", "environments", "seconds",
    "timings", "code", SEAL,
}  # fmt: skip
TRAINED = re.compile(r"\d[\w ]* of training in all")
EVENTS = "events.out.tfevents."
EVENTS_OF_MODES = ".modes"


@dataclass
class Found:
    """What a comparison comes to; nothing where the folders hold the same."""

    differing: list[str] = field(default_factory=list)  # files, with what differs
    missing: list[str] = field(default_factory=list)  # files and folders that are not there
    lost_runs: list[str] = field(default_factory=list)  # those of them that are runs, or runs without a result
    left_behind: list[str] = field(default_factory=list)  # files and folders that have no business there
    tolerated: list[str] = field(default_factory=list)  # the same, where the caller said so

    def faults(self) -> list[str]:
        """A line for each thing that is wrong."""
        kinds = {"differs": self.differing, "is missing": self.missing, "was left behind": self.left_behind}
        return [f"{name} {kind}" for kind, names in kinds.items() for name in names]


def compare(undisturbed: Path, folder: Path, tolerate: Sequence[str] = ()) -> Found:
    """Compare a folder with that of an undisturbed command.

    Args:
        tolerate: patterns of names that may be left behind.
    """
    found = Found()
    expected, there = listing(undisturbed), listing(folder)
    found.missing = _outermost(expected.keys() - there.keys())
    for name in _outermost(there.keys() - expected.keys()):
        known = any(fnmatch(part, pattern) for part in Path(name).parts for pattern in tolerate)
        (found.tolerated if known else found.left_behind).append(name)
    runs = {Path(name).parent for name in expected if Path(name).name == "result.json"}
    found.lost_runs = sorted(str(run) for run in runs if not (folder / run / "result.json").exists())
    for name in sorted(expected.keys() & there.keys()):
        one, other = expected[name], there[name]
        if one.is_dir() != other.is_dir():
            found.differing.append(f"{name} (a folder, or none)")
        elif not one.is_dir() and (why := _difference(name, one, other)) is not None:
            found.differing.append(f"{name} ({why})")
    return found


def listing(folder: Path) -> dict[str, Path]:
    """Files and folders below it by their names from there on; event files of one folder and kind are one."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.name.startswith(EVENTS):
            ending = EVENTS_OF_MODES if path.name.endswith(EVENTS_OF_MODES) else ""
            name = name.with_name(f"{EVENTS}*{ending}")
        found[name.as_posix()] = path
    return found


def _outermost(names: set[str]) -> list[str]:
    """Without what lies in a folder that is among them."""
    return sorted(name for name in names if not any(parent.as_posix() in names for parent in Path(name).parents))


def _difference(name: str, one: Path, other: Path) -> str | None:
    """In what two files differ, in a few words, or None."""
    last = Path(name).name
    rule = next((rule for pattern, rule in RULES.items() if fnmatch(last, pattern)), _bytes)
    try:
        return rule(one, other)
    except Exception as error:  # a damaged file can fail in any way
        return f"cannot be read: {type(error).__name__}: {error}".splitlines()[0]


def _bytes(one: Path, other: Path) -> str | None:
    return None if one.read_bytes() == other.read_bytes() else "other bytes"


def _nothing(one: Path, other: Path) -> str | None:
    return None


def _json(one: Path, other: Path) -> str | None:
    first, second = (json.loads(path.read_text(encoding="utf-8")) for path in (one, other))
    return first_difference(first, second)


def _origin(one: Path, other: Path) -> str | None:
    """A cache may be decoded from the archive that a killed command had fetched, and says so."""
    first, second = (json.loads(path.read_text(encoding="utf-8")) for path in (one, other))
    return first_difference({**first, "source": None}, {**second, "source": None})


def _page(one: Path, other: Path) -> str | None:
    """A study's page says how long its runs were trained."""
    first, second = (TRAINED.sub("", path.read_text(encoding="utf-8")) for path in (one, other))
    return None if first == second else "other text"


def _checkpoint(one: Path, other: Path) -> str | None:
    first, second = (torch.load(path, map_location="cpu", weights_only=True) for path in (one, other))
    return first_difference(first, second)


def _pages(one: Path, other: Path) -> str | None:
    """The report's own notes hold the times of files."""
    first, second = (json.loads(path.read_text(encoding="utf-8"))["pages"].keys() for path in (one, other))
    return None if first == second else "other pages"


def _curves(one: Path, other: Path) -> str | None:
    """TensorBoard shows the points of metrics.csv, each once, and no other curves than the undisturbed run's."""
    first, second = curves(one.parent), curves(other.parent)
    if first.keys() != second.keys():
        return f"other curves: {sorted(first.keys() ^ second.keys())[0]}"
    lines = (one.parent / "metrics.csv").read_text(encoding="utf-8").splitlines()[1:]
    for name in dict.fromkeys(line.split(",")[2] for line in lines):
        if first[name] != second[name]:
            return f"other points of {name}"
    return None


RULES: dict[str, Callable[[Path, Path], str | None]] = {
    "checkpoint*.pt": _checkpoint,
    f"{EVENTS}*": _curves,
    "result.json": _json,
    "modes.json": _json,
    "summary.json": _json,
    "meta.json": _origin,
    "index.html": _page,
    ".report.json": _pages,
    "*.log": _nothing,
}


def first_difference(one: Any, other: Any, where: str = "") -> str | None:
    """Where two trees of mappings, sequences, tensors and plain values differ first; what tells of the clock does not
    count. Numbers must be the same bits."""
    place = where or "all of it"
    if type(one) is not type(other):
        return place
    if isinstance(one, Mapping):
        keys = (one.keys() | other.keys()) - OF_THE_CLOCK
        if keys - one.keys() or keys - other.keys():
            return f"{where}.{sorted(map(str, one.keys() ^ other.keys()))[0]}"
        inner = (first_difference(one[key], other[key], f"{where}.{key}") for key in one if key in keys)
        return next((found for found in inner if found is not None), None)
    if isinstance(one, list | tuple):
        if len(one) != len(other):
            return place
        inner = (first_difference(a, b, f"{where}[{at}]") for at, (a, b) in enumerate(zip(one, other, strict=True)))
        return next((found for found in inner if found is not None), None)
    if isinstance(one, torch.Tensor):
        same = one.dtype == other.dtype and one.shape == other.shape
        return None if same and one.numpy().tobytes() == other.numpy().tobytes() else place
    return None if repr(one) == repr(other) else place
