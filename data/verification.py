"""Whether large arrays still hold what they held when they were made, found out while they are in use already."""

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data.content import content_digest


class DamagedData(ValueError):
    """An array on the disk is not what was written; the message names it, and what to do."""


class Verification:
    """Compares the SHA-256 of arrays with those of their making, in a thread: a large pack takes a minute.

    Args:
        folder: where the arrays are kept, each as `<name>.npy`.
        arrays, digests: by name.
        remedy: what makes them anew.
    """

    def __init__(self, folder: Path, arrays: Mapping[str, np.ndarray], digests: Mapping[str, str], remedy: str) -> None:
        self._folder, self._arrays, self._digests, self._remedy = folder, dict(arrays), dict(digests), remedy
        self._wrong: str | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start to look; what it finds is asked for by `require`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, daemon=True)
            self._thread.start()

    def require(self) -> None:
        """Wait for what was found.

        Raises:
            DamagedData: where an array is another one.
        """
        self.begin()
        assert self._thread is not None
        self._thread.join()
        if self._wrong is not None:
            raise DamagedData(
                f"{self._folder / self._wrong}.npy is damaged (it is not what was written); {self._remedy}"
            )

    def _look(self) -> None:
        for name, array in self._arrays.items():
            self._wrong = name  # until it has been read through and is the same
            with contextlib.suppress(Exception):
                if content_digest(array) == self._digests.get(name):
                    self._wrong = None
            if self._wrong is not None:
                return
