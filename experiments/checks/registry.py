"""All checks by name, found in the files of this folder."""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

from experiments.checks.evidence import Evidence

Check = Callable[[], Evidence]
HERE = Path(__file__).parent
NOT_COMPUTING = ("__init__", "registry", "run")  # files that change no number


def checks() -> dict[str, Check]:
    """Every check, in the order of the files' names and of the functions in each.

    Raises:
        ValueError: when two checks have one name.
    """
    found: dict[str, Check] = {}
    for path in sorted(HERE.glob("*.py")):
        if path.stem in NOT_COMPUTING:
            continue
        for name, function in checks_of(importlib.import_module(f"experiments.checks.{path.stem}")).items():
            if name in found:
                raise ValueError(f"two checks are called {name}: rename the one in {path.name}")
            found[name] = function
    return found


def checks_of(module: ModuleType) -> dict[str, Check]:
    """The checks that a module defines itself: its public functions that return `Evidence`, in their order."""
    return {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and not name.startswith("_")
        and function.__module__ == module.__name__
        and get_type_hints(function).get("return") is Evidence
    }


def sources(check: Check) -> list[Path]:
    """The files whose code can change what a check finds: its own, the helpers of this folder, and the models."""
    helpers = [
        path
        for path in sorted(HERE.glob("*.py"))
        if path.stem not in NOT_COMPUTING and not checks_of(importlib.import_module(f"experiments.checks.{path.stem}"))
    ]
    models = sorted((HERE.parents[1] / "models").rglob("*.py"))
    return [Path(inspect.getfile(check)), *helpers, *models]
