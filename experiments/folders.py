"""Folders that are either whole or absent, as the files of `experiments.atomic` are."""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import filelock

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

    Of processes that replace one folder at once each waits for the one before, and the last one's stays. What a
    process left that was killed on the way is put in order by the next.

    Raises:
        UserError: when the folder cannot be made.
    """
    missing = [parent for parent in folder.absolute().parents if not parent.exists()]
    fresh, old = (folder.with_name(f".{folder.name}.{ending}") for ending in ("tmp", "old"))
    try:
        with _alone(folder):
            _put_in_order(folder, fresh, old)
            try:
                fresh.mkdir()
            except OSError as error:
                raise UserError(f"{folder} cannot be made ({error.strerror}); choose another place") from None
            try:
                yield fresh
                if folder.exists():
                    os.replace(folder, old)
                os.replace(fresh, folder)
            finally:
                _put_in_order(folder, fresh, old)
    finally:
        if not folder.exists():
            for parent in (one for one in missing if one.exists()):  # made for `fresh` alone, the innermost first
                parent.rmdir()


def _put_in_order(folder: Path, fresh: Path, old: Path) -> None:
    """The old folder back in its place, where a new one has not taken it, and nothing beside it."""
    if old.exists() and not folder.exists():  # stopped between the two moves
        os.replace(old, folder)
    for left in (old, fresh):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The right to replace the folder, waited for."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder.with_name(f".{folder.name}.lock"), fallback_to_soft=False)
        lock.acquire()
    except OSError as error:
        raise UserError(f"{folder} cannot be made ({error.strerror}); choose another place") from None
    try:
        yield
    finally:
        # while it is ours: whoever waits for this file sees that it is gone, and takes a new one
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
