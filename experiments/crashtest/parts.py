"""The parts of the crash test: each measures in a folder of its own and says what is wrong.

A part is a function `measure(settings, folder)`. What it returns goes into the report as it is, so JSON must be able
to hold it. Two of its keys are shown: `table`, lines of figures, and `faults`, a line for each, none where all is well.
"""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.crashtest.settings import CrashSettings
from experiments.errors import UserError, known, nearest

Measure = Callable[[CrashSettings, Path], dict[str, Any]]
PARTS = {  # by name, the modules whose `measure` is called, in this order
    "kills": "experiments.crashtest.kills",
    "storage": "experiments.crashtest.storage",
    "long_life": "experiments.crashtest.long_life",
}


def check(names: Sequence[str]) -> None:
    """See that the parts exist.

    Raises:
        UserError: naming the first that does not.
    """
    for name in names:
        if name not in PARTS:
            raise UserError(f"parts: {name} does not exist. {nearest(name, PARTS)}{known(PARTS)}")


def measure_of(name: str) -> Measure:
    """The function that measures a part, whose module is imported only now."""
    return importlib.import_module(PARTS[name]).measure
