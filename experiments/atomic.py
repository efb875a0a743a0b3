"""Files that are either whole or absent, whatever stops the process that writes them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write(path: Path, save: Callable[[BinaryIO], object]) -> None:
    """Let `save` write into a temporary file beside `path`, force it to disk, and move it into place in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            save(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """The same for text, in UTF-8."""
    write(path, lambda file: file.write(text.encode()))
