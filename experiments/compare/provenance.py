"""Where the runs of a comparison come from: what each side was made with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiments.compare.selection import Selection
from experiments.finished import FinishedRun
from experiments.progress import duration


@dataclass(frozen=True)
class Origin:
    """One side in words; what its runs do not share is listed, each value once."""

    side: str  # a or b
    runs: tuple[tuple[int, str], ...]  # seed and folder
    training: str
    versions: str
    device: str
    commit: str


def provenance(selection: Selection) -> list[Origin]:
    """A's origin and B's."""
    return [_origin(side, getattr(selection, side)) for side in ("a", "b")]


def _origin(side: str, runs: Sequence[FinishedRun]) -> Origin:
    seconds = [run.result["train_seconds"] for run in runs]
    times = " to ".join(dict.fromkeys(duration(value) for value in (min(seconds), max(seconds))))
    return Origin(
        side=side,
        runs=tuple((run.seed, str(run.folder)) for run in runs),
        training=f"{_distinct(map(_training, runs))}; {times} of training",
        versions=_distinct(map(_versions, runs)),
        device=_distinct(f"{run.result['environment']['device_name']}, {run.config['precision']}" for run in runs),
        commit=_distinct(map(_commit, runs)),
    )


def _training(run: FinishedRun) -> str:
    result = run.result
    images = result["dataset"]["sizes"]["train"]
    return (
        f"{result['parameters']:,} parameters, {result['steps']:,} steps"
        f" ({result['epochs']:g} epochs of {images:,} images)"
    )


def _versions(run: FinishedRun) -> str:
    made = run.result["environment"]
    return f"normlab {made['packages']['normlab']}, torch {made['packages']['torch']}, Python {made['python']}"


def _commit(run: FinishedRun) -> str:
    made = run.result["environment"]
    if not made["commit"]:
        return "not recorded"
    return made["commit"][:10] + ("" if made["clean"] else " with uncommitted changes")


def _distinct(words: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(words))
