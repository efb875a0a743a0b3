"""The one kind of error that is the user's: shown as one line, exit code 2, never a traceback."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in what was asked for. Its message names the value and the remedy, in one line."""


def known(values: Iterable[str]) -> str:
    """ "Known: a, b, c" with the values in order."""
    return "Known: " + ", ".join(sorted(values))


def nearest(value: str, values: Iterable[str]) -> str:
    """ "Did you mean X?" when something close to `value` exists, else an empty string."""
    close = difflib.get_close_matches(value, list(values), n=1, cutoff=0.5)
    return f"Did you mean {close[0]}? " if close else ""
