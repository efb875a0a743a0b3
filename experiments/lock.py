"""A run's folder for one process alone: an advisory lock, which the system takes from a process that dies.

On a folder that several machines share, its file system must know locks (NFS from version 3 on does, Lustre where it is
mounted with `flock`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from experiments.errors import UserError

T = TypeVar("T")
EVERY = 2.0  # seconds between two looks at what others hold


class HeldElsewhere(UserError):
    """Another process is at work on a folder."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder, made where it is missing, for this process alone.

    Raises:
        HeldElsewhere: when it is another's.
        UserError: when it cannot be made, or its file system knows no locks.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made ({error.strerror}); choose another paths.outputs") from error
    # kept by the system or not at all: a lock that is only a file would outlive a process that is killed
    lock = FileLock(folder / ".lock", timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise HeldElsewhere(f"another process is working on {folder}; wait for it, or stop it first") from None
    except OSError as error:
        raise UserError(
            f"{folder} cannot be locked ({error.strerror}); choose a paths.outputs on another file system"
        ) from error
    try:
        yield
    finally:
        lock.release()


def refuse_held(folder: Path) -> None:
    """Raise HeldElsewhere where another process is at work on the folder."""
    if folder.exists():
        with locked(folder):
            pass


def is_held(folder: Path) -> bool:
    """Whether another process is at work on a folder."""
    try:
        refuse_held(folder)
    except HeldElsewhere:
        return True
    return False


def free_ones(items: Sequence[T], folder_of: Callable[[T], Path]) -> list[T]:
    """Those of the items whose folders are nobody's; waits until there is one, and says so."""
    said = False
    while not (free := [item for item in items if not is_held(folder_of(item))]):
        if not said:
            print(f"waiting for {len(items)} runs that other processes are making", flush=True)
        said = True
        time.sleep(EVERY)
    return free
