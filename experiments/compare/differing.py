"""The settings of runs, flat, and those in which runs differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments import identity
from experiments.written import written

ABSENT = object()  # a setting that a run does not have, such as norm.momentum of one without a norm


@dataclass(frozen=True)
class Differing:
    """A setting and its value in each run, `ABSENT` where a run has no such setting."""

    key: str
    values: tuple[Any, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """The values as they are written on the command line."""
        return tuple(shown(value) for value in self.values)


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by dotted keys; that of a group's `name` is the group's own, as on the command line (`norm`)."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        elif key == "name" and prefix:
            found[prefix.removesuffix(".")] = value
        else:
            found[prefix + key] = value
    return found


def differing(configs: Sequence[dict[str, Any]], seed: bool = True) -> list[Differing]:
    """The settings that can change a result and are not the same in all `configs`.

    Args:
        seed: whether the seed counts.
    """
    settings = [flat(identity.identity(config)) for config in configs]
    keys = dict.fromkeys(key for one in settings for key in one if seed or key != "seed")
    rows = [Differing(key, tuple(one.get(key, ABSENT) for one in settings)) for key in keys]
    return [row for row in rows if any(not same(row.values[0], value) for value in row.values[1:])]


def same(one: Any, other: Any) -> bool:
    """Equal as YAML values: 1 and 1.0 are one number, 1 and true are not one value."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def shown(value: Any) -> str:
    """A value as it is written on the command line; a dash for a setting that is not there."""
    if value is ABSENT:
        return "–"
    if isinstance(value, list):
        return f"[{','.join(map(shown, value))}]"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else written(value)
