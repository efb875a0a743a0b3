"""Runs chosen by their settings: `norm=bn,ln model=small_cnn` splits by one and keeps what the others say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.plain_files import Unreadable, parse_yaml
from experiments.compare.differing import flat, same, shown
from experiments.errors import UserError, nearest
from experiments.finished import read_config


@dataclass(frozen=True)
class Split:
    """The folders of the runs of either side."""

    a: tuple[Path, ...]
    b: tuple[Path, ...]
    words: tuple[str, str]  # what either side was asked for, such as norm=bn


def split(values: dict[str, str], outputs: Path) -> Split:
    """The runs under `outputs`/runs that have all settings of `values`, in two by the one that has two values.

    Raises:
        UserError: when not exactly one setting has two values, when no run has such a setting or value, or when a side
            is empty.
    """
    wanted = {key: _values(key, text) for key, text in values.items()}
    splitting = [key for key, found in wanted.items() if len(found) != 1]
    if len(splitting) != 1 or len(wanted[splitting[0]]) != 2:
        written = " ".join(f"{key}={values[key]}" for key in splitting)
        what = f"{written} names other than two" if splitting else "no setting names two values to compare"
        raise UserError(f"{what}: give one setting two values, as in norm=bn,ln, and each other setting one")
    key = splitting[0]
    runs = {path.parent: flat(read_config(path.parent)) for path in sorted((outputs / "runs").glob("*/config.yaml"))}
    if not runs:
        raise UserError(f"{outputs / 'runs'} holds no runs; name the folder with paths.outputs=DIR, or train some")
    sides: list[tuple[Path, ...]] = []
    words: list[str] = []
    for value in wanted[key]:
        filters = {**{name: found[0] for name, found in wanted.items()}, key: value}
        sides.append(_matching(filters, runs, outputs))
        words.append(f"{key}={shown(value)}")
    return Split(sides[0], sides[1], (words[0], words[1]))


def _matching(filters: dict[str, Any], runs: dict[Path, dict[str, Any]], outputs: Path) -> tuple[Path, ...]:
    """The runs with the settings of `filters`, applied one after another, so that the one at fault can be named."""
    left = runs
    for key, value in filters.items():
        known = {name for settings in runs.values() for name in settings}
        if key not in known:
            below = sorted(name for name in known if name.startswith(f"{key}."))
            hint = f"it is a group of settings: give one of {', '.join(below)}" if below else nearest(key, known)
            raise UserError(f"{key} is not a setting of the runs under {outputs / 'runs'}. {hint}".rstrip())
        kept = {folder: settings for folder, settings in left.items() if key in settings and same(settings[key], value)}
        if not kept:
            there = sorted({shown(settings[key]) for settings in left.values() if key in settings})
            earlier = [f"{name}={shown(filters[name])}" for name in list(filters)[: list(filters).index(key)]]
            among = f"of the runs with {' '.join(earlier)} " if earlier else ""
            has = f"; there are {', '.join(there)}" if there else ""
            raise UserError(f"{among}none under {outputs / 'runs'} has {key}={shown(value)}{has}")
        left = kept
    return tuple(left)


def _values(key: str, text: str) -> list[Any]:
    """The values that a word lists, read as YAML; `1e-3` is a number too, as it is for a run's command line."""
    try:
        found = parse_yaml(f"[{text}]")
    except Unreadable:
        raise UserError(f"{key}={text} cannot be read; write key=value or key=value,value, lists as [a,b]") from None
    return [_number(value) for value in found]


def _number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
