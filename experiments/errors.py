"""Errors that are shown as one line, never a traceback: the user's mistakes, and what ended a run that had begun."""

import difflib
import os
import sys
import time
from collections.abc import Iterable

from experiments.printable import one_line

TURN = 5.0  # seconds that the other processes of `torchrun` leave to the first, whose end ends them all


class UserError(ValueError):
    """A mistake in what was asked for. Its message names the value and the remedy, in one line.

    Attributes:
        code: the exit code of a program that ends with it.
    """

    code = 2


class RunFailed(UserError):
    """What ended something that had begun and was asked for rightly; what was saved of it stays. Exit code 1."""

    code = 1


def say(error: UserError) -> None:
    """Print the line of a mistake on standard error; of several processes that all see it, the first alone does."""
    if os.environ.get("RANK", "0") != "0":
        time.sleep(TURN)  # who is still here then is alone with it
    print(f"error: {one_line(str(error))}", file=sys.stderr)


def known(values: Iterable[str]) -> str:
    """ "Known: a, b, c" with the values in order."""
    return "Known: " + ", ".join(sorted(values))


def nearest(value: str, values: Iterable[str]) -> str:
    """ "Did you mean X?" when something close to `value` exists, else an empty string."""
    close = difflib.get_close_matches(value, list(values), n=1, cutoff=0.5)
    return f"Did you mean {close[0]}? " if close else ""
