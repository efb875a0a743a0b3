"""A command that shoots itself: run in this process under an audit hook, which sends it a signal at a chosen moment.

    python -m experiments.crashtest.victim '{"place": "checkpoint", "number": 3, ...}' PROGRAM WORD ...

Python announces each file that it opens, moves or removes before it does so. The hook counts what concerns one place
below the folder that is watched and sends the signal when the count is reached, or some milliseconds after that. So the
process ends in the middle of what it does there, and nothing in the program knows of it.
"""

import json
import os
import runpy
import sys
import threading
import time
from typing import Any

from experiments.crashtest.places import changed_path, place_of


def arm(place: str | None, number: int, signal: int, delay: float, folder: str, note: str) -> None:
    """Set the trap in this process.

    Args:
        place: a value of `places.PLACES`; None: any.
        number: of the event of the place that springs it, from 1 on.
        delay: seconds after the event; 0: before what it announces is done.
        folder: absolute; files elsewhere do not count.
        note: where the event is written down, in a line, before the signal is sent.
    """
    log = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    counted = 0

    def shoot() -> None:
        if delay:
            time.sleep(delay)
        os.kill(os.getpid(), signal)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal counted
        path = changed_path(event, arguments)
        found = None if path is None else place_of(path, folder)
        if found is None or (place is not None and found != place):
            return
        counted += 1
        if counted != number:
            return
        os.write(log, json.dumps({"place": found, "event": event, "path": path}).encode() + b"\n")
        if delay:
            threading.Thread(target=shoot, daemon=True).start()
        else:
            shoot()

    sys.addaudithook(watch)


def main(arguments: list[str]) -> None:
    """Set the trap and become the program."""
    trap, program, *words = arguments
    arm(**json.loads(trap))
    sys.argv = [program, *words]
    sys.path[0] = os.path.dirname(os.path.abspath(program))
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
