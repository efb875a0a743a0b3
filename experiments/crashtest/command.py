"""`scripts/crashtest.py`: from its words to its parts, their table and the file that keeps the figures."""

import importlib.util
import json
import os
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from experiments import atomic, script
from experiments.benchmark.hardware import cores, physical_bytes
from experiments.crashtest import parts
from experiments.crashtest.settings import CrashSettings
from experiments.environment import environment
from experiments.errors import UserError
from experiments.paths import check_outputs

SCHEMA, KIND = 1, "normlab crash test"
WORK = "work"  # what the parts make; stays where something is wrong


def crashtest(words: script.Words) -> None:
    """Run the parts, show what they found and write it down.

    Raises:
        UserError: for a mistake in the settings, found before anything is started.
        SystemExit: 1, when a part finds a fault.
    """
    if words.names:
        raise UserError(f"{words.names[0]!r} is no setting: write key=value, and --help lists them")
    settings = script.settings(words.values, CrashSettings)
    parts.check(settings.parts)
    if importlib.util.find_spec("psutil") is None:
        raise UserError('the crash test needs psutil, which is not installed: pip install -e ".[test]"')
    out = Path(settings.out or Path(settings.paths.outputs) / "crashtest").absolute()
    check_outputs(str(out), "out" if settings.out else "paths.outputs")
    work = out / f"{WORK}-{os.getpid()}"
    content = _about(settings)
    work.mkdir(parents=True)
    for name in dict.fromkeys(settings.parts):
        began = time.monotonic()
        print(f"-- {name}", flush=True)
        content["parts"][name] = parts.measure_of(name)(settings, work / name)
        content["seconds"][name] = time.monotonic() - began
        atomic.write_text(out / "crashtest.json", json.dumps(content, indent=1, default=str) + "\n")
    faults = _show(content)
    print(f"\n{out / 'crashtest.json'}")
    if faults:
        print(f"error: {len(faults)} faults, the files are in {work}", file=sys.stderr)
        raise SystemExit(1)
    shutil.rmtree(work)


def _about(settings: CrashSettings) -> dict[str, Any]:
    hardware = environment(torch.device("cpu")) | {"cores": cores(), "memory_bytes": physical_bytes()}
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "command": ["python", "scripts/crashtest.py", *sys.argv[1:]],
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": settings.model_dump(),
        "commit": hardware["commit"],
        "clean": hardware["clean"],
        "hardware": hardware,
        "seconds": {},
        "parts": {},
    }


def _show(content: dict[str, Any]) -> list[str]:
    """Print the tables of the parts, then all that is wrong, which is returned."""
    hardware = content["hardware"]
    print(f"\n{hardware['device_name']}, {hardware['cores']} cores; seed {content['settings']['seed']}")
    faults = []
    for name, found in content["parts"].items():
        print(f"\n{name} ({content['seconds'][name]:.0f} s)")
        print("\n".join(found["table"]))
        faults += [f"{name}: {line}" for line in found["faults"]]
    if faults:
        print("\nfaults\n" + "\n".join(f"  {line}" for line in faults))
    return faults
