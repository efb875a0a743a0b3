"""A command killed again and again: rounds of starts, each round in a fresh folder until the command is done."""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from experiments.crashtest.commands import Command
from experiments.crashtest.comparison import compare
from experiments.crashtest.shot import Aim, Ended, start
from experiments.crashtest.verdicts import verdicts
from experiments.crashtest.victims import Victims

FAILURES = 3  # starts that fail by themselves, after which a round is given up


@dataclass
class Tally:
    """What was done to a command, and what came of it."""

    command: str
    signals: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    rounds: int = 0
    differing: list[str] = field(default_factory=list)
    lost_runs: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)  # that the settings tolerate
    wrong_ends: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Signals that were sent while it ran."""
        return self.signals.total()

    def add(self, ended: Ended, signal: str | None) -> None:
        """Count one start."""
        self.attempts += 1
        if ended.hit and signal is not None:
            self.signals[signal] += 1
            self.places[ended.where] += 1
        if ended.fault is not None:
            self.wrong_ends.append(ended.fault)

    def faults(self) -> list[str]:
        """A line for each thing that is wrong."""
        return [f"{self.command}: {line}" for line in (*self.differing, *self.wrong_ends)]


@dataclass(frozen=True)
class Reference:
    """An undisturbed command: its folder, and the seconds that it took."""

    folder: Path
    seconds: float


class Chain:
    """The rounds of one command.

    Args:
        folder: for the folders of the rounds; those that differ stay.
        choose: how the next start is hit.
        tolerate: patterns of names that may be left behind.
    """

    def __init__(
        self,
        command: Command,
        reference: Reference,
        folder: Path,
        choose: Callable[[], Aim],
        tolerate: list[str],
        victims: Victims,
    ) -> None:
        self._command, self._reference, self._folder = command, reference, folder
        self._choose, self._tolerate, self._victims = choose, tolerate, victims
        self.tally = Tally(command.name)

    def kill(self, number: int) -> Tally:
        """Kill the command so many times, and let it come to its end."""
        while self.tally.kills < number:
            self._round(number)
        return self.tally

    def _round(self, number: int) -> None:
        self.tally.rounds += 1
        folder = self._folder / f"round-{self.tally.rounds}"
        folder.mkdir(parents=True)
        self._command.prepare(folder)
        failures = 0
        while True:
            aimed = None
            if self.tally.kills < number and not failures:
                aimed = self._choose()
            ended = start(self._command, aimed, folder, self._folder / "beside", self._victims)
            self.tally.add(ended, None if aimed is None else aimed.signal.name)
            if not ended.hit and ended.code == 0:
                break
            failures += not ended.hit
            if failures == FAILURES:
                self.tally.wrong_ends.append(f"the round in {folder} was given up")
                return
        self._compare(folder)

    def _compare(self, folder: Path) -> None:
        found = compare(self._reference.folder, folder, self._tolerate)
        wrong = found.faults()
        if (folder / "outputs" / "studies").exists():
            one, other = (verdicts(place / "outputs") for place in (self._reference.folder, folder))
            wrong += [f"verdict differs: {mine}" for mine, its in zip(other, one, strict=True) if mine != its]
        self.tally.differing += [f"{folder.name}: {line}" for line in wrong]
        self.tally.lost_runs += found.lost_runs
        self.tally.left_behind += found.tolerated
        if not wrong:
            shutil.rmtree(folder)
