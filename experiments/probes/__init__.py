"""Measurements on a live network while it trains, chosen by name: `probes=[modes] probe_every=100`.

A probe is a file in this folder with a function `make(model, splits, settings)`, called once before training, that
returns a function from `Live` to {name: value}, called at the end of each epoch or every `probe_every` steps. Its
values join metrics.csv and TensorBoard; a dictionary `OVERLAYS` in the file, if there is one, draws some of them over
one another (see experiments/record.py). A probe leaves parameters, buffers, gradients and modes exactly as it found
them; random numbers may be drawn, since the generators are put back after it.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import UserError, known, nearest

if TYPE_CHECKING:  # names are checked before PyTorch is imported
    from torch import nn

    from data.batches import DeviceImages
    from experiments.scores import Scores
    from experiments.settings import Settings


@dataclass(frozen=True)
class Live:
    """What a probe looks at."""

    model: "nn.Module"
    step: int  # optimizer steps done
    epoch: int  # epochs begun
    scores: "Scores | None"  # of this very step, where an epoch ends with it


Probe = Callable[[Live], dict[str, float]]


def names() -> list[str]:
    """The probes that there are: the files of this folder."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))


def check_names(chosen: Iterable[str]) -> None:
    """Check that each probe exists and is named once.

    Raises:
        UserError: naming the first that does not, and the nearest that does.
    """
    seen = set()
    for name in chosen:
        if name not in names():
            raise UserError(f"probes=[{name}] is not known. {nearest(name, names())}{known(names())}")
        if name in seen:
            raise UserError(f"probes names {name} twice; name it once")
        seen.add(name)


def load(settings: "Settings", model: "nn.Module", splits: Mapping[str, "DeviceImages"]) -> list[Probe]:
    """The probes of a run, made."""
    return [_module(name).make(model, splits, settings) for name in settings.probes]


def overlays(chosen: Iterable[str]) -> dict[str, Any]:
    """The charts of TensorBoard's custom scalars that the chosen probes bring."""
    found: dict[str, Any] = {}
    for name in chosen:
        found |= getattr(_module(name), "OVERLAYS", {})
    return found


def _module(name: str) -> Any:
    return importlib.import_module(f"experiments.probes.{name}")
