"""The part `growth`: how normlab's seconds for an image grow with the images, the depth and the batch."""

from dataclasses import replace
from functools import partial
from typing import Any

from experiments.benchmark.budget import Budget
from experiments.benchmark.cases import Case, cases
from experiments.benchmark.numbers import spread
from experiments.benchmark.processes import Processes
from experiments.benchmark.rounds import in_rounds
from experiments.benchmark.settings import BenchmarkSettings
from experiments.progress import duration

SECONDS = 90.0  # of the whole part on CPUs, unless full=true
TIMES = (1, 2, 3)  # training images, in those of the case
DEPTHS = (8, 14, 20, 32)
BATCH_SIZES = (32, 64, 128, 256)


def measure(settings: BenchmarkSettings, processes: Processes, device_type: str) -> dict[str, Any]:
    """Each series by name: the model, and of every size the seconds an image of training and of the whole epoch."""
    bn = BenchmarkSettings.model_validate(
        settings.model_dump() | {"models": ["resnet20", "small_cnn"], "norms": ["bn"]}
    )
    large, small = cases(bn, device_type)
    series = {
        "training images": {times * small.num_train: replace(small, steps=times * small.steps) for times in TIMES},
        "depth": {depth: replace(large, overrides=(f"model.depth={depth}",)) for depth in DEPTHS},
        "batch size": {size: _with_batch(large, size, settings.quick) for size in BATCH_SIZES},
    }
    if settings.quick:
        series = {name: dict(list(points.items())[:2]) for name, points in series.items()}
    budget = Budget(float("inf") if settings.full else SECONDS)
    found = {}
    for number, (name, points) in enumerate(series.items(), 1):
        found[name] = _measure(points, processes, budget, number / len(series))
        print(f"{name}: {_line(found[name])} [{duration(budget.spent)}]", flush=True)
    return found


def _with_batch(case: Case, size: int, quick: bool) -> Case:
    """The same epoch, but at least two steps, in other batches."""
    return replace(case, batch_size=size, steps=2 if quick else max(2, case.num_train // size))


def _measure(points: dict[int, Case], processes: Processes, budget: Budget, share: float) -> dict[str, dict[str, Any]]:
    """One series: its runs stay alive side by side in one process and take turns."""
    with processes["normlab"].fresh() as process:
        for size, case in points.items():
            process.prepare(str(size), {"case": case.as_json(), "folder": str(processes.folder)})
        measure = {str(size): partial(process.measure, str(size)) for size in points}
        rounds = next(iter(points.values())).rounds
        slices = in_rounds(measure, rounds, lambda: budget.on_time(share))
    return {
        str(size): {
            "case": case.as_json(),
            "slices": slices[str(size)],
            "training_seconds_per_image": spread([one["training"] / case.num_train for one in slices[str(size)]]),
            "epoch_seconds_per_image": spread([one["seconds"] / case.num_train for one in slices[str(size)]]),
        }
        for size, case in points.items()
    }


def _line(series: dict[str, dict[str, Any]]) -> str:
    shown = (f"{size}: {1e3 * point['epoch_seconds_per_image']['median']:.3g}" for size, point in series.items())
    return ", ".join(shown) + " ms an image of the whole epoch"
