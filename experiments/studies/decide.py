"""From the ledger, the studies' numbers and the checks' evidence to what came of each claim."""

from collections.abc import Mapping
from typing import Any

from experiments.studies.claim import Claim
from experiments.studies.decided import Decided, Part

__all__ = ["Decided", "Part", "decide"]


def decide(
    ledger: Mapping[str, Claim],
    summaries: Mapping[tuple[str, str], Mapping[str, Any]],
    evidence: Mapping[str, Mapping[str, Any]],
) -> list[Decided]:
    """What came of each claim, in the ledger's order.

    Args:
        ledger: claims by id; the whole ledger, since Holm's correction is over all of its primary tests.
        summaries: of schema 2, by study and scale, each with "source": "local" or "saved".
        evidence: of checks, by name, each with "source" too.
    """
    raise NotImplementedError
