"""A row of the ledger: what is claimed, what the literature says of it, and the tests that decide it here."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from experiments.settings import Strict
from experiments.verdicts.sample import BEARABLE

Arms = Annotated[list[str | Annotated[list[str], Field(min_length=2)]], Field(min_length=1, max_length=2)]
DIVERGENCE_MARGIN = BEARABLE  # a difference in the share of lost runs that a comparison of values bears


class StudyTest(Strict):
    """What a claim asserts of two arms of a study: A against B, the best of several where a list stands for one.

    With `minus` it asserts it of (A − B) − (C − D), with one arm alone of A against `reference`.
    """

    study: str
    metric: str  # a key of the study's metrics, or of its pairs
    arms: Arms
    minus: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    direction: Literal["greater", "less", "equal", "differs"]
    margin: Annotated[float, Field(gt=0)]  # the study's own for the metric
    reference: float | None = None
    pairs: bool = False
    outcome: Literal["value", "divergence"] = "value"  # divergence compares the shares of diverged runs
    primary: bool = False  # of the family that Holm's correction is over
    scales: Annotated[list[Literal["smoke", "cpu", "paper"]], Field(min_length=1)] | None = None  # null: all of them
    asserts: str

    @model_validator(mode="after")
    def _fits(self) -> Self:
        alone = len(self.arms) == 1
        lists = any(isinstance(arm, list) for arm in self.arms)
        if alone != (self.reference is not None):
            raise ValueError("one arm alone needs a reference, and two arms have none")
        if self.minus is not None and (alone or lists):
            raise ValueError("minus needs two single arms before it")
        if self.pairs and (alone or lists or self.minus is not None):
            raise ValueError("pairs needs two single arms and no minus")
        if self.outcome == "divergence" and (alone or lists or self.minus is not None or self.pairs):
            raise ValueError("outcome: divergence needs two single arms, without minus and pairs")
        if self.outcome == "divergence" and self.margin != DIVERGENCE_MARGIN:
            raise ValueError(f"the margin of outcome: divergence is {DIVERGENCE_MARGIN}")
        return self

    @property
    def question(self) -> tuple[Any, ...]:
        """What the test asks: equal for two tests that differ only in their words, their scales, or being primary."""
        asked = self.model_dump(exclude={"asserts", "scales", "primary"})
        return tuple((key, repr(value)) for key, value in asked.items())

    def belongs_to(self, scale: str) -> bool:
        """Whether the claim rests on the test at a scale; at another one a test of other arms may stand for it."""
        return self.scales is None or scale in self.scales

    @property
    def named_arms(self) -> list[str]:
        """Every arm that the test names."""
        flat = [name for arm in self.arms for name in ([arm] if isinstance(arm, str) else arm)]
        return [*flat, *(self.minus or [])]


class CheckTest(Strict):
    """A deterministic check (experiments/checks), whose evidence says whether the claim holds."""

    check: str
    asserts: str


def _kind_of_test(row: Any) -> str:
    """By what a row of tests is told apart, so that a mistake in it is reported of the right kind."""
    return "check" if isinstance(row, CheckTest) or (isinstance(row, dict) and "check" in row) else "study"


Test = Annotated[Annotated[StudyTest, Tag("study")] | Annotated[CheckTest, Tag("check")], Discriminator(_kind_of_test)]


class Literature(Strict):
    """What is known of the claim."""

    verdict: Literal["right", "wrong", "imprecise", "unsupported"]
    says: str
    source: str


class Claim(Strict):
    """One claim; it is the conjunction of its tests."""

    id: str
    document: str
    line: str
    claim: str
    kind: Literal["study", "check", "note"]  # what mainly decides it
    literature: Literature
    tests: list[Test] = Field(default_factory=list)
    why: str | None = None  # of a note: why it cannot be tested here

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.kind == "note") != (not self.tests):
            raise ValueError("a note has no tests, and every other claim has some")
        if (self.kind == "note") != (self.why is not None):
            raise ValueError("a note says why, and no other claim does")
        if self.kind == "study" and not any(isinstance(test, StudyTest) for test in self.tests):
            raise ValueError("kind: study needs a test of a study")
        if self.kind == "check" and not any(isinstance(test, CheckTest) for test in self.tests):
            raise ValueError("kind: check needs a test by a check")
        return self
