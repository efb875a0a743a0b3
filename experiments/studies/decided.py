"""What came of a claim: its state and its parts, as data for tables and pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from experiments.studies.claim import CheckTest, Claim, StudyTest
from experiments.verdicts.verdict import Verdict

PartState = Literal["supported", "contradicted", "inconclusive", "refused", "not run"]
ClaimState = Literal["supported", "contradicted", "inconclusive", "not run", "note"]
JUDGED = ("supported", "contradicted", "inconclusive")  # the states of parts that are there


@dataclass(frozen=True)
class Part:
    """One test of a claim at a scale.

    state: of the verdict or the evidence; "not run" where there are no complete numbers; "refused" where there are but
        they may not be judged.
    tag: a few words on the state, where it needs them.
    sentence: the numbers in words; of a part that is not there, the way out.
    verdict: of a study's test that was judged. evidence: of a check that was run, as its file has it.
    scale: None for a check, which belongs to every scale.
    source: "local" or "saved", as given with the numbers; None where there are none.
    """

    test: StudyTest | CheckTest
    state: PartState
    tag: str | None
    sentence: str
    verdict: Verdict | None = None
    evidence: Mapping[str, Any] | None = None
    scale: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Decided:
    """A claim with its state.

    scale: the best one at which all parts are there; None for notes, for claims that checks alone decide, and for those
        that are not run.
    parts: at that scale; of a claim that is not run, at the scale at which most of them are there.
    smoke_state, smoke_parts: what the numbers of the smoke scale would come to, for claims that are not run and whose
        parts are all there at that scale. They show that the machinery works and say nothing about the claim.
    """

    claim: Claim
    state: ClaimState
    scale: str | None
    parts: tuple[Part, ...]
    smoke_state: ClaimState | None = None
    smoke_parts: tuple[Part, ...] = ()
