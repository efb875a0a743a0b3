"""What a sweep costs beside the training of its runs: launchers, start-up, evaluation, records, checkpoints."""

from pathlib import Path
from typing import Any

from experiments.benchmark.hardware import cores
from experiments.benchmark.outside import as_words, paths, results, timed

SECONDS = 12.0  # that each run trains, alone: long enough for start-up not to be all that is seen
QUICK_STEPS = 20
BATCH = 128
# Evaluation is kept small beside training: 500 images of each split at the end of an epoch of 4,000.
RUN: dict[str, Any] = {
    "model": "small_cnn",
    "norm": "bn",
    "dataset": "synthetic",
    "dataset.num_train": 4000,
    "dataset.num_test": 500,
    "train_evaluation": 500,
    "batch_size": BATCH,
    "epochs": None,
}


def measure(folder: Path, device: str, quick: bool, one_by_one: bool) -> dict[str, Any]:
    """A sweep over seeds with runs side by side, or (one_by_one) two with and without; a run alone before and after.

    The number of steps is chosen so that a run alone trains for about 12 s. quick: two runs of 20 steps for eight.
    """
    runs = 2 if quick else 8
    run = RUN | {"device": device, "steps": QUICK_STEPS}
    if not quick:
        tried = _alone(folder / "trial", run | {"steps": 60})
        run["steps"] = max(QUICK_STEPS, round(SECONDS * tried["images_per_second"] / BATCH))
    before = _alone(folder / "before", run)
    workers = min(cores(), runs)
    launchers: dict[str, tuple[int, list[str]]] = {
        "joblib": (workers, ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={workers}"]),
    }
    if one_by_one:
        launchers["basic"] = (1, [])
    found: dict[str, dict[str, Any]] = {}
    for name, (side_by_side, words) in launchers.items():
        outputs = folder / name
        done = timed(["train.py", "-m", *as_words(run), f"seed=range({runs})", *paths(outputs), *words])
        each = results(outputs)
        found[name] = {
            "wall_seconds": done.seconds,
            "workers": side_by_side,
            "train_seconds": [one["train_seconds"] for one in each],
            "threads": [one["environment"]["threads"] for one in each],
        }
    after = _alone(folder / "after", run)
    alone = [one["train_seconds"] for one in (before, after)]
    for one in found.values():
        one["wall_to_training_alone"] = one["wall_seconds"] / (runs * sum(alone) / len(alone))
        one["wall_to_training_inside"] = one["wall_seconds"] * one["workers"] / sum(one["train_seconds"])
    threads = before["environment"]["threads"]
    return {"run": run, "runs": runs, "alone_train_seconds": alone, "alone_threads": threads, "launchers": found}


def _alone(outputs: Path, run: dict[str, Any]) -> dict[str, Any]:
    """The result of one run, by itself."""
    timed(["train.py", *as_words(run), "seed=0", *paths(outputs)])
    (found,) = results(outputs)
    return found


def lines(measured: dict[str, Any]) -> list[str]:
    """The measurements as a table."""
    run, runs = measured["run"], measured["runs"]
    before, after = measured["alone_train_seconds"]
    found = [
        f"a sweep of {runs} runs: {run['model']} + {run['norm']}, {run['steps']} steps of {run['batch_size']} images",
        f"  one run alone trains {before:.1f} s before and {after:.1f} s after; threads: {measured['alone_threads']}",
        f"  {'launcher':<10} {'workers':>7} {'threads':>7} {'wall s':>8} {'Σ training s':>13}"
        f" {f'wall / ({runs} × alone)':>20} {'wall × workers / Σ':>19}",
    ]
    for name, one in measured["launchers"].items():
        threads = "/".join(str(count) for count in sorted(set(one["threads"])))
        found.append(
            f"  {name:<10} {one['workers']:>7} {threads:>7} {one['wall_seconds']:>8.1f}"
            f" {sum(one['train_seconds']):>13.1f} {one['wall_to_training_alone']:>20.2f}"
            f" {one['wall_to_training_inside']:>19.2f}"
        )
    return found
