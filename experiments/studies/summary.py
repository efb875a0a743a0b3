"""A study's numbers as plain values, for summary.json: from them alone come its tables and the verdicts."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from experiments.code_versions import differing
from experiments.studies.metric import Metric, Pair
from experiments.studies.pairs import pair_values
from experiments.studies.runs import STATUSES, StudyRun
from experiments.studies.study import SEPARATOR, Study
from experiments.studies.value import over_levels, value

SCHEMA = 2


def summary(
    name: str,
    scale: str,
    study: Study,
    runs: Mapping[str, Sequence[StudyRun]],
    *,
    overrides: Mapping[str, Sequence[str]],
    narrowed: bool,
    tuning: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The study's numbers.

    Args:
        runs: of each arm, the tuned ones included, by seed.
        overrides: of each arm.
        tuning: what was tried and chosen, by arm.
    """
    every = [run for found in runs.values() for run in found]
    metrics: list[Metric | Pair] = [*study.metrics, *study.pairs]
    finished = {run.folder: run.result for run in every if run.result is not None}
    arms = {arm: _arm(study, found, list(overrides[arm])) for arm, found in runs.items()}
    arms |= _reduced(study, scale, runs)
    return {
        "schema": SCHEMA,
        "study": name,
        "scale": scale,
        "command": f"python train.py study={name} scale={scale}",
        "question": study.question.strip(),
        "claims": study.claims,
        "narrowed": narrowed,
        "complete": not narrowed and _complete(study, scale, runs),
        "metrics": {metric.key: _about_metric(metric) for metric in metrics},
        "runs": {status: sum(run.status == status for run in _once(every)) for status in STATUSES},
        "environments": _environments(finished.values()),
        "code": {"mixed": mixed(finished.values())},
        "train_seconds": sum(found["train_seconds"] for found in finished.values()),
        "seeds": study.scales[scale].seeds,  # type: ignore[index]
        "tuning": dict(tuning or {}),
        "pairs": _pairs(study, runs),
        "arms": arms,
    }


def mixed(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Of which computing code the results had more than one version: modules, or, of results that did not record
    them, commits."""
    environments = [found["environment"] for found in results]
    with_code = [about["code"] for about in environments if about.get("code")]
    commits = {str(about["commit"]) for about in environments if not about.get("code")}
    if with_code and commits:
        commits |= {str(about["commit"]) for about in environments}
    found = differing(with_code)
    return [*found, *(f"commit {commit}" for commit in sorted(commits))] if len(commits) > 1 else found


def _complete(study: Study, scale: str, runs: Mapping[str, Sequence[StudyRun]]) -> bool:
    """Whether every run of the scale is over, those of tuned arms included."""
    planned = [name for name in study.names(scale) if name not in study.reduced(scale)]
    seeds = len(study.scales[scale].seeds)  # type: ignore[index]
    return all(len(runs.get(arm, ())) == seeds and all(run.result for run in runs[arm]) for arm in planned)


def _once(runs: Iterable[StudyRun]) -> list[StudyRun]:
    """Runs without repetitions: a tuned arm whose value is the recipe's own is the same runs."""
    return list({run.folder: run for run in runs}.values())


def _arm(study: Study, runs: Sequence[StudyRun], overrides: list[str]) -> dict[str, Any]:
    own = [metric for metric in study.metrics if metric.take is None]
    return {
        "overrides": overrides,
        "runs": {str(run.seed): {"status": run.status, "folder": run.folder.name} for run in runs},
        "values": {metric.key: _by_seed(runs, metric) for metric in own},
    }


def _by_seed(runs: Iterable[StudyRun], metric: Metric) -> dict[str, float]:
    found = {str(run.seed): value(run, metric) for run in runs}
    return {seed: number for seed, number in found.items() if number is not None}


def _reduced(study: Study, scale: str, runs: Mapping[str, Sequence[StudyRun]]) -> dict[str, Any]:
    """The arms without their nested levels: for each seed, what the metrics take of these."""
    taken = [metric for metric in study.metrics if metric.take is not None]
    arms = {}
    for name, parts in study.reduced(scale).items():
        present = [part for part in parts if part in runs]
        if not present:
            continue
        inner = {part: _inner_level(part, name) for part in present}
        by_seed: dict[int, list[tuple[str, StudyRun]]] = {}
        for part in present:
            for run in runs[part]:
                by_seed.setdefault(run.seed, []).append((inner[part], run))
        statuses = {seed: _status_over_levels({run.status for _, run in found}) for seed, found in by_seed.items()}
        values: dict[str, dict[str, float]] = {metric.key: {} for metric in taken}
        for seed, found in by_seed.items():
            for metric in taken if statuses[seed] != "not finished" else ():
                number = over_levels(metric, [(level, value(run, metric)) for level, run in found])
                if number is not None and math.isfinite(number):
                    values[metric.key][str(seed)] = number
        seeds = {str(seed): {"status": status, "folder": None} for seed, status in statuses.items()}
        arms[name] = {"overrides": [], "runs": seeds, "values": values}
    return arms


def _status_over_levels(statuses: Set[str]) -> str:
    """Of one seed: diverged where every level did; where only some did, the metrics say what is made of it."""
    if "not finished" in statuses:
        return "not finished"
    return "diverged" if statuses == {"diverged"} else "finished"


def _inner_level(arm: str, outer: str) -> str:
    """The nested levels in an arm's name: those that the reduced name lacks."""
    left = outer.split(SEPARATOR)
    return SEPARATOR.join(level for level in arm.split(SEPARATOR) if level not in left)


def _about_metric(metric: Metric | Pair) -> dict[str, Any]:
    about = {key: getattr(metric, key) for key in ("label", "percent", "better", "margin")}
    return about | {"ratio": isinstance(metric, Metric) and metric.ratio}


def _pairs(study: Study, runs: Mapping[str, Sequence[StudyRun]]) -> dict[str, dict[str, dict[str, float]]]:
    pairs: dict[str, dict[str, dict[str, float]]] = {pair.key: {} for pair in study.pairs}
    for pair in study.pairs:
        found = pair_values(pair, runs)
        if found is not None:
            pairs[pair.key][" | ".join(pair.arms)] = found
    return pairs


def _environments(results: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What of their environments tells results apart."""
    found = {tuple(sorted(_about(one["environment"]).items())) for one in results}
    return [dict(items) for items in sorted(found)]


def _about(environment: Mapping[str, Any]) -> dict[str, str]:
    shown = {key: str(environment[key]) for key in ("commit", "clean", "device_name", "threads")}
    return {**shown, "torch": str(environment["packages"]["torch"])}
