"""The part `long_life`: a process that makes many runs holds no more at the end than after the first of them.

Measured after each run, with the garbage collected: resident memory (what the system counts as such, by psutil), open
files, and threads, of PyTorch's own too. The first runs, of which each brings something that is new, do not count. The
growth is that of the median over the last tenth of the others against the median over their first tenth, so that a
single run that lies high says nothing.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from experiments.benchmark.last_lines import last_lines
from experiments.crashtest.kills import interruptible
from experiments.crashtest.settings import CrashSettings
from experiments.crashtest.victims import Victims

AIM = 0.02  # growth of memory
SHOWN = 20  # runs between two lines on how far it is
LONGEST = 3600.0  # seconds without a new run


def measure(settings: CrashSettings, folder: Path) -> dict[str, Any]:
    """Let a process make the runs, and compare what it held at the beginning and at the end."""
    folder.mkdir(parents=True)
    notes, said = folder / "notes.jsonl", folder / "said.txt"
    runs = settings.warm_up + settings.runs
    asked = {"runs": runs, "seed": settings.seed, "folder": str(folder / "outputs"), "notes": str(notes)}
    began = time.monotonic()
    with interruptible(), Victims() as victims:
        victim = victims.start(["-m", "experiments.crashtest.life", json.dumps(asked)], folder, said)
        shown, heard = 0, time.monotonic()
        while (code := victim.wait(0.5)) is None and time.monotonic() - heard < LONGEST:
            done = len(_lines(notes))
            if done >= shown + SHOWN:
                shown, heard = done - done % SHOWN, time.monotonic()
                print(f"long life: {done} of {runs} runs", flush=True)
        victim.end()
    held = [json.loads(line) for line in _lines(notes)]
    if code != 0 or len(held) < runs:
        printed = said.read_text(encoding="utf-8", errors="replace").splitlines()
        line = f"the process ended with {code} after {len(held)} of {runs} runs; it printed last:{last_lines(printed)}"
        return {"runs": held, "table": [], "faults": [line]}
    return judged(held[settings.warm_up :]) | {"seconds": time.monotonic() - began, "all_runs": held}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def judged(held: Sequence[dict[str, float]]) -> dict[str, Any]:
    """What the counted runs come to: growth, table and faults."""
    tenth = max(1, len(held) // 10)
    figures, table, faults = {}, [], []
    for name in ("memory", "files", "threads"):
        first, last = (median(one[name] for one in part) for part in (held[:tenth], held[-tenth:]))
        growth = last / first - 1
        figures[name] = {"first": first, "last": last, "growth": growth}
        shown = f"{first / 2**20:.1f} MiB to {last / 2**20:.1f} MiB" if name == "memory" else f"{first:g} to {last:g}"
        table.append(f"  {name:<8} {shown}, {growth:+.2%} over {len(held)} runs")
        if growth >= AIM if name == "memory" else last > first:
            faults.append(f"{name} grow from {shown} ({growth:+.2%})".replace("memory grow", "memory grows"))
    return {**figures, "table": table, "faults": faults}
