"""The words of `scripts/reproduce.py`: what to reproduce, and what is passed on to `train.py`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import UserError, known, nearest
from experiments.identity import EXECUTION
from experiments.studies.study import SCALES

OWN = ("scale", "claims", "documents")
OF_THE_PLAN = ("rate", "benchmark")


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    scale: str | None  # None where the checks alone are asked for
    claims: tuple[str, ...]  # ids; none: all
    documents: tuple[str, ...]
    passed_on: tuple[str, ...]  # settings of the execution and of Hydra's launcher
    outputs: str
    plan: bool = False  # whether to say what it would take instead
    rate: float | None = None  # images a second of ResNet-20 + bn
    benchmark: Path | None = None  # the file that rates are taken from


def parse(words: Sequence[str], default_outputs: str) -> Wanted:
    """Read the words; ids stay as they are written (0.10 is not 0.1).

    Raises:
        UserError: for the first word that is not understood.
    """
    names = [word for word in words if "=" not in word]
    for name in names:
        if name not in ("checks", "plan"):
            raise UserError(
                f"{name!r} is not understood: write `checks`, `plan`, or settings as key=value, as in scale=smoke"
            )
    settings: dict[str, str] = {}
    passed_on: list[str] = []
    own = (*OWN, *OF_THE_PLAN) if "plan" in names else OWN
    allowed = [*own, *EXECUTION, "paths.data", "paths.outputs"]
    for word in (word for word in words if "=" in word):
        key, _, value = word.partition("=")
        if key in settings:
            raise UserError(f"{key} is given twice; give it once")
        if key not in own and not key.startswith(("hydra.", "hydra/")) and key.split(".")[0] not in EXECUTION:
            raise UserError(
                f"{word} would change what is reproduced, or is not a setting: studies' own settings are fixed. "
                f"{nearest(key, allowed)}{known(allowed)}"
            )
        if not value:
            raise UserError(f"{word!r} has no value: write key=value")
        settings[key] = value
        if key not in own:
            passed_on.append(word)
    scale = settings.get("scale")
    if scale is not None and "checks" in names:
        raise UserError(f"scale={scale}: checks have no scale; leave it out, or leave out `checks` to run studies too")
    if scale is None and "checks" not in names:
        raise UserError(f"scale is missing: choose one, as in scale=smoke. {known(SCALES)}")
    if scale is not None and scale not in SCALES:
        raise UserError(f"scale={scale} does not exist. {nearest(scale, SCALES)}{known(SCALES)}")
    claims, documents = (_listed(settings.get(key, "")) for key in ("claims", "documents"))
    outputs = settings.get("paths.outputs", default_outputs)
    benchmark = Path(settings["benchmark"]) if "benchmark" in settings else None
    rate = _rate(settings["rate"]) if "rate" in settings else None
    if rate is not None and benchmark is not None:
        raise UserError(f"rate={settings['rate']} and benchmark={benchmark}: give one of them")
    return Wanted(scale, claims, documents, tuple(passed_on), outputs, "plan" in names, rate, benchmark)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise UserError(
            f"rate={text} is no rate: give images a second of ResNet-20 + bn at 32 pixels, as in rate=20000"
        )
    return rate


def _listed(text: str) -> tuple[str, ...]:
    """The parts of `a,b` or `[a,b]`."""
    return tuple(part.strip().strip("'\"") for part in text.strip("[]").split(",") if part.strip())
