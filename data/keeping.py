"""What is found out about files once, kept for the next run: whole or not at all, and not needed."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import filelock

log = logging.getLogger("normlab.data")


def keep(path: Path, save: Callable[[BinaryIO], object]) -> None:
    """Let `save` write beside `path`, and move it there; where that fails, a warning: it is found out anew then.

    There is one place beside it, so that what a process leaves that is killed there is written over by the next.
    """
    lock = filelock.FileLock(path.with_name(f"{path.name}.lock"), fallback_to_soft=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # a file system without locks: what two may damage there is noticed and made anew
            lock.acquire()
        beside = path.with_name(f"{path.name}.part")
        with open(beside, "wb") as file:
            save(file)
        os.replace(beside, path)
    except OSError as error:
        log.warning("%s cannot be kept (%s)", path, error.strerror)
    finally:
        lock.release()
