"""How a run is watched: a bar in a terminal, plain lines in a pipe or a log file."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from experiments.printable import PrintableFormatter

log = logging.getLogger("normlab")
SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def console_log(name: str | None, quiet: bool = False) -> Iterator[None]:
    """Lines go to the console; where several runs share it, each line names its run.

    Args:
        quiet: warnings alone.
    """
    console = logging.StreamHandler(sys.stdout)
    console.setFormatter(PrintableFormatter(f"[{name}] %(message)s" if name else "%(message)s"))
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    log.propagate = False
    with _handler(console), logging_redirect_tqdm(loggers=[log]):
        yield


@contextmanager
def file_log(path: Path) -> Iterator[None]:
    """The same lines, with the time, go to a file too."""
    file = _RunLog(path, encoding="utf-8")
    file.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(message)s"))
    with _handler(file):
        yield


class _RunLog(logging.FileHandler):
    """A log that fails as any other file of the run does, where logging's own would print a traceback and go on."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Called where a line could not be written, while what that raised is being handled."""
        failure = sys.exception()
        if failure is not None:
            raise failure


@contextmanager
def _handler(handler: logging.Handler) -> Iterator[None]:
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


class Progress:
    """Steps done, with loss, accuracy, images a second and time left.

    Args:
        step: steps done before (of a resumed run).
        total: steps of the whole run.
        batch_size: images a step.
        shown: whether there is a bar at all.
    """

    def __init__(self, step: int, total: int, batch_size: int, shown: bool = True):
        self._total, self._batch_size = total, batch_size
        self._first, self._began, self._last_line = step, time.monotonic(), time.monotonic()
        self._bar = tqdm(
            total=total, initial=step, unit="step", disable=not (shown and sys.stderr.isatty()), dynamic_ncols=True
        )

    def update(self, step: int, epoch: int, epochs: int, loss: float, accuracy: float) -> None:
        """Called once an interval, so that the device is asked for numbers that often and not at every step."""
        now = time.monotonic()
        rate = (step - self._first) * self._batch_size / max(now - self._began, 1e-9)
        left = (self._total - step) * self._batch_size / max(rate, 1e-9)
        if not self._bar.disable:
            self._bar.set_description(f"epoch {epoch}/{epochs}", refresh=False)
            self._bar.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.1%}, {rate:,.0f} images/s", refresh=False)
            self._bar.update(step - self._bar.n)
        elif now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            log.info(
                "epoch %d/%d, step %d/%d: loss %.3f, accuracy %.1f %%, %s images/s, %s left",
                epoch, epochs, step, self._total, loss, 100 * accuracy, f"{rate:,.0f}", duration(left),
            )  # fmt: skip

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


def duration(seconds: float) -> str:
    """Seconds as people say them: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
