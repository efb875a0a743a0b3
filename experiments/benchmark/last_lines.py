"""The end of what a process printed, for the message that it failed."""

from collections.abc import Sequence

LINES = 15


def last_lines(printed: Sequence[str]) -> str:
    """The last of the lines, each on one of its own, indented; ` nothing` where there are none."""
    return "".join(f"\n    {line.rstrip()}" for line in printed[-LINES:]) or " nothing"
