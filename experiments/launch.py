"""Hydra called, and its ways of ending turned into an exit code."""

from collections.abc import Callable
from typing import Any


def run_hydra(job: Callable[[], Any]) -> int:
    """Call `job`, the function that Hydra decorated, which reads `sys.argv`; returns the exit code."""
    try:
        job()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        return 130
    return 0
