"""Folders that are either whole or absent, as the files of `experiments.atomic` are."""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from experiments.errors import UserError


def check_replaceable(folder: Path, names: Collection[str]) -> None:
    """See that `folder` is absent, or holds nothing but what has these names, so that it can be written anew.

    Args:
        names: patterns such as `*.npz` among them.

    Raises:
        UserError: otherwise, and when there is a file of that name.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is a file; name a folder")
    strange = sorted(path.name for path in folder.iterdir() if not any(fnmatch(path.name, name) for name in names))
    if strange:
        raise UserError(f"{folder} holds {strange[0]}, which is not from here; move it away or name another folder")


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of `folder` at the end; if that is not reached, nothing changes.

    Raises:
        UserError: when the folder cannot be made.
    """
    missing = [parent for parent in folder.absolute().parents if not parent.exists()]
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        fresh.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made ({error.strerror}); choose another place") from None
    try:
        yield fresh
        if folder.exists():
            os.replace(folder, old)
        os.replace(fresh, folder)
    finally:
        if old.exists() and not folder.exists():  # stopped between the two moves
            os.replace(old, folder)
        shutil.rmtree(old, ignore_errors=True)
        if fresh.exists():
            shutil.rmtree(fresh)
            for parent in missing:  # made for `fresh` alone, the innermost first
                parent.rmdir()
