"""Files that are either whole or absent, whatever stops the process that writes them."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

ASIDE = ".*.tmp"  # the names of what is not whole yet


def write(path: Path, save: Callable[[BinaryIO], object]) -> None:
    """Let `save` write into a temporary file beside `path`, force it to disk, and move it into place in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            save(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _force(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """The same for text, in UTF-8."""
    write(path, lambda file: file.write(text.encode()))


def clear(folder: Path) -> None:
    """Remove what processes left there that were killed while they wrote. Only for who holds the folder's lock."""
    for abandoned in folder.glob(ASIDE):
        if abandoned.is_dir():
            shutil.rmtree(abandoned, ignore_errors=True)
        else:
            abandoned.unlink(missing_ok=True)


def _force(folder: Path) -> None:
    """Have the folder's own entries on the disk, so that a file's new name outlives a power failure too."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
