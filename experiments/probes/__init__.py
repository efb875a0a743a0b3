"""Measurements on a live network while it trains, chosen by name: `probes=[gradient_depth,moments] probe_every=100`.

A probe is a file in this folder with a function `make(model, surroundings)`, called once before training with the
initialized network, that returns a `Probe` (experiments/probing/live.py). It looks at the start of the run, at its end,
and in between every `probe_every` steps; by default at the ends of epochs. What it finds joins metrics.csv and
TensorBoard under its own heading. A dictionary `OVERLAYS` in the file, if there is one, draws curves over one another
(experiments/record.py), a tuple `CHARTS` lists the figures of its page (experiments/report/charts.py), and a
function `require_splits(splits)` refuses runs whose images are not those that it needs. The first line of the file's
docstring describes it in `--help`.
"""

import ast
import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import UserError, known, nearest

if TYPE_CHECKING:  # names are checked before PyTorch is imported
    from torch import nn

    from data.split_images import SplitImages
    from experiments.probing.live import Probe, Surroundings

HERE = Path(__file__).parent


def names() -> list[str]:
    """The probes that there are: the files of this folder."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def descriptions() -> dict[str, str]:
    """The first line of each probe's docstring, read without importing it."""
    texts = {name: (HERE / f"{name}.py").read_text(encoding="utf-8") for name in names()}
    return {name: (ast.get_docstring(ast.parse(text)) or "").split("\n")[0] for name, text in texts.items()}


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


def check_splits(chosen: Iterable[str], splits: Mapping[str, "SplitImages"]) -> None:
    """Check that a run has the images that its probes need, as their functions `require_splits` say.

    Raises:
        UserError: where they are missing, or of another kind.
    """
    for name in chosen:
        require = getattr(module(name), "require_splits", None)
        if require is not None:
            require(splits)


def load(chosen: Iterable[str], model: "nn.Module", surroundings: "Surroundings") -> dict[str, "Probe"]:
    """The chosen probes of a run, made, by name."""
    return {name: module(name).make(model, surroundings) for name in chosen}


def overlays(chosen: Iterable[str]) -> dict[str, Any]:
    """The charts of TensorBoard's custom scalars that the chosen probes bring."""
    found: dict[str, Any] = {}
    for name in chosen:
        found |= getattr(module(name), "OVERLAYS", {})
    return found


def module(name: str) -> Any:
    """The file of a probe, imported."""
    return importlib.import_module(f"experiments.probes.{name}")
