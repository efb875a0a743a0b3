"""SIGINT and SIGTERM as a request to save and stop at the next step."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


class StopRequest:
    """Which signal asked for a stop, or None."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def note(self, number: int, frame: object) -> None:
        """Signal handler: a second Ctrl-C no longer waits for the step to end."""
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number


class Stopped(SystemExit):
    """The run was saved and stopped by a signal; the exit code is 128 + its number (130 or 143)."""


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Listen for SIGINT and SIGTERM inside; the handlers before are put back after."""
    request = StopRequest()
    if current_thread() is not main_thread():  # a launcher's worker thread cannot install handlers
        yield request
        return
    before = {number: signal.signal(number, request.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
