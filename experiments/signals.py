"""Signals as a request to save and stop at the next step, and the way back to SLURM's queue.

SIGINT and SIGTERM end the run. Where SLURM sends SIGTERM to a job that it pre-empts, the job goes back to the queue:
SLURM itself requeues only what still runs when it comes to kill it. SIGUSR1 and SIGUSR2 announce that the time is
nearly up (`--signal=USR1@120`): whoever handled them before is called once the run is saved, submitit for one, which
requeues the job; where nobody did, it is requeued here.
"""

import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import active_children
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

from experiments.patient_signals import cancel, interrupt, patient

log = logging.getLogger("normlab")
SAVING = 10.0  # seconds that runs side by side have for it
ENDS = (signal.SIGINT, signal.SIGTERM)
TIME_IS_UP = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))


class StopRequest:
    """Which signal asked for a stop, or None."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: a second Ctrl-C no longer waits for the step to end."""
        if self.signal is not None and number == signal.SIGINT:
            interrupt(number, frame)
        self.signal = number


class Stopped(SystemExit):
    """The run was saved and stopped by a signal; the exit code is 128 + its number (130 or 143, for instance)."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = number


class _End:
    """Signal handler that ends the program at once; runs that it has started side by side save themselves before."""

    def __init__(self, first: bool) -> None:
        self._first, self._told = first, False

    def __call__(self, number: int, frame: object) -> None:
        if not self._told:  # the signal comes again where its exception was forgotten (experiments.patient_signals)
            self._told = True
            self._tell(number)
        raise Stopped(number)

    def _tell(self, number: int) -> None:
        workers = [child.pid for child in active_children() if child.name.startswith("Loky")]  # joblib's
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, number)  # type: ignore[arg-type] # they were started
        if workers:
            time.sleep(SAVING)  # they do not end with their run, and joblib kills them once this is over
        if self._first:
            _go_back_to_the_queue(number)


@contextmanager
def stop_requests(first: bool = True) -> Iterator[StopRequest]:
    """Listen for signals inside; the handlers before are put back after.

    Args:
        first: whether this is the first process of a training, which sees to what is done once.
    """
    request = StopRequest()
    if current_thread() is not main_thread():  # a launcher's worker thread cannot install handlers
        yield request
        return
    before = {number: signal.signal(number, request.note) for number in (*ENDS, *TIME_IS_UP)}
    try:
        yield request
    except Stopped as stop:
        _put_back(before)
        handler = before[stop.signal]
        if stop.signal in TIME_IS_UP and callable(handler):
            handler(stop.signal, None)  # which may raise, to end the process in its own way
        elif first:
            _go_back_to_the_queue(stop.signal)
        raise
    finally:
        _put_back(before)


@contextmanager
def ends_outside_training(first: bool = True) -> Iterator[None]:
    """Inside, before training and after it, signals end the program at once, and SLURM's job is not over with that.

    Args:
        first: as in `stop_requests`.
    """
    end, heard = patient(_End(first)), (*TIME_IS_UP, signal.SIGTERM)
    before = {number: signal.signal(number, end) for number in heard if signal.getsignal(number) == signal.SIG_DFL}
    try:
        yield
    finally:
        cancel()
        _put_back(before)


def _put_back(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _go_back_to_the_queue(number: int) -> None:
    """Requeue the job of SLURM that this is, where a signal does not mean its end."""
    if "SLURM_JOB_ID" in os.environ:
        job = _job()
        if number in TIME_IS_UP or (number == signal.SIGTERM and _is_preempted(job)):
            _requeue(job)


def _job() -> str:
    array = [os.environ.get(f"SLURM_ARRAY_{part}_ID") for part in ("JOB", "TASK")]
    return "_".join(array) if all(array) else os.environ["SLURM_JOB_ID"]  # type: ignore[arg-type]


def _is_preempted(job: str) -> bool:
    """Whether SLURM stops the job for another one, and not because its user or its time limit says so."""
    try:
        said = _scontrol("show", "job", job)
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.search(r"\bPreemptTime=(\S+)", said)
    return found is not None and found[1] not in ("None", "N/A", "Unknown")


def _requeue(job: str) -> None:
    try:
        _scontrol("requeue", job)
    except (OSError, subprocess.SubprocessError) as error:
        said = " ".join(str(getattr(error, "stderr", None) or error).split())
        log.warning("saved, but `scontrol requeue %s` failed (%s): submit the job again", job, said)
    else:
        log.info("SLURM job %s goes back to the queue", job)


def _scontrol(*words: str) -> str:
    return subprocess.run(["scontrol", *words], check=True, capture_output=True, text=True, timeout=60).stdout
