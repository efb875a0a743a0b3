"""What the ledger needs to know of the studies: the names that its tests may use, and the margins fixed there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from experiments.studies.study import Study, load, names


@dataclass(frozen=True)
class KnownMetric:
    """A metric's margin (of a ratio the smallest ratio that matters), and how arms are compared by it."""

    margin: float | None
    ratio: bool = False
    better: str = "neither"


@dataclass(frozen=True)
class KnownStudy:
    """A study as the ledger sees it.

    claims: those that its file names. arms: by scale. seeds: how many, by scale. metrics: by key, those of pairs
    included. pairs: by key, the pairs of arms that have such a number.
    """

    claims: tuple[str, ...]
    arms: Mapping[str, tuple[str, ...]]
    seeds: Mapping[str, int]
    metrics: Mapping[str, KnownMetric]
    pairs: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


def known_studies() -> dict[str, KnownStudy]:
    """All studies of conf/study, by name.

    Raises:
        UserError: when one of their files cannot be read.
    """
    return {name: _known(load(name)) for name in names()}


def _known(study: Study) -> KnownStudy:
    metrics = {one.key: KnownMetric(one.margin, one.ratio, one.better) for one in study.metrics}
    pairs: dict[str, tuple[tuple[str, str], ...]] = {}
    for pair in study.pairs:
        first, second = pair.arms
        pairs[pair.key] = (*pairs.get(pair.key, ()), (first, second))
        metrics[pair.key] = KnownMetric(pair.margin, False, pair.better)
    return KnownStudy(
        claims=tuple(study.claims),
        arms={scale: tuple(study.names(scale)) for scale in study.scales},
        seeds={scale: len(found.seeds) for scale, found in study.scales.items()},
        metrics=metrics,
        pairs=pairs,
    )
