"""A setting chosen for each arm of a study on held-out training images, by runs like any others."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments import identity, result
from experiments.command_line import Job
from experiments.studies.study import Study

Value = float | int | str


@dataclass(frozen=True)
class Tried:
    """The runs by which an arm's setting is chosen, and what is known of them."""

    setting: str
    of: str  # the number of result.json that decides
    jobs: dict[Value, list[Job]]  # by value, in the order of the study
    means: dict[Value, float | None]  # over the seeds; None: a run diverged or has no finite number
    over: bool  # whether every run is finished or diverged

    @property
    def chosen(self) -> Value | None:
        """The value with the best mean, the first of equals; None while runs are missing, or if all have diverged."""
        found = {one: mean for one, mean in self.means.items() if mean is not None}
        if not self.over or not found:
            return None
        best = max if self.of.endswith("accuracy") else min
        return best(found, key=lambda one: found[one])

    @property
    def at_edge(self) -> bool:
        """Whether the chosen value is the first or last tried, so that a better one may lie beyond."""
        return self.chosen in (next(iter(self.jobs)), next(reversed(self.jobs)))

    def as_data(self) -> dict[str, Any]:
        """For summary.json."""
        means = {str(one): mean for one, mean in self.means.items()}
        return {"setting": self.setting, "of": self.of, "means": means, "chosen": self.chosen, "at_edge": self.at_edge}


def tuning_overrides(study: Study, scale: str, arm: str) -> dict[tuple[Value, int], list[str]]:
    """The overrides of an arm's tuning runs, by (value, seed)."""
    assert study.tuning is not None
    setting, chosen = study.tuning.setting, study.scales[scale]  # type: ignore[index]
    words = [*study.arms(scale)[arm], *study.tuning.settings]
    return {
        (one, seed): [*words, f"{setting}={one}", f"seed={seed}"]
        for one in chosen.tuned[setting]
        for seed in chosen.tuning_seeds
    }


def tried(study: Study, jobs: Mapping[tuple[Value, int], Job]) -> Tried:
    """What an arm's tuning runs have found so far; `jobs` by (value, seed)."""
    assert study.tuning is not None
    by_value: dict[Value, list[Job]] = {}
    for (one, _), job in jobs.items():
        by_value.setdefault(one, []).append(job)
    results = {one: [result.read(identity.folder(job.config)) for job in found] for one, found in by_value.items()}
    over = all(found is not None for several in results.values() for found in several)
    means = {one: _mean(several, study.tuning.of) for one, several in results.items()}
    return Tried(study.tuning.setting, study.tuning.of, by_value, means, over)


def _mean(results: Sequence[dict[str, Any] | None], of: str) -> float | None:
    numbers = [
        found["final"].get(of) if found is not None and found["status"] == "finished" else None for found in results
    ]
    finite = [number for number in numbers if number is not None]
    return statistics.fmean(finite) if len(finite) == len(numbers) else None
