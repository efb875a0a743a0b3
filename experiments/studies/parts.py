"""One test of a claim at a scale: from a study's numbers, or a check's evidence, to what it came to."""

import math
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any

from experiments.studies.claim import CheckTest, StudyTest
from experiments.studies.decided import Part
from experiments.verdicts.criterion import Criterion
from experiments.verdicts.judge import judge
from experiments.verdicts.judge_divergence import judge_divergence
from experiments.verdicts.sample import Sample
from experiments.verdicts.verdict import Verdict

SCHEMA = 2  # of a study's summary, see experiments/studies/summary.py
LEFT_OUT = "left out at this scale"
NOT_CHECKED = "python scripts/reproduce.py runs the checks"


def of_check(test: CheckTest, evidence: Mapping[str, Any] | None) -> Part:
    """What a check's evidence says; the claim holds, or it does not."""
    if evidence is None:
        return Part(test, "not run", None, f"The check {test.check} has not been run: {NOT_CHECKED}.")
    state = "supported" if evidence["holds"] else "contradicted"
    return Part(test, state, None, evidence["sentence"], evidence=evidence, source=evidence.get("source"))  # type: ignore[arg-type]


def of_study(test: StudyTest, scale: str, summary: Mapping[str, Any] | None) -> Part:
    """The verdict on a test by a study's numbers at a scale; before Holm's correction."""
    if summary is None:
        command = f"python train.py study={test.study} scale={scale}"
        return Part(test, "not run", None, f"{test.study} has not been run at scale={scale}: {command}.", scale=scale)
    source = summary.get("source")
    obstacle = _obstacle(test, summary)
    if obstacle is not None:
        state, tag, sentence = obstacle
        return Part(test, state, tag, sentence, scale=scale, source=source)  # type: ignore[arg-type]
    verdict = _verdict(test, summary)
    return Part(test, verdict.state, verdict.tag, verdict.sentence, verdict=verdict, scale=scale, source=source)


def _obstacle(test: StudyTest, summary: Mapping[str, Any]) -> tuple[str, str | None, str] | None:
    """Why the numbers cannot be judged, as a part's state, tag and sentence with the way out; None where they can."""
    name, again = test.study, f"`{summary['command']}`"
    if summary.get("schema") != SCHEMA:
        return "refused", "old numbers", f"The numbers of {name} are of another version of the project: repeat {again}."
    if summary["narrowed"]:
        return "not run", "a part of it", f"Only a part of {name} was run: repeat {again} without more words."
    if summary["code"]["mixed"]:
        modules = ", ".join(summary["code"]["mixed"])
        return (
            "refused",
            "mixed code",
            f"Runs of {name} were made by different versions of {modules}, so that their difference may be the code's: "
            f"move the older ones out of the folder of runs and repeat {again}.",
        )
    if not summary["complete"]:
        left = summary["runs"].get("not finished", 0)
        runs = f"{left} {'run' if left == 1 else 'runs'}" if left else "some runs"
        return "not run", "incomplete", f"Of {name} {runs} are not finished: repeat {again}, which goes on."
    missing = _missing(test, summary)
    if missing is not None:
        return "not run", LEFT_OUT, f"{name} leaves {missing} out at scale={summary['scale']}."
    if test.outcome == "divergence":
        return None
    about = summary["metrics"].get(test.metric)
    if about is None:
        return "refused", "old numbers", f"The numbers of {name} have no {test.metric}: repeat {again}."
    if about["margin"] != test.margin:
        return (
            "refused",
            "another margin",
            f"The margin of {test.metric} is {about['margin']} by the numbers of {name}, and {test.margin:g} by the "
            f"ledger: repeat {again}.",
        )
    return None


def _missing(test: StudyTest, summary: Mapping[str, Any]) -> str | None:
    """What the test compares and the numbers lack; of several arms of which the best is meant, one is enough."""
    if test.pairs:
        return None if _of_pair(test, summary).runs else f"the pair {' | '.join(test.named_arms)}"
    sides = [[arm] if isinstance(arm, str) else arm for arm in (*test.arms, *(test.minus or []))]
    absent = [side for side in sides if not any(arm in summary["arms"] for arm in side)]
    return " and ".join(absent[0]) if absent else None


def _verdict(test: StudyTest, summary: Mapping[str, Any]) -> Verdict:
    if test.outcome == "divergence":
        a, b = (_sample(summary, arm, test.metric) for arm in test.named_arms)
        return judge_divergence(Criterion(test.direction, test.margin), a, b)
    about = summary["metrics"][test.metric]
    criterion = Criterion(
        test.direction,
        test.margin,
        ratio=about["ratio"],
        better=about["better"],
        percent=about["percent"],
        reference=test.reference or 0.0,
    )
    if test.pairs:
        return judge(criterion, [_of_pair(test, summary)])
    sides = [_samples(summary, arm, test.metric) for arm in test.arms]
    minus = None
    if test.minus is not None:
        minus = (_sample(summary, test.minus[0], test.metric), _sample(summary, test.minus[1], test.metric))
    return judge(criterion, sides[0], sides[1] if len(sides) > 1 else (), minus)


def _samples(summary: Mapping[str, Any], arm: str | Sequence[str], metric: str) -> list[Sample]:
    arms = [arm] if isinstance(arm, str) else [one for one in arm if one in summary["arms"]]
    return [_sample(summary, one, metric) for one in arms]


def _sample(summary: Mapping[str, Any], arm: str, metric: str) -> Sample:
    found = summary["arms"][arm]
    diverged = {seed for seed, run in found["runs"].items() if run["status"] == "diverged"}
    return _of_seeds(arm, found["runs"].keys(), diverged, found["values"].get(metric, {}))


def _of_pair(test: StudyTest, summary: Mapping[str, Any]) -> Sample:
    """A number of two arms together, which is the same in either order, by the seeds that they have in common.

    There are none where the scale leaves the pair out. A seed is lost if it diverged in one of the arms.
    """
    a, b = test.named_arms
    pairs = summary.get("pairs", {}).get(test.metric, {})
    values = pairs.get(f"{a} | {b}", pairs.get(f"{b} | {a}", {}))
    first, second = (summary["arms"].get(arm, {}).get("runs", {}) for arm in (a, b))
    seeds = first.keys() & second.keys()
    diverged = {seed for seed in seeds if "diverged" in (first[seed]["status"], second[seed]["status"])}
    return _of_seeds(f"{a} | {b}", seeds if values or diverged else (), diverged, values)


def _of_seeds(name: str, seeds: Collection[str], diverged: Set[str], values: Mapping[str, float]) -> Sample:
    """The sample of an arm by its runs that are over: a diverged one that counts as a number is not lost."""
    finite = {seed: float(value) for seed, value in values.items() if math.isfinite(value)}
    return Sample(tuple(finite.values()), len(seeds), len(diverged), name, len(diverged - finite.keys()))
