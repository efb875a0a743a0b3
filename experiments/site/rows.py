"""What came of each claim as plain values, as the pages show them: words, numbers with units, links."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.report.page import MINUS, SPACE, p_value, points, short
from experiments.site.sources import Evidence, Summary
from experiments.studies.claim import StudyTest
from experiments.studies.decided import Decided, Part
from experiments.verdicts.verdict import Verdict

STATES = ("supported", "contradicted", "inconclusive", "not run", "note")  # in the order in which they are counted
Summaries = Mapping[tuple[str, str], Summary]
Row = dict[str, Any]


def rows(decided: Sequence[Decided], summaries: Summaries) -> list[Row]:
    """A row a claim, in the ledger's order; JSON can hold it."""
    return [_row(found, summaries) for found in decided]


def _row(found: Decided, summaries: Summaries) -> Row:
    claim = found.claim
    parts, smoke = ([_part(part, summaries) for part in some] for some in (found.parts, found.smoke_parts))
    return {
        "id": claim.id,
        "anchor": anchor(claim.id),
        "document": claim.document,
        "line": claim.line,
        "claim": claim.claim,
        "kind": claim.kind,
        "why": claim.why,
        "literature": claim.literature.model_dump(),
        "state": found.state,
        "scale": found.scale,
        "smoke_state": found.smoke_state,
        "parts": parts,
        "smoke_parts": smoke,
        "by": sorted({part["by"] for part in parts}),
    }


def anchor(claim: str) -> str:
    """The identifier of a claim's place on the page of all claims."""
    return f"claim-{claim}"


def page_of(study: str, scale: str) -> str:
    """The file of a study's page, in the report's folder."""
    return f"studies/{study}-{scale}.html"


def _part(part: Part, summaries: Summaries) -> dict[str, Any]:
    common = {
        "asserts": part.test.asserts,
        "state": part.state,
        "tag": part.tag,
        "sentence": part.sentence,
        "scale": part.scale,
        "source": part.source,
    }
    if isinstance(part.test, StudyTest):
        return {**common, **_of_study(part, part.test, summaries)}
    return {**common, **_of_check(part.test.check, part.evidence)}


def _of_study(part: Part, test: StudyTest, summaries: Summaries) -> dict[str, Any]:
    summary = summaries.get((test.study, part.scale)) if part.scale is not None else None
    metric = summary["metrics"].get(test.metric, {}) if summary else {}
    shares = bool(metric.get("percent")) or test.outcome == "divergence"
    return {
        "kind": "study",
        "by": test.study,
        "link": page_of(test.study, part.scale) if summary and part.scale else f"index.html#study-{test.study}",
        "metric": "share of diverged runs" if test.outcome == "divergence" else metric.get("label", test.metric),
        "against": _against(test),
        "primary": test.primary,
        "numbers": None if part.verdict is None else _numbers(part.verdict, shares),
    }


def _of_check(check: str, evidence: Evidence | Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "kind": "check",
        "by": check,
        "link": f"checks.html#{check}" if evidence is not None else "index.html#checks",
        "metric": "",
        "against": "",
        "primary": False,
        "numbers": None,
    }


def _against(test: StudyTest) -> str:
    """Which arms are compared, in words."""
    sides = [side if isinstance(side, str) else f"the best of {', '.join(side)}" for side in test.arms]
    text = f"{sides[0]} against {sides[1] if len(sides) > 1 else short(test.reference)}"
    return f"{text}, less {test.minus[0]} against {test.minus[1]}" if test.minus else text


def _numbers(verdict: Verdict, shares: bool) -> dict[str, Any]:
    """A verdict's numbers, as text and for pictures and sorting."""
    return {
        "effect": verdict.effect,
        "low": verdict.low,
        "high": verdict.high,
        "margin": verdict.margin,
        "ratio": verdict.ratio,
        "effect_text": amount(verdict.effect, verdict.ratio, shares),
        "interval_text": _interval(verdict, shares),
        "margin_text": amount(verdict.margin, verdict.ratio, shares).lstrip("+"),
        "unit": " points" if shares and not verdict.ratio else "",
        "n": ", ".join(map(str, verdict.n if len(set(verdict.n)) > 1 else verdict.n[:1])),
        "fewest": min(verdict.n, default=0),
        "power": verdict.power,
        "p": _bare(verdict.p),
        "adjusted_p": _bare(verdict.adjusted_p),
        "margins": in_margins(verdict),
    }  # fmt: skip


def amount(value: float | None, ratio: bool, shares: bool) -> str:
    """A difference with its sign, in percentage points where it is one of shares; a ratio as ×1.2."""
    if value is None or math.isnan(value):
        return "–"
    if ratio:
        return f"×{short(value)}"
    if shares:
        return points(value)
    text = short(float(f"{value:.3g}"))
    return text if text.startswith(MINUS) or value == 0 else f"+{text}"


def _interval(verdict: Verdict, shares: bool) -> str:
    if verdict.low is None or verdict.high is None:
        return ""
    return f"[{', '.join(amount(end, verdict.ratio, shares) for end in (verdict.low, verdict.high))}]"


def _bare(p: float | None) -> str:
    """A probability for a column of them: only a bound has its sign."""
    return p_value(p).removeprefix(f"={SPACE}")


def in_margins(verdict: Verdict) -> float | None:
    """The effect as a multiple of the smallest difference that matters, so that effects of all kinds can be ordered."""
    if verdict.effect is None:
        return None
    if not verdict.ratio:
        return verdict.effect / verdict.margin
    return math.log(verdict.effect) / math.log(verdict.margin) if verdict.effect > 0 else None
