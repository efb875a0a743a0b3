"""Several small runs on one GPU at once: what they train together, against one alone."""

from pathlib import Path
from typing import Any

from experiments.benchmark.outside import Program, as_words, paths, results

COUNTS = (1, 2, 4)
SECONDS = 15.0  # that a run alone trains, so that runs that start together train together
QUICK_SECONDS = 1.0
BATCH = 128
RUN: dict[str, Any] = {
    "model": "small_cnn",
    "norm": "bn",
    "dataset": "synthetic",
    "train_evaluation": 500,
    "batch_size": BATCH,
    "epochs": None,
    "compile": False,
}


def measure(folder: Path, device: str, quick: bool) -> list[dict[str, Any]]:
    """Images a second of k processes that are started together on `device`, each with a seed of its own.

    Each run's rate is over its own training; the sum counts as together what overlaps but for the difference in their
    start-up.
    """
    run = RUN | {"device": device}
    (rate,) = _rates(folder / "trial", run | {"steps": 50 if quick else 500}, 1)
    run["steps"] = max(10, round((QUICK_SECONDS if quick else SECONDS) * rate / BATCH))
    found: list[dict[str, Any]] = []
    for count in COUNTS:
        rates = _rates(folder / f"of-{count}", run, count)
        found.append({"runs": count, "steps": run["steps"], "images_per_second": rates})
    return found


def _rates(outputs: Path, run: dict[str, Any], count: int) -> list[float]:
    running = [Program(["train.py", *as_words(run), f"seed={seed}", *paths(outputs)]) for seed in range(count)]
    for program in running:
        program.wait()
    return [one["images_per_second"] for one in results(outputs)]


def lines(measured: list[dict[str, Any]]) -> list[str]:
    """The measurements as a table."""
    alone = sum(measured[0]["images_per_second"])
    found = [
        f"small_cnn + bn side by side on one GPU, {measured[0]['steps']} steps of {BATCH} images each",
        f"  {'runs':>5} {'images/s together':>18} {'of one alone':>13}",
    ]
    for row in measured:
        together = sum(row["images_per_second"])
        found.append(f"  {row['runs']:>5} {together:>18,.0f} {f'{together / alone:.2f} ×':>13}")
    return found
