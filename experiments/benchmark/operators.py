"""The part `operators`: where the time of a training step goes, operator by operator."""

from typing import Any

from experiments.benchmark.budget import Budget
from experiments.benchmark.cases import cases
from experiments.benchmark.processes import Processes, Refused
from experiments.benchmark.settings import BenchmarkSettings

SHOWN = 10
SECONDS = 45.0  # of the whole part on CPUs, unless full=true


def measure(settings: BenchmarkSettings, processes: Processes, device_type: str) -> dict[str, Any]:
    """Of each case's step: `seconds` in all, and by operator, largest first, the smallest ones together as `others`."""
    budget = Budget(float("inf") if settings.full else SECONDS)
    found: dict[str, Any] = {}
    for case in cases(settings, device_type):
        if not budget.on_time(1.0):
            break
        try:
            with processes["operators"].fresh() as process:
                process.prepare(case.name, {"case": case.as_json()})
                taken = process.measure(case.name)
        except Refused:  # the part `training` says why
            continue
        largest = dict(list(taken.items())[:SHOWN])
        whole = sum(taken.values())
        found[case.name] = {"seconds": whole, "operators": largest | {"others": whole - sum(largest.values())}}
    return found


def lines(measured: dict[str, Any]) -> list[str]:
    """The measurements as a table: milliseconds a step and shares."""
    found = ["self time by operator of an eager step on one batch (ms, share)"]
    for name, one in measured.items():
        shares = [
            f"{operator.removeprefix('aten::')} {1e3 * seconds:.3g} ({seconds / one['seconds']:.0%})"
            for operator, seconds in list(one["operators"].items())[:6]
        ]
        found.append(f"  {name}: {1e3 * one['seconds']:.3g} ms: {', '.join(shares)}")
    return found
