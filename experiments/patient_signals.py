"""Signal handlers that end the program by an exception, and choose their moment.

A handler is called wherever Python happens to be, and what it raises comes up there. While modules are imported, that
may be within a library's C++ code, which no exception may pass (Triton's ends the process with SIGABRT), or in a
callback of the import system, where Python prints what is raised and forgets it, as it does where an object goes: the
signal would be lost.
"""

import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], object]

AGAIN = 0.05  # seconds between two looks at what Python is doing
HEEDED = 3.0  # seconds that the program has for its end, once the exception is raised
PATIENCE = 30.0  # seconds that an import may go on before it is interrupted all the same

_waiting_since: dict[int, float] = {}  # by signal
_coming: set[int] = set()  # signals that the timer will send
_replaced: list[Any] = []  # what handles the timer's own signal else, while it runs


def patient(handler: Handler) -> Handler:
    """A handler that is called once no module is imported any more, and again where that has not ended the program.

    What it raises may be caught on its way by a library that catches everything.
    """

    def called(number: int, frame: FrameType | None) -> None:
        since = _waiting_since.setdefault(number, time.monotonic())
        if _imports(frame) and time.monotonic() - since < PATIENCE and _send_again(number, AGAIN):
            return
        _waiting_since.pop(number, None)
        try:
            handler(number, frame)
        except BaseException:
            _send_again(number, HEEDED)
            raise

    return called


interrupt = patient(signal.default_int_handler)  # raises KeyboardInterrupt


def remember_forgotten() -> None:
    """Where Python forgets an exception that was to end the program, have its signal come again."""
    sys.unraisablehook = _unraisable


def cancel() -> None:
    """What still waits comes no more, as the work is done."""
    _stop()
    _waiting_since.clear()


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported there."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _send_again(number: int, seconds: float) -> bool:
    """Have the signal sent once more; False where the system has no timers.

    A timer and no thread: threads take locks, which the code that was interrupted may hold.
    """
    if not hasattr(signal, "setitimer"):
        return False
    if not _coming:
        _replaced.append(signal.signal(signal.SIGALRM, _ring))
    _coming.add(number)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    return True


def _ring(_: int, __: FrameType | None) -> None:
    numbers = sorted(_coming)
    _stop()
    for number in numbers:
        signal.raise_signal(number)


def _stop() -> None:
    """The timer, and what handled its signal before."""
    if _replaced:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, _replaced.pop())
    _coming.clear()


def _unraisable(what: "sys.UnraisableHookArgs") -> None:
    """Python's hook for exceptions that go no further."""
    error = what.exc_value
    number = signal.SIGINT if isinstance(error, KeyboardInterrupt) else 0
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        number = error.code - 128
    if number not in set(signal.Signals) or not _send_again(number, AGAIN):
        sys.__unraisablehook__(what)
