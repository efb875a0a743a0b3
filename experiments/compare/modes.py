"""The inference modes of the compared runs beside each other, where `scripts/evaluate.py` has left `modes.json`."""

import logging
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.plain_files import read_json
from experiments.finished import FinishedRun
from experiments.inference.battery import SCHEMA
from experiments.inference.modes import KINDS, Kind, words_of

FILE = "modes.json"

log = logging.getLogger("normlab")


@dataclass(frozen=True)
class Score:
    """A metric in one mode; the deviation is over shuffles of one run, or over several runs. None: not defined."""

    mean: float | None
    sd: float | None


@dataclass(frozen=True)
class Row:
    """One mode in A and in B."""

    code: str  # M3(128)
    kind: Kind
    batch_size: int | None
    accuracy: tuple[Score, Score]  # in [0, 1]
    churn: tuple[Score, Score]  # to M1, in [0, 1]

    @property
    def words(self) -> str:
        """Where the statistics come from."""
        return words_of(self.kind, self.batch_size)

    @property
    def difference(self) -> float | None:
        """Accuracy of A minus that of B."""
        a, b = (score.mean for score in self.accuracy)
        return None if a is None or b is None else a - b


@dataclass(frozen=True)
class Modes:
    """The table of modes."""

    rows: tuple[Row, ...]  # empty where no run was evaluated
    evaluated: tuple[int, int]  # runs of A and of B that have a modes.json


def read_modes(folder: Path) -> dict[str, dict[str, Any]]:
    """The rows of a run's `modes.json` by their code; none where there is no such file.

    A file that this version cannot read is left out too, with a word on the console: the comparison does not need it.
    """
    try:
        content = read_json(folder / FILE)
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}")
        return {row["code"]: row for row in content["modes"] if row["mode"] in KINDS}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        log.info("%s is left out, it cannot be read (%s)", folder / FILE, error)
        return {}


def compare_modes(a: Sequence[FinishedRun], b: Sequence[FinishedRun]) -> Modes:
    """Every mode that a run of A or of B was evaluated in, M1 first."""
    sides = [[found for run in side if (found := read_modes(run.folder))] for side in (a, b)]
    codes: dict[str, dict[str, Any]] = {code: row for side in sides for run in side for code, row in run.items()}
    ordered = sorted(codes.items(), key=lambda item: (KINDS.index(item[1]["mode"]), item[1]["batch_size"] or 0))

    def both(code: str, metric: str) -> tuple[Score, Score]:
        first, second = (_score([run[code] for run in side if code in run], metric) for side in sides)
        return first, second

    rows = [
        Row(code, row["mode"], row["batch_size"], both(code, "accuracy"), both(code, "churn")) for code, row in ordered
    ]
    return Modes(tuple(rows), (len(sides[0]), len(sides[1])))


def _score(rows: Sequence[dict[str, Any]], metric: str) -> Score:
    """One run's mean and deviation over its shuffles, or those of several runs' means."""
    found = [row["scores"][metric] for row in rows if row["scores"] is not None]
    if len(found) == 1:
        return Score(found[0]["mean"], found[0]["sd"])
    means = [one["mean"] for one in found if one["mean"] is not None]
    if not means:
        return Score(None, None)
    return Score(statistics.fmean(means), statistics.stdev(means) if len(means) > 1 else None)
