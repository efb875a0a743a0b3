"""Where the runs of a comparison come from: what each was made with."""

from dataclasses import dataclass

from experiments.compare.selection import Selection
from experiments.finished import FinishedRun
from experiments.progress import duration


@dataclass(frozen=True)
class Origin:
    """One run, in words."""

    side: str  # a or b
    name: str
    folder: str
    seed: int
    training: str
    parameters: str
    commit: str
    device: str
    versions: str


def provenance(selection: Selection) -> list[Origin]:
    """Every run of both sides, A's first."""
    return [_origin(side, run) for side in ("a", "b") for run in getattr(selection, side)]


def _origin(side: str, run: FinishedRun) -> Origin:
    result = run.result
    made = result["environment"]
    packages = made["packages"]
    state = "" if made["clean"] or made["commit"] is None else " with uncommitted changes"
    images = result["dataset"]["sizes"]["train"]
    return Origin(
        side=side,
        name=run.name,
        folder=str(run.folder),
        seed=run.seed,
        training=(
            f"{result['steps']:,} steps ({result['epochs']:g} epochs of {images:,} images)"
            f" in {duration(result['train_seconds'])}"
        ),
        parameters=f"{result['parameters']:,}",
        commit=f"{made['commit'][:10]}{state}" if made["commit"] else "not recorded",
        device=f"{made['device_name']}, {run.config['precision']}",
        versions=f"normlab {packages['normlab']}, torch {packages['torch']}, Python {made['python']}",
    )
