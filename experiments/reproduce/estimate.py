"""How long the rest will take: the minutes that studies' files say, at the pace that this machine has shown so far."""

from collections.abc import Sequence

from experiments.reproduce.work import StudyWork


class Estimate:
    """Runs done and to come. A run's share of its study's minutes is that of any other of its runs."""

    def __init__(self, studies: Sequence[StudyWork]) -> None:
        self._studies = {study.name: study for study in studies}
        self._done = dict.fromkeys(self._studies, 0)
        self._before = dict.fromkeys(self._studies, 0)  # found done, which says nothing of the pace
        self._over: set[str] = set()

    @property
    def total(self) -> int:
        """All runs."""
        return sum(study.runs for study in self._studies.values())

    @property
    def done(self) -> int:
        """Those that are over; of a study that is over all, also where some of its runs were the same."""
        return sum(self._runs(name) for name in self._studies)

    def found(self, name: str, runs: int) -> None:
        """Note how many runs of a study were there already when it began."""
        self._before[name] = self._done[name] = runs

    def now(self, name: str, runs: int) -> None:
        """Note how many runs of a study there are now."""
        self._done[name] = runs

    def over(self, name: str) -> None:
        """Note that a study is over."""
        self._over.add(name)

    def seconds_left(self, elapsed: float) -> float:
        """What the runs to come will take, after `elapsed` seconds of work on those that are done."""
        minutes = {name: study.minutes / max(study.runs, 1) for name, study in self._studies.items()}
        worked = sum(minutes[name] * (self._done[name] - self._before[name]) for name in self._studies)
        left = sum(minutes[name] * (study.runs - self._runs(name)) for name, study in self._studies.items())
        # a study's file is believed until it has been seen how fast this machine is
        return left * (elapsed / worked if worked > 0 else 60.0)

    def _runs(self, name: str) -> int:
        return self._studies[name].runs if name in self._over else min(self._done[name], self._studies[name].runs)
