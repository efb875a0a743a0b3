"""Whether the ledger and the studies fit together: every name exists, margins agree, and each names the other."""

from collections.abc import Collection, Mapping

from experiments.errors import UserError, known, nearest
from experiments.studies.claim import DIVERGENCE_MARGIN, CheckTest, Claim, StudyTest
from experiments.studies.known_studies import KnownMetric, KnownStudy


def check_fits(
    ledger: Mapping[str, Claim], studies: Mapping[str, KnownStudy], checks: Collection[str] | None = None
) -> None:
    """Refuse a ledger that names what does not exist, with another margin, or that the studies' files know nothing of.

    Args:
        checks: names of the checks that there are; None leaves them unchecked.

    Raises:
        UserError: for the first mistake.
    """
    for claim in ledger.values():
        for place, test in enumerate(claim.tests, 1):
            where = f"the ledger's claim {claim.id}, test {place}"
            if isinstance(test, CheckTest):
                if checks is not None and test.check not in checks:
                    raise UserError(f"{where}: the check {test.check} does not exist. {_hint(test.check, checks)}")
                continue
            if test.study not in studies:
                raise UserError(f"{where}: the study {test.study} does not exist. {_hint(test.study, studies)}")
            _check_test(where, test, studies[test.study])
    for name, study in studies.items():
        _check_claims(ledger, name, study)


def _check_test(where: str, test: StudyTest, study: KnownStudy) -> None:
    arms = list(dict.fromkeys(arm for found in study.arms.values() for arm in found))
    for arm in test.named_arms:
        if arm not in arms:
            raise UserError(f"{where}: {test.study} has no arm {arm}. {_hint(arm, arms)}")
    for scale, seeds in study.seeds.items():
        if seeds < 2:
            raise UserError(f"{where}: {test.study} has {seeds} seed at scale={scale}, and an interval needs two")
    if test.outcome == "divergence":
        assert test.margin == DIVERGENCE_MARGIN  # which the test itself makes sure of
        return
    if test.metric not in study.metrics:
        raise UserError(f"{where}: {test.study} has no metric {test.metric}. {_hint(test.metric, study.metrics)}")
    _check_metric(where, test, study.metrics[test.metric])
    if test.pairs != (test.metric in study.pairs):
        raise UserError(
            f"{where}: {test.metric} is {'no ' if test.pairs else ''}number of pairs: pairs={not test.pairs}"
        )
    if test.pairs and not {tuple(test.arms), tuple(reversed(test.arms))} & set(study.pairs[test.metric]):
        pairs = [" | ".join(pair) for pair in study.pairs[test.metric]]
        raise UserError(f"{where}: {test.metric} has no pair {' | '.join(test.named_arms)}. {known(pairs)}")


def _check_metric(where: str, test: StudyTest, metric: KnownMetric) -> None:
    if metric.margin is None:
        raise UserError(f"{where}: {test.study} fixes no margin for {test.metric}: a verdict needs one")
    if test.margin != metric.margin:
        raise UserError(f"{where}: margin={test.margin:g}, and {test.study} fixes {metric.margin:g} for {test.metric}")
    if metric.better == "neither" and any(isinstance(arm, list) for arm in test.arms):
        raise UserError(f"{where}: of several arms the best is meant, and {test.metric} is neither better high nor low")
    if metric.ratio and test.reference is not None and test.reference <= 0:
        raise UserError(f"{where}: reference={test.reference:g} of the ratio {test.metric} must be above 0")


def _check_claims(ledger: Mapping[str, Claim], name: str, study: KnownStudy) -> None:
    """The claims that a study's file names are those whose tests name the study."""
    naming = {
        key
        for key, claim in ledger.items()
        if any(isinstance(test, StudyTest) and test.study == name for test in claim.tests)
    }
    for key in study.claims:
        if key not in ledger:
            raise UserError(
                f"conf/study/{name}.yaml names the claim {key}, which does not exist. {nearest(key, ledger)}"
            )
        if key not in naming:
            raise UserError(f"conf/study/{name}.yaml names the claim {key}, and no test of that claim names the study")
    for key in naming:
        if key not in study.claims:
            raise UserError(f"the ledger's claim {key} names the study {name}, whose file does not name the claim")


def _hint(value: str, values: Collection[str]) -> str:
    return f"{nearest(value, values)}{known(values)}"
