"""Which checks and studies decide the claims that are asked for, and in which order they are run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from experiments.errors import UserError, known
from experiments.studies.claim import CheckTest, Claim, StudyTest
from experiments.studies.study import Study


@dataclass(frozen=True)
class StudyWork:
    """A study at a scale, and how much work it is."""

    name: str
    scale: str
    runs: int  # at most: a tuned arm whose value is the recipe's own has none of its own
    minutes: float  # as its file says, on the hardware that it names

    def command(self, words: Sequence[str]) -> list[str]:
        """The words behind `python train.py`."""
        return [f"study={self.name}", f"scale={self.scale}", *words]


@dataclass(frozen=True)
class Work:
    """What there is to do, in order."""

    checks: tuple[str, ...]
    studies: tuple[StudyWork, ...]


def work(
    claims: Iterable[Claim], studies: Mapping[str, Study], scale: str, everything: bool, checks: Sequence[str]
) -> Work:
    """The checks and studies that the claims need; the quickest study first, so that answers come early.

    Args:
        studies: all that there are, by name.
        everything: whether those are included too that no claim names.
        checks: the names of all checks.

    Raises:
        UserError: when the claims need nothing that can be run, or a study has no such scale.
    """
    tests = [test for claim in claims for test in claim.tests]
    needed = {test.study for test in tests if isinstance(test, StudyTest) and test.belongs_to(scale)}
    needed_checks = {test.check for test in tests if isinstance(test, CheckTest)}
    if everything:
        needed, needed_checks = set(studies), set(checks)
    if not needed and not needed_checks:
        raise UserError("these claims are notes, which nothing can be run for; the report says why")
    parts = []
    for name in sorted(needed):
        if scale not in studies[name].scales:
            raise UserError(f"{name} has no scale={scale}. {known(list(studies[name].scales))}")
        parts.append(_study_work(name, studies[name], scale))
    ordered = sorted(parts, key=lambda part: (part.minutes, part.name))
    return Work(tuple(one for one in checks if one in needed_checks), tuple(ordered))


def _study_work(name: str, study: Study, scale: str) -> StudyWork:
    chosen = study.scales[scale]  # type: ignore[index]
    values = sum(len(values) for values in chosen.tuned.values())
    tuned = len(study.tuned(scale)) * (values * len(chosen.tuning_seeds) + len(chosen.seeds))
    return StudyWork(name, scale, len(study.arms(scale)) * len(chosen.seeds) + tuned, chosen.minutes)
