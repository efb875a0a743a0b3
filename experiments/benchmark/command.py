"""The benchmark from its command line to its files: the parts in turn, each timed."""

import importlib
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from experiments import atomic, script
from experiments.benchmark import (
    compare,
    deterministic,
    figure,
    growth,
    image_files,
    operators,
    result,
    table,
    training,
)
from experiments.benchmark.numbers import spread
from experiments.benchmark.processes import ContenderFailed, Process, Processes
from experiments.benchmark.settings import BenchmarkSettings
from experiments.errors import UserError
from experiments.paths import check_outputs

KINDS = {  # of the processes that a part asks
    "machine": ("machine",),
    "training": ("machine", "normlab", "usual", "bare"),
    "operators": ("operators",),
    "growth": ("normlab",),
    "deterministic": ("normlab",),
    "images": (),
    "programs": (),
}
MACHINE_SLICES = 5


def benchmark(words: script.Words) -> None:
    """Measure, write and show.

    Raises:
        UserError: for a mistake in the settings, found before anything is measured.
        SystemExit: 1, when a contender's process ends, or a program fails.
    """
    if words.names:
        raise UserError(f"{words.names[0]!r} is no setting: write key=value, and --help lists them")
    settings = script.settings(words.values, BenchmarkSettings)
    settings.check()
    old = result.read(Path(settings.compare)) if settings.compare else None
    check_outputs(settings.out or settings.paths.outputs, "out" if settings.out else "paths.outputs")
    try:
        content = measure(settings)
    except ContenderFailed as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    print()
    print(table.text(content))
    if content.get("programs"):
        print()
        print(_programs().table(content["programs"]))
    if old is not None:
        print()
        print(compare.text(content, old, str(settings.compare)))
    stem = _stem(settings, content)
    print()
    print("\n".join(f"{path}" for path in sorted(stem.parent.glob(f"{stem.name}.*"))))
    if content.get("programs") and (failed := _programs().failed(content["programs"])):
        print(f"error: not measured, as a program failed: {', '.join(failed)}", file=sys.stderr)
        raise SystemExit(1)


def measure(settings: BenchmarkSettings) -> dict[str, Any]:
    """The content of the benchmark's file, which is written after each part.

    Raises:
        ContenderFailed: when a contender's process ends.
        UserError: when the device cannot be used.
    """
    content: dict[str, Any] = {
        "schema": result.SCHEMA,
        "kind": result.KIND,
        "command": ["python", "scripts/benchmark.py", *sys.argv[1:]],
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": settings.model_dump(),
        "seconds": {},
    }

    def part(name: str, work: Callable[[], Any]) -> None:
        began = time.perf_counter()
        if name in settings.parts:
            print(f"-- {name}", flush=True)
            content[name] = work()
            content["seconds"][name] = time.perf_counter() - began
            _write(settings, content)

    began = time.perf_counter()
    kinds = dict.fromkeys(kind for part in ("machine", *settings.parts) for kind in KINDS[part])
    with Processes(tuple(kinds), settings.threads) as processes:
        for kind in processes:
            processes[kind].wait_until_ready()
        machine = processes["machine"]
        machine.ask(do="begin")
        asked = {"device": settings.device, "precision": settings.precision, "quick": settings.quick}
        content["hardware"] = machine.prepare("machine", asked)
        content["commit"], content["clean"] = content["hardware"]["commit"], content["hardware"]["clean"]
        content["seconds"]["start of the processes"] = time.perf_counter() - began
        device_type = content["hardware"]["device"].split(":")[0]
        part("machine", lambda: _machine(machine, 1 if settings.quick else MACHINE_SLICES))
        part("training", lambda: training.measure(settings, processes, device_type))
        part("operators", lambda: operators.measure(settings, processes, device_type))
        part("growth", lambda: growth.measure(settings, processes, device_type))
        part("deterministic", lambda: deterministic.measure(settings, processes, device_type))
    part("images", lambda: image_files.measure(settings))
    part("programs", lambda: _programs().measure(settings))
    content["seconds"]["all"] = time.perf_counter() - began
    _write(settings, content)
    return content


def _machine(machine: Process, slices: int) -> dict[str, Any]:
    found = [machine.measure("machine") for _ in range(slices)]
    return {"slices": found, "rates": {name: spread([one[name] for one in found]) for name in found[0]}}


def _programs() -> ModuleType:
    """The part that starts whole programs, imported only where it is asked for."""
    return importlib.import_module("experiments.benchmark.programs")


def _stem(settings: BenchmarkSettings, content: dict[str, Any]) -> Path:
    return result.stem(content, Path(settings.out) if settings.out else None, Path(settings.paths.outputs))


def _write(settings: BenchmarkSettings, content: dict[str, Any]) -> None:
    stem = _stem(settings, content)
    result.write(Path(f"{stem}.json"), content)
    if (drawn := figure.picture(content)) is not None:
        atomic.write_text(Path(f"{stem}.svg"), drawn.svg)
        atomic.write(Path(f"{stem}.png"), lambda file: file.write(drawn.png))
