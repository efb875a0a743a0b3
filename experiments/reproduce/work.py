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
    claims: Iterable[Claim], studies: Mapping[str, Study], scale: str | None, everything: bool, checks: Sequence[str]
) -> Work:
    """The checks and studies that the claims need; the quickest study first, so that answers come early.

    Args:
        studies: all that there are, by name. scale: None for the checks alone.
        everything: whether those are included too that no claim names.
        checks: the names of all checks.

    Raises:
        UserError: when the claims need nothing that can be run, or a study has no such scale.
    """
    tests = [test for claim in claims for test in claim.tests]
    needed_checks = set(checks) if everything else {test.check for test in tests if isinstance(test, CheckTest)}
    parts = []
    if scale is not None:
        deciding = {test.study for test in tests if isinstance(test, StudyTest) and test.belongs_to(scale)}
        parts = [_study_work(name, studies[name], scale) for name in (studies if everything else deciding)]
    if not parts and not needed_checks:
        raise UserError(_nothing(tests, scale))
    ordered = sorted(parts, key=lambda part: (part.minutes, part.name))
    return Work(tuple(one for one in checks if one in needed_checks), tuple(ordered))


def _nothing(tests: Sequence[StudyTest | CheckTest], scale: str | None) -> str:
    """Why claims with these tests need nothing that can be run, and the way out."""
    if not tests:
        return "these claims are notes, which nothing can be run for; the report says why"
    if scale is None:
        return "no check bears on these claims: leave out `checks` and choose a scale, as in scale=smoke"
    scales = {one for test in tests if isinstance(test, StudyTest) for one in test.scales or ()}
    return f"nothing decides these claims at scale={scale}; choose another one. {known(sorted(scales))}"


def _study_work(name: str, study: Study, scale: str) -> StudyWork:
    if scale not in study.scales:
        raise UserError(f"{name} has no scale={scale}; choose another one. {known(list(study.scales))}")
    chosen = study.scales[scale]  # type: ignore[index]
    values = sum(len(values) for values in chosen.tuned.values())
    tuned = len(study.tuned(scale)) * (values * len(chosen.tuning_seeds) + len(chosen.seeds))
    return StudyWork(name, scale, len(study.arms(scale)) * len(chosen.seeds) + tuned, chosen.minutes)
