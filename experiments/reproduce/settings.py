"""The words of `scripts/reproduce.py`: what to reproduce, and what is passed on to `train.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.errors import UserError, known, nearest
from experiments.identity import EXECUTION
from experiments.studies.study import SCALES

OWN = ("scale", "claims", "documents")


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    scale: str | None  # None where the checks alone are asked for
    claims: tuple[str, ...]  # ids; none: all
    documents: tuple[str, ...]
    passed_on: tuple[str, ...]  # settings of the execution and of Hydra's launcher
    outputs: str


def parse(words: Sequence[str], default_outputs: str) -> Wanted:
    """Read the words; ids stay as they are written (0.10 is not 0.1).

    Raises:
        UserError: for the first word that is not understood.
    """
    names = [word for word in words if "=" not in word]
    for name in names:
        if name != "checks":
            raise UserError(f"{name!r} is not understood: write `checks`, or settings as key=value, as in scale=smoke")
    settings: dict[str, str] = {}
    passed_on: list[str] = []
    allowed = [*OWN, *EXECUTION, "paths.data", "paths.outputs"]
    for word in (word for word in words if "=" in word):
        key, _, value = word.partition("=")
        if key in settings:
            raise UserError(f"{key} is given twice; give it once")
        if key not in OWN and not key.startswith(("hydra.", "hydra/")) and key.split(".")[0] not in EXECUTION:
            raise UserError(
                f"{word} would change what is reproduced, or is not a setting: studies' own settings are fixed. "
                f"{nearest(key, allowed)}{known(allowed)}"
            )
        if not value:
            raise UserError(f"{word!r} has no value: write key=value")
        settings[key] = value
        if key not in OWN:
            passed_on.append(word)
    scale = settings.get("scale")
    if scale is not None and names:
        raise UserError(f"scale={scale}: checks have no scale; leave it out, or leave out `checks` to run studies too")
    if scale is None and not names:
        raise UserError(f"scale is missing: choose one, as in scale=smoke. {known(SCALES)}")
    if scale is not None and scale not in SCALES:
        raise UserError(f"scale={scale} does not exist. {nearest(scale, SCALES)}{known(SCALES)}")
    claims, documents = (_listed(settings.get(key, "")) for key in ("claims", "documents"))
    outputs = settings.get("paths.outputs", default_outputs)
    return Wanted(scale, claims, documents, tuple(passed_on), outputs)


def _listed(text: str) -> tuple[str, ...]:
    """The parts of `a,b` or `[a,b]`."""
    return tuple(part.strip().strip("'\"") for part in text.strip("[]").split(",") if part.strip())
