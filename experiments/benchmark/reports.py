"""How long a comparison takes, by the number of runs that it reads."""

from pathlib import Path
from typing import Any

from experiments.benchmark.outside import as_words, paths, timed

COUNTS = (4, 16, 64)
QUICK_COUNTS = (4,)
NORMS = ("bn", "none")  # half of the runs each
RUN: dict[str, Any] = {
    "model": "mlp",
    "dataset": "synthetic",
    "dataset.num_train": 200,
    "dataset.num_test": 200,
    "dataset.image_size": 8,
    "batch_size": 50,
    "epochs": None,
    "steps": 1,
    "device": "cpu",
}


def measure(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Seconds of `scripts/compare.py` on so many finished tiny runs, and of the sweeps that added them."""
    found, there = [], 0
    for count in QUICK_COUNTS if quick else COUNTS:
        sides = [f"norm={','.join(NORMS)}", f"seed=range({count // len(NORMS)})"]
        # the same sweep with more seeds: what is finished already is skipped
        trained = timed(["train.py", "-m", *as_words(RUN), *sides, *paths(folder)])
        compared = timed(["scripts/compare.py", sides[0], f"out={folder / f'of-{count}'}", *paths(folder)])
        found.append(
            {"runs": count, "seconds": compared.seconds, "added": count - there, "sweep_seconds": trained.seconds}
        )
        there = count
    return found


def lines(measured: list[dict[str, Any]]) -> list[str]:
    """The measurements as a table."""
    found = [
        "a comparison of two groups of tiny runs (mlp, 200 test images), in seconds of scripts/compare.py",
        f"  {'runs':>5} {'seconds':>8} {'a run more':>11}",
    ]
    for index, row in enumerate(measured):
        before = measured[index - 1] if index else None
        more = (row["seconds"] - before["seconds"]) / (row["runs"] - before["runs"]) if before else None
        found.append(f"  {row['runs']:>5} {row['seconds']:>8.2f} {'–' if more is None else format(more, '.3f'):>11}")
    return found
