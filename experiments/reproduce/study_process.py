"""A study run by `train.py` in a process of its own, watched by the run folders that it finishes."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from experiments import identity
from experiments.reproduce.work import StudyWork
from experiments.studies.grid import grid

TRAIN = Path(__file__).resolve().parents[2] / "train.py"
EVERY = 2.0  # seconds between two looks at the run folders


class Runs:
    """The run folders of a study, counted as they are finished."""

    def __init__(self, command: Sequence[str]) -> None:
        """Raises UserError when the study's file or the words are not right."""
        self._command = command
        self._read()

    def _read(self) -> None:
        found = grid(self._command)
        self._folders = {identity.folder(job.config) for job in found.plan.jobs}
        self._waiting = found.waiting

    def over(self) -> int:
        """How many are over, those of the tuning included."""
        count = sum((folder / "result.json").exists() for folder in self._folders)
        if self._waiting and count == len(self._folders):  # what is tuned is known from now on
            self._read()
        return count


def run_study(part: StudyWork, words: Sequence[str], log: Path, runs: Runs, told: Callable[[int], None]) -> int:
    """Run or resume a study; returns the exit code of `train.py`. What it prints goes to the file `log`.

    Args:
        words: passed on to `train.py`.
        told: called now and then with the number of its runs that are over.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as file:
        command = [sys.executable, str(TRAIN), *part.command(words)]
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                told(runs.over())
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(EVERY)
        except BaseException:
            # Ctrl-C reaches the study too, whose runs save themselves; other ends are passed on as such a request
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait()
            raise
    told(runs.over())
    return process.returncode


def last_line(log: Path) -> str:
    """What a study said last, of its mistake where it named one."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error:")]
    return (errors or lines or ["it said nothing"])[-1]
