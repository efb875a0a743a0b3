"""Folders from which code is loaded: nobody but their owner may write there."""

import errno
import os
import stat
from pathlib import Path

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def private_folder(folder: Path) -> None:
    """Make a folder that this user alone can write to, or find it so; the two above it, which are ours too, as well.

    Raises OSError where it cannot be made, is another user's, or may be written to by others.
    """
    for place in (folder.parent.parent, folder.parent, folder):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = place.stat()
        if hasattr(os, "getuid") and found.st_uid != os.getuid():
            raise PermissionError(errno.EPERM, f"{place} belongs to another user: code of theirs could be run from it")
        if hasattr(os, "getuid") and found.st_mode & OTHERS_WRITE:
            raise PermissionError(errno.EPERM, f"others may write to {place}: make it yours with chmod go-w {place}")
