"""From the ledger, the studies' numbers and the checks' evidence to what came of each claim.

A claim is the conjunction of its tests: it is supported if all of them are, contradicted if one is, and otherwise
inconclusive. It is judged at the best scale at which all of its tests can be, paper before cpu, never at several at
once; checks belong to every scale. Where tests of studies are missing it is not run, unless a check contradicts it,
which no number of a study can undo. The scale smoke shows that the machinery works, and its verdicts do not count.

The primary tests of studies at one scale are a family, over which their verdicts are corrected (Holm 1979, see
experiments/verdicts/holm.py). A test that several claims share is one test, and has one verdict.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from experiments.studies.claim import CheckTest, Claim, StudyTest
from experiments.studies.decided import JUDGED, ClaimState, Decided, Part
from experiments.studies.parts import LEFT_OUT, of_check, of_study
from experiments.verdicts.holm import corrected

__all__ = ["Decided", "Part", "decide"]

COUNTING = ("paper", "cpu")  # scales, the best first
SMOKE = "smoke"
Question = tuple[Any, ...]


def decide(
    ledger: Mapping[str, Claim],
    summaries: Mapping[tuple[str, str], Mapping[str, Any]],
    evidence: Mapping[str, Mapping[str, Any]],
) -> list[Decided]:
    """What came of each claim, in the ledger's order.

    Args:
        ledger: claims by id; the whole ledger, since the correction is over all of its primary tests.
        summaries: of schema 2, by study and scale, each with "source": "local" or "saved".
        evidence: of checks, by name, each with "source" too.
    """
    judged = {scale: _judged(ledger, summaries, scale) for scale in (*COUNTING, SMOKE)}
    return [_decided(claim, judged, evidence) for claim in ledger.values()]


def _judged(
    ledger: Mapping[str, Claim], summaries: Mapping[tuple[str, str], Mapping[str, Any]], scale: str
) -> dict[Question, Part]:
    """Every test of a study at a scale, each question once, with the correction over the primary ones."""
    parts: dict[Question, Part] = {}
    primary: list[Question] = []
    for claim in ledger.values():
        for test in claim.tests:
            if not isinstance(test, StudyTest) or not test.belongs_to(scale):
                continue
            if test.question not in parts:
                parts[test.question] = of_study(test, scale, summaries.get((test.study, scale)))
            if test.primary:
                primary.append(test.question)
    for question, verdict in corrected({one: parts[one].verdict for one in primary}).items():
        found = replace(parts[question], state=verdict.state, tag=verdict.tag, sentence=verdict.sentence)
        parts[question] = replace(found, verdict=verdict)
    return parts


def _decided(
    claim: Claim, judged: Mapping[str, Mapping[Question, Part]], evidence: Mapping[str, Mapping[str, Any]]
) -> Decided:
    if claim.kind == "note":
        return Decided(claim, "note", None, ())
    checks = {
        test.check: of_check(test, evidence.get(test.check)) for test in claim.tests if isinstance(test, CheckTest)
    }
    if len(checks) == len(claim.tests):
        parts = tuple(checks.values())
        return Decided(claim, _state(parts) if _there(parts) else _without_all(parts), None, parts)
    at = {scale: _parts(claim, scale, judged[scale], checks) for scale in judged}
    for scale in COUNTING:
        if _there(at[scale]):
            return Decided(claim, _state(at[scale]), scale, at[scale])
    fullest = max(reversed(COUNTING), key=lambda scale: _fullness(at[scale]))
    state = _without_all(at[fullest])
    if state == "not run" and _there(at[SMOKE]):
        return Decided(claim, state, None, at[fullest], _state(at[SMOKE]), at[SMOKE])
    return Decided(claim, state, None, at[fullest])


def _parts(claim: Claim, scale: str, judged: Mapping[Question, Part], checks: Mapping[str, Part]) -> tuple[Part, ...]:
    """The claim's tests at a scale, in order; nothing where none of its tests of studies belongs to the scale."""
    parts = []
    for test in claim.tests:
        if isinstance(test, CheckTest):
            parts.append(replace(checks[test.check], test=test))
        elif test.belongs_to(scale):
            parts.append(replace(judged[test.question], test=test))
    return tuple(parts) if any(isinstance(part.test, StudyTest) for part in parts) else ()


def _there(parts: tuple[Part, ...]) -> bool:
    return bool(parts) and all(part.state in JUDGED for part in parts)


def _fullness(parts: tuple[Part, ...]) -> tuple[bool, int, int]:
    """How much of the parts is there; of equals, that at which more of what is missing can be run."""
    return bool(parts), sum(part.state in JUDGED for part in parts), -sum(part.tag == LEFT_OUT for part in parts)


def _state(parts: tuple[Part, ...]) -> ClaimState:
    states = {part.state for part in parts}
    if "contradicted" in states:
        return "contradicted"
    return "supported" if states == {"supported"} else "inconclusive"


def _without_all(parts: tuple[Part, ...]) -> ClaimState:
    """Of a claim whose parts are not all there."""
    by_check = any(part.state == "contradicted" and isinstance(part.test, CheckTest) for part in parts)
    return "contradicted" if by_check else "not run"
