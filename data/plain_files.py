"""JSON and YAML as plain data: mappings, lists, texts, numbers.

Each file is read up to a size and to a depth that none of ours comes near. A YAML file with aliases is refused: a few
lines of them stand for billions of values, and no file of ours has any. So is a tag that asks for an object of a class.
"""

import json
import stat
from pathlib import Path
from typing import Any

import yaml

from data.sealed import is_whole

SIZE = {"JSON": 256 * 2**20, "YAML": 8 * 2**20}  # bytes; the longest of ours are a hundredth of it
DEPTH = 64  # levels of mappings and lists; ours have ten at most

# The C parser is ten times as fast. It is given files whose depth is known only: it crashes on very deep ones.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(ValueError):
    """A file is not the plain data that it should be; the message says why, in a few words and without its name."""


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises Unreadable, and FileNotFoundError or NotADirectoryError where there is none."""
    return parse_json(_text(path, "JSON"))


def read_yaml(path: Path, loader: Any = None) -> Any:
    """What a YAML file holds; `loader` as in `parse_yaml`. Raises as `read_json`."""
    return parse_yaml(_text(path, "YAML"), loader)


def parse_json(text: str) -> Any:
    """The value of a JSON text, whose seal is right where it has one (data/sealed.py). Raises Unreadable."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise Unreadable(_deep("JSON")) from None
    except ValueError as error:
        raise Unreadable(f"no JSON: {_line(error)}") from None
    level = [value]
    for _ in range(DEPTH):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _inside(one)]
        if not level:
            break
    else:
        raise Unreadable(_deep("JSON"))
    if isinstance(value, dict) and not is_whole(value):
        raise Unreadable("its content is not what was written")
    return value


def parse_yaml(text: str, loader: Any = None) -> Any:
    """The value of a YAML text of one document; `loader` is a kind of SafeLoader of one's own. Raises Unreadable."""
    try:
        _check_events(text)
        return yaml.load(text, loader or _LOADER)  # noqa: S506 - a safe one, as said above
    except Unreadable:
        raise
    except Exception as error:  # wrong dates and numbers raise whatever their constructors do
        raise Unreadable(f"no plain YAML: {_line(error)}") from None


def _check_events(text: str) -> None:
    """Refuse aliases and great depth before any value is made."""
    depth = 0
    for event in yaml.parse(text, _LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise Unreadable(f"it has an alias, *{event.anchor}, in place of values")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH:
                raise Unreadable(_deep("YAML"))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _text(path: Path, kind: str) -> str:
    """The text of a file that is one, and no longer than it may be."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would wait for ever
            raise Unreadable("it is no regular file")
        with open(path, "rb") as file:
            raw = file.read(SIZE[kind] + 1)
        if len(raw) > SIZE[kind]:
            raise Unreadable(f"longer than {SIZE[kind] / 2**20:.0f} MB of {kind}")
        return raw.decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    except UnicodeDecodeError:
        raise Unreadable("no text in UTF-8") from None


def _inside(value: dict | list) -> Any:
    return value.values() if isinstance(value, dict) else value


def _deep(kind: str) -> str:
    return f"{kind} of more than {DEPTH} levels"


def _line(error: Exception) -> str:
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= 200 else line[:200] + "…"
