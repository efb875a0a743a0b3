"""Whole programs, timed from outside: start-up, sweeps, comparisons, many options, and several runs on one GPU."""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from experiments.benchmark import many_options, reports, side_by_side, start_up, sweeps
from experiments.benchmark.hardware import cores
from experiments.benchmark.outside import ProgramFailed
from experiments.device import resolve

log = logging.getLogger("normlab")
LINES: dict[str, Callable[[Any], list[str]]] = {
    "start_up": start_up.lines,
    "sweeps": sweeps.lines,
    "reports": reports.lines,
    "many_options": many_options.lines,
    "side_by_side": side_by_side.lines,
}


class Settings(Protocol):
    """What this part asks of the benchmark's settings."""

    @property
    def quick(self) -> bool: ...

    @property
    def full(self) -> bool: ...

    @property
    def device(self) -> str: ...

    @property
    def rounds(self) -> int: ...


def measure(settings: Settings) -> dict[str, Any]:
    """Run the programs in a temporary folder, one kind after the other; returns what JSON can hold.

    quick: fewer and smaller of each, to see that they work; the numbers say little. rounds: how often the programs of
    less than a minute are repeated; sweeps and comparisons run once. Where a program fails, its kind is
    {"failed": why}, and the others go on.

    Raises:
        UserError: when the device is not there.
    """
    device = resolve(settings.device, "float32")
    quick, rounds = settings.quick, settings.rounds
    kinds: dict[str, Callable[[Path], Any]] = {
        "start_up": lambda folder: start_up.measure(folder, str(device), rounds, quick),
        "sweeps": lambda folder: sweeps.measure(folder, str(device), quick, one_by_one=settings.full),
        "reports": lambda folder: reports.measure(folder, quick),
        "many_options": lambda folder: many_options.measure(folder, rounds, quick),
    }
    measured: dict[str, Any] = {"device": str(device), "cores": cores(), "quick": quick, "side_by_side": None}
    if device.type == "cuda":
        kinds["side_by_side"] = lambda folder: side_by_side.measure(folder, str(device), quick)
    with tempfile.TemporaryDirectory(prefix="normlab-programs-") as name:
        for kind, work in kinds.items():
            log.info("programs: %s", kind.replace("_", " "))
            try:
                measured[kind] = work(Path(name) / kind)
            except ProgramFailed as error:
                log.error("%s", error)
                measured[kind] = {"failed": str(error)}
    return measured


def failed(measured: dict[str, Any]) -> list[str]:
    """The kinds of which a program failed."""
    return [kind for kind, found in measured.items() if isinstance(found, dict) and "failed" in found]


def table(measured: dict[str, Any]) -> str:
    """What `measure` found, as plain text."""
    head = f"whole programs on {measured['device']}, {measured['cores']} cores"
    if measured["quick"]:
        head += " (quick: to see that they run; the numbers say little)"
    parts = [[head]]
    for kind, lines in LINES.items():
        found = measured[kind]
        if found is None:
            parts.append(["several runs on one GPU: left out, as there is none"])
        else:
            parts.append([f"{kind}: {found['failed']}"] if "failed" in found else lines(found))
    return "\n\n".join("\n".join(lines) for lines in parts)
