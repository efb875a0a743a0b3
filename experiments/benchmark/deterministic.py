"""The part `deterministic`: what `deterministic=true` costs in training, with and without it in turns."""

from dataclasses import replace
from functools import partial
from typing import Any

from experiments.benchmark.budget import Budget
from experiments.benchmark.cases import Case, cases
from experiments.benchmark.numbers import ratio
from experiments.benchmark.processes import Processes
from experiments.benchmark.rounds import in_rounds
from experiments.benchmark.settings import BenchmarkSettings
from experiments.progress import duration

SECONDS = 120.0  # of the whole part on CPUs, unless full=true
MODELS = ("resnet20", "small_cnn", "mlp")  # and not the large ones
WAYS = {"free": "deterministic=false", "deterministic": "deterministic=true"}


def measure(settings: BenchmarkSettings, processes: Processes, device_type: str) -> dict[str, Any]:
    """By network, with bn: the slices of both ways, and the time of training with the setting over that without it."""
    chosen = [model for model in MODELS if model in settings.models]
    bn = BenchmarkSettings.model_validate(settings.model_dump() | {"models": chosen, "norms": ["bn"]})
    budget = Budget(float("inf") if settings.full else SECONDS)
    found = {}
    asked = cases(bn, device_type)
    for number, case in enumerate(asked, 1):
        slices = _slices(case, processes, budget, number / len(asked))
        times = {way: [one["training"] for one in slices[way]] for way in WAYS}
        found[case.name] = {
            "case": case.as_json(),
            "slices": slices,
            "ratio": ratio(times["deterministic"], times["free"]),
        }
        print(f"{lines({case.name: found[case.name]})[1].strip()} [{duration(budget.spent)}]", flush=True)
    return found


def _slices(case: Case, processes: Processes, budget: Budget, share: float) -> dict[str, list[dict[str, float]]]:
    """Both runs stay alive side by side in one process; each slice sets the process for its own."""
    with processes["normlab"].fresh() as process:
        for way, word in WAYS.items():
            asked = replace(case, overrides=(*case.overrides, word))
            process.prepare(way, {"case": asked.as_json(), "folder": str(processes.folder)})
        measured = {way: partial(process.measure, way) for way in WAYS}
        return in_rounds(measured, case.rounds, lambda: budget.on_time(share))


def lines(found: dict[str, Any]) -> list[str]:
    """What was found, in plain text."""
    head = "time of training with deterministic=true over that without (smallest to largest of a round)"
    return [head, *(f"  {name}: {_shown(one['ratio'])}" for name, one in found.items())]


def _shown(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.3f} ({ratio['min']:.3f}–{ratio['max']:.3f})"
