"""How long a part of the benchmark may take, so that the whole ends in time on a slow machine."""

import time


class Budget:
    """Seconds that a part has, counted from now.

    Work that is not begun for want of time is named in the results; what has begun is finished.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._began = time.monotonic()

    @property
    def spent(self) -> float:
        return time.monotonic() - self._began

    def on_time(self, share: float) -> bool:
        """Whether what may take this share of the time, in (0, 1], has not used it up."""
        return self.spent <= self.seconds * share
