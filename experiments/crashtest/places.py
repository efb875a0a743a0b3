"""Where in its work a process is when it opens, moves or removes a file: told by the file's path.

Imports nothing but what Python itself has loaded, as it is imported before the command that is watched.
"""

import os

# The first that fits counts: a part of the path below the folder that is watched, and what it belongs to.
PLACES = (
    ("/sweeps/", "sweep"),
    ("/studies/", "page"),
    ("/report/", "report"),
    ("checkpoint", "checkpoint"),
    ("metrics.csv", "metrics"),
    ("events.out.tfevents", "metrics"),
    (".modes.", "modes"),
    ("/modes.", "modes"),
    ("predictions.npz", "predictions"),
    ("result.json", "result"),
    ("/cache/", "cache"),
    ("/packs/", "pack"),
    (".tar.gz", "download"),
    ("/runs/", "folder"),  # the run's other files: settings, log, lock
)
WRITING = os.O_WRONLY | os.O_RDWR
MOVES = ("os.rename", "shutil.move", "os.link", "os.symlink")
OTHERS = ("os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree")


def changed_path(event: str, arguments: tuple) -> str | None:
    """The path that an audit event of Python is about to change, or None where it changes none."""
    if event == "open":
        path, mode, flags = arguments
        writes = any(sign in mode for sign in "wax+") if isinstance(mode, str) else bool((flags or 0) & WRITING)
        if not writes:
            return None
    elif event in MOVES:
        path = arguments[1]
    elif event in OTHERS:
        path = arguments[0]
    else:
        return None
    if isinstance(path, int):  # a descriptor
        return None
    try:
        return os.fsdecode(path)
    except TypeError:
        return None


def place_of(path: str, folder: str) -> str | None:
    """What a changed path belongs to, or None where it does not lie below the folder (absolute)."""
    whole = os.path.abspath(path)
    if not whole.startswith(folder + os.sep):
        return None
    inner = whole[len(folder) :]
    return next((place for sign, place in PLACES if sign in inner), "other")
