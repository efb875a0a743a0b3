"""What the report was made of the last time, so that it is made again only where something has changed.

The state is a file in the report's folder: the size, time and digest of every input, and for each page the digest of
what it depends on and the size and time of the file. Inputs whose sizes and times are the same are not read again;
those that were touched and hold the same count as unchanged.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.plain_files import read_json
from experiments import atomic

NAME = ".report.json"
SCHEMA = 1


@dataclass
class State:
    """inputs: by path [size, time, digest], or None of a file that is not there. runs: those inputs that are the
    curves of runs. pages: by path, the digest of what each depends on (`inputs`) and its `stamp`."""

    inputs: dict[str, list[Any] | None] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    pages: dict[str, dict[str, Any]] = field(default_factory=dict)


def read(folder: Path) -> State:
    """The state of the report in `folder`; a new one where there is none, or none that this version can read."""
    try:
        content = read_json(folder / NAME)
        found = content["inputs"], content["runs"], content["pages"]
        if content["schema"] == SCHEMA and [type(one) for one in found] == [dict, list, dict]:
            return State(*found)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return State()


def write(folder: Path, state: State) -> None:
    """Keep the state for the next time."""
    content = {"schema": SCHEMA, "inputs": state.inputs, "runs": state.runs, "pages": state.pages}
    atomic.write_text(folder / NAME, json.dumps(content) + "\n")


def look(paths: Iterable[Path], before: State) -> dict[str, list[Any] | None]:
    """The inputs as they are now; only those of another size or time than before are read."""
    found: dict[str, list[Any] | None] = {}
    for path in paths:
        stamp = stamp_of(path)
        known = before.inputs.get(str(path))
        if stamp is None:
            found[str(path)] = None
        elif known is not None and known[:2] == stamp:
            found[str(path)] = known
        else:
            found[str(path)] = [*stamp, hashlib.sha256(path.read_bytes()).hexdigest()]
    return found


def stamp_of(path: Path) -> list[int] | None:
    """Size in bytes and time of the last change in nanoseconds; None where there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def digests(inputs: dict[str, list[Any] | None]) -> dict[str, str | None]:
    """What the inputs hold, whenever they were written."""
    return {path: None if found is None else found[2] for path, found in inputs.items()}


def digest(value: Any) -> str:
    """Of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
