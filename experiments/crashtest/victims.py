"""The processes that the crash test starts: each in a session of its own, and none of them left at the end."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

from experiments.environment import ROOT

MARK = "NORMLAB_CRASHTEST"  # a variable that a process hands on to all that it starts, by which they are found again
WORKER = "popen_loky"  # in the command line of joblib's processes


class Closed(RuntimeError):
    """The crash test is being ended; nothing is started any more."""


class Victim:
    """A command that runs in a folder, with one thread, and what it starts."""

    def __init__(self, words: Sequence[str], folder: Path, said: Path, mark: str) -> None:
        self._mark = mark
        environment = os.environ | {MARK: mark, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        with open(said, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *words],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative where a signal ended it; None where it still runs after some seconds."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def workers(self) -> list[int]:
        """The processes of joblib's that make its runs."""
        found = []
        with suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    if any(WORKER in word for word in child.cmdline()):
                        found.append(child.pid)
        return found

    def end(self) -> int:
        """Kill whatever is left of it, orphans in other sessions too; returns how many processes there were."""
        return end_marked(self._mark)


class Victims:
    """All victims of a crash test, which end with it.

    May be used by several threads. Raises Closed where one is to be started after the end has begun.
    """

    def __init__(self) -> None:
        self._name = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._count = 0
        self.closed = False

    def __enter__(self) -> "Victims":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def start(self, words: Sequence[str], folder: Path, said: Path) -> Victim:
        """Start `python WORDS` in a folder; what it prints goes to the file `said`."""
        with self._lock:
            if self.closed:
                raise Closed
            self._count += 1
            return Victim(words, folder, said, f"{self._name}-{self._count}.")

    def close(self) -> None:
        """Kill them all."""
        with self._lock:
            self.closed = True
        end_marked(self._name)


def end_marked(mark: str) -> int:
    """Kill the processes whose variable MARK begins so, until there are none; returns how many there were."""
    killed: set[int] = set()
    while found := _marked(mark):
        for one in found:
            with suppress(psutil.Error):
                one.send_signal(signal.SIGKILL)
                killed.add(one.pid)
        time.sleep(0.02)
    return len(killed)


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            if one.environ().get(MARK, "").startswith(mark) and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found
