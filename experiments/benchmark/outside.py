"""Programs of this checkout, run in processes of their own and timed from outside, as whoever types a command waits."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import result
from experiments.benchmark.last_lines import last_lines
from experiments.environment import ROOT

LONGEST = 3600.0  # seconds that a program may take


class ProgramFailed(RuntimeError):
    """A program ended with another exit code than 0; the message has the end of what it printed."""


@dataclass(frozen=True)
class Timed:
    """A program that is over."""

    seconds: float  # from the start of its process to its end
    until_mark: float | None  # seconds from the start to the first line with the mark; None: no line had it
    printed: str


class Program:
    """A running `python WORDS`.

    Args:
        mark: what to look for in the lines that it prints.
        environment: variables beside those of this process.
        root: the folder that it runs in and imports from.
    """

    def __init__(
        self,
        words: Sequence[str],
        mark: str | None = None,
        environment: Mapping[str, str] | None = None,
        root: Path = ROOT,
    ):
        self._words, self._mark = list(words), mark
        variables = os.environ | {"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"} | dict(environment or {})
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, *words],
            cwd=root,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def wait(self) -> Timed:
        """Read what it prints until it ends.

        Raises:
            ProgramFailed: when it ends with another exit code than 0, or is ended after an hour.
        """
        until_mark, lines = None, []
        assert self._process.stdout is not None
        alarm = threading.Timer(LONGEST, self._process.kill)
        alarm.start()
        try:
            with self._process.stdout:
                for line in self._process.stdout:
                    if until_mark is None and self._mark is not None and self._mark in line:
                        until_mark = time.monotonic() - self._began
                    lines.append(line)
            code = self._process.wait()
            seconds = time.monotonic() - self._began
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            alarm.cancel()
        if code != 0:
            command, said = " ".join(self._words), last_lines(lines)
            raise ProgramFailed(f"python {command} ended with exit code {code}; it said last:{said}")
        return Timed(seconds, until_mark, "".join(lines))


def timed(words: Sequence[str], mark: str | None = None, environment: Mapping[str, str] | None = None) -> Timed:
    """Run `python WORDS` to its end. Raises ProgramFailed as `Program.wait` does."""
    return Program(words, mark, environment).wait()


def paths(outputs: Path) -> list[str]:
    """The settings that keep a run's files together in a folder."""
    return [f"paths.outputs={outputs}", f"paths.data={outputs / 'data'}"]


def results(outputs: Path) -> list[dict[str, Any]]:
    """`result.json` of all runs in an outputs folder, in the order of their names."""
    found = (result.read(folder) for folder in sorted((outputs / "runs").iterdir()))
    return [one for one in found if one is not None]


def as_words(settings: Mapping[str, Any]) -> list[str]:
    """Settings as they are typed."""
    return [f"{key}={'null' if value is None else _word(value)}" for key, value in settings.items()]


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
