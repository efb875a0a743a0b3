"""What a disk refuses, in one line: no room left, mounted for reading only, not ours to write to, failing."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from experiments.errors import RunFailed

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FAULTS = (*FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV)
FILES_ARE_WHOLE = "what was saved before is whole, and the same command goes on from there"


class StorageFault(RunFailed):
    """The disk failed the command."""


@contextmanager
def faults_told() -> Iterator[None]:
    """Inside, an OSError that tells of the storage becomes a StorageFault; other errors pass.

    TensorBoard writes in a thread of its own, whose traceback is held back: the error is raised once more where the
    next number is recorded.
    """
    before = threading.excepthook

    def of_threads(said: threading.ExceptHookArgs) -> None:
        if not is_fault(said.exc_value):
            before(said)

    threading.excepthook = of_threads
    try:
        yield
    except OSError as error:
        if not is_fault(error):
            raise
        raise StorageFault(_line(error)) from error
    finally:
        threading.excepthook = before


def is_fault(error: BaseException | None) -> bool:
    """Whether an error tells of the storage."""
    return isinstance(error, OSError) and error.errno in FAULTS


def _line(error: OSError) -> str:
    where = "a file" if error.filename is None else os.fspath(error.filename)
    if isinstance(where, bytes):
        where = os.fsdecode(where)
    remedy = "make room on its disk" if error.errno in FULL else "see to its disk and to who may write there"
    return f"{where} cannot be written or read ({error.strerror}): {remedy}; {FILES_ARE_WHOLE}"
