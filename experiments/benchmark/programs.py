"""Whole programs, timed from outside: start-up, sweeps, comparisons, many options, and several runs on one GPU."""

import logging
import tempfile
from pathlib import Path
from typing import Any, Protocol

from experiments.benchmark import many_options, reports, side_by_side, start_up, sweeps
from experiments.benchmark.hardware import cores
from experiments.device import resolve

log = logging.getLogger("normlab")


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
    """Run the programs in a temporary folder, one after the other; returns what JSON can hold.

    quick: fewer and smaller of each, to see that they work; the numbers say little. rounds: how often the programs of
    less than a minute are repeated; sweeps and comparisons run once.

    Raises:
        UserError: when the device is not there.
        experiments.benchmark.outside.ProgramFailed: when a program fails.
    """
    device = resolve(settings.device, "float32")
    quick, rounds = settings.quick, settings.rounds
    measured: dict[str, Any] = {"device": str(device), "cores": cores(), "quick": quick}
    with tempfile.TemporaryDirectory(prefix="normlab-programs-") as name:
        folder = Path(name)
        log.info("programs: start-up")
        measured["start_up"] = start_up.measure(folder / "start_up", str(device), rounds, quick)
        log.info("programs: sweeps")
        measured["sweeps"] = sweeps.measure(folder / "sweeps", str(device), quick, one_by_one=settings.full)
        log.info("programs: comparisons")
        measured["reports"] = reports.measure(folder / "reports", quick)
        log.info("programs: many options")
        measured["many_options"] = many_options.measure(folder / "many_options", rounds, quick)
        if device.type == "cuda":
            log.info("programs: runs side by side")
            measured["side_by_side"] = side_by_side.measure(folder / "side_by_side", str(device), quick)
        else:
            measured["side_by_side"] = None
    return measured


def table(measured: dict[str, Any]) -> str:
    """What `measure` found, as plain text."""
    head = f"whole programs on {measured['device']}, {measured['cores']} cores"
    if measured["quick"]:
        head += " (quick: to see that they run; the numbers say little)"
    together = measured["side_by_side"]
    parts = [
        [head],
        start_up.lines(measured["start_up"]),
        sweeps.lines(measured["sweeps"]),
        reports.lines(measured["reports"]),
        many_options.lines(measured["many_options"]),
        ["several runs on one GPU: left out, as there is none"] if together is None else side_by_side.lines(together),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)
