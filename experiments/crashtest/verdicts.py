"""What the ledger's claims come to by the numbers of the studies in an outputs folder."""

import json
from pathlib import Path

from experiments.studies.decide import decide
from experiments.studies.ledger import read


def verdicts(outputs: Path) -> list[str]:
    """A line for each claim, with its state and that of each of its tests, and their numbers in words."""
    summaries = {}
    for path in sorted(outputs.glob("studies/*/summary.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        summaries[content["study"], content["scale"]] = {**content, "source": "local"}
    return [
        f"{one.claim.id}: {one.state}, {one.smoke_state}; "
        + " ".join(f"{part.state}: {part.sentence}" for part in (*one.parts, *one.smoke_parts))
        for one in decide(read(), summaries, {})
    ]
