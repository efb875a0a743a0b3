"""The part `training`: each case's contenders in alternating rounds."""

from functools import partial
from typing import Any

from experiments.benchmark import numbers
from experiments.benchmark.aims import aims
from experiments.benchmark.budget import Budget
from experiments.benchmark.cases import SHAPES, Case, cases
from experiments.benchmark.processes import Process, Processes, Refused
from experiments.benchmark.rounds import in_rounds
from experiments.benchmark.settings import BenchmarkSettings
from experiments.command_line import options
from experiments.progress import duration

SECONDS = 600.0  # of the whole part on CPUs, unless full=true
CONTENDERS = ("normlab", "usual", "bare")


def measure(settings: BenchmarkSettings, processes: Processes, device_type: str) -> dict[str, Any]:
    """Every case by name: its sizes, facts, raw slices, rates and ratios; and `skipped`, each with the reason."""
    chosen = cases(settings, device_type)
    budget = Budget(float("inf") if settings.full else SECONDS)
    found: dict[str, Any] = {"cases": {}, "skipped": _missing_models(settings)}
    workers: dict[str, int] = {}  # the best number is a matter of the images and the network, not of the norm
    share, whole = 0.0, sum(case.weight for case in chosen)
    for case in chosen:
        share += case.weight / whole
        key = f"{case.model}-{case.image_size}"
        try:
            measured = _measure(case, processes, workers.get(key), budget, share)
            measured["aims"] = aims(case.model, case.norm, device_type)
        except Refused as error:
            found["skipped"][case.name] = str(error)
            print(f"{case.name}: left out: {error}", flush=True)
            continue
        found["cases"][case.name] = measured
        if "usual" in measured["facts"]:
            workers[key] = measured["facts"]["usual"]["workers"]
        print(f"{_line(case, measured)} [{duration(budget.spent)}]", flush=True)
    return found


def _missing_models(settings: BenchmarkSettings) -> dict[str, str]:
    there = options("model")
    return {
        f"{shape.model}-{shape.image_size}": "this version has no such model"
        for shape in SHAPES
        if shape.model in settings.models and shape.model not in there
    }


def _measure(case: Case, processes: Processes, workers: int | None, budget: Budget, share: float) -> dict[str, Any]:
    """One case.

    Raises:
        Refused: when normlab does not train this combination.
    """
    late = not budget.on_time(share)
    request = {"case": case.as_json(), "folder": str(processes.folder), "workers": workers}
    facts: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    taking_part: dict[str, Process] = {}
    for kind in CONTENDERS:
        process = processes[kind]
        process.ask(do="begin")
        asked = request
        if kind == "bare" and late and case.compile:
            asked = request | {"case": case.as_json() | {"compile": False}}
            left_out["compiled"] = "no time was left"
        try:
            facts[kind] = process.prepare(case.name, asked)
            taking_part[kind] = process
        except Refused as error:
            if kind == "normlab":
                process.finish()
                raise
            process.finish()
            left_out[kind] = str(error)
    measure = {kind: partial(process.measure, case.name) for kind, process in taking_part.items()}
    measure["machine"] = partial(processes["machine"].measure, "machine")
    slices = in_rounds(measure, case.rounds, lambda: budget.on_time(share))
    peaks = {kind: process.finish()["peak_bytes"] for kind, process in taking_part.items()}
    if "bare" in facts and facts["bare"]["not_compiled"] and "compiled" not in left_out:
        left_out["compiled"] = facts["bare"]["not_compiled"]
    flops = facts["bare"]["flops_per_image"] if "bare" in facts else None
    rates = numbers.rates(case.as_json(), slices, flops)
    return {
        "case": case.as_json(),
        "facts": facts,
        "left_out": left_out,
        "rounds": len(slices["normlab"]),
        "slices": slices,
        "rates": {name: numbers.spread(values) for name, values in rates.items()},
        "ratios": numbers.ratios(rates),
        "evaluation_share": numbers.evaluation_share(slices),
        "rest_share": numbers.rest_share(slices),
        "peak_bytes": peaks,
    }


def _line(case: Case, measured: dict[str, Any]) -> str:
    shown = [
        f"{name} {measured['rates'][name]['median']:,.0f}"
        for name in ("usual", "normlab", "bare", "limit")
        if name in measured["rates"]
    ]
    return f"{case.name}: {', '.join(shown)} images/s in {measured['rounds']} rounds"
