"""JSON and YAML files read as the plain data that they are meant to hold, whoever wrote them.

Nothing in such a file makes an object of another class, calls anything, or grows when it is read; see
data/plain_files.py, which does the reading. Here each failure becomes the user's one line.
"""

from pathlib import Path
from typing import Any

from data import plain_files
from experiments.errors import UserError


def read_json(path: Path, remedy: str) -> Any:
    """What a JSON file holds.

    Raises:
        FileNotFoundError, NotADirectoryError: when there is no such file.
        UserError: when it cannot be read, with `remedy` at the end of the line.
    """
    try:
        return plain_files.read_json(path)
    except plain_files.Unreadable as error:
        raise UserError(f"{path} cannot be read ({error}); {remedy}") from None


def read_yaml(path: Path, remedy: str, loader: Any = None) -> Any:
    """What a YAML file holds; `loader` is a kind of `yaml.SafeLoader` of one's own. Raises as `read_json`."""
    try:
        return plain_files.read_yaml(path, loader)
    except plain_files.Unreadable as error:
        raise UserError(f"{path} cannot be read ({error}); {remedy}") from None
