"""`comparison.json`: every number of a comparison, with what was compared and how."""

import dataclasses
import json
import math
from typing import Any

import numpy as np

from experiments.compare.differing import ABSENT
from experiments.compare.groups import Groups
from experiments.compare.pair import Pair
from experiments.compare.selection import Selection
from experiments.finished import FinishedRun
from experiments.predictions.agreement import Agreement

SCHEMA = 1


def as_json(found: Pair | Groups, selection: Selection, command: str, environment: dict[str, Any]) -> str:
    """The file's content. Shares are in [0, 1], losses and divergences in nats, differences A − B.

    Intervals hold 95 %; null ends mean that there is none. A list of plain values takes one line.
    """
    return (
        _written(
            {
                "schema": SCHEMA,
                "kind": "pair" if isinstance(found, Pair) else "groups",
                "command": command,
                "runs": {side: [_about(run) for run in getattr(selection, side)] for side in ("a", "b")},
                "settings_that_differ": [
                    {"setting": row.key}
                    | {side: value for side, value in zip("ab", row.values, strict=True) if value is not ABSENT}
                    for row in selection.differing
                ],
                "environment": environment,
                "numbers": plain(found),
            }
        )
        + "\n"
    )


def plain(value: Any) -> Any:
    """Dataclasses, arrays and numbers as JSON has them; what is not finite is null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        if isinstance(value, Agreement):
            found |= {"churn": value.churn, "unnecessary_churn": value.unnecessary_churn}
        return found
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def scalars(found: Pair | Groups) -> dict[str, float]:
    """The main numbers, for TensorBoard."""
    if isinstance(found, Pair):
        return {
            "accuracy/a": found.a.accuracy.value,
            "accuracy/b": found.b.accuracy.value,
            "accuracy/difference": found.accuracy_difference.value,
            "loss/a": found.a.loss.value,
            "loss/b": found.b.loss.value,
            "loss/difference": found.loss_difference.value,
            "ece/a": found.a.calibration.ece,
            "ece/b": found.b.calibration.ece,
            "ece/difference": found.ece_difference.value,
            "churn/all": found.agreement.churn,
            "churn/unnecessary": found.agreement.unnecessary_churn,
            "mcnemar/p": found.mcnemar.p,
            "divergence/kl_ab": found.kl_ab.mean,
            "divergence/kl_ba": found.kl_ba.mean,
            "divergence/js": found.js.mean,
        }
    values: dict[str, float] = {}
    for name in ("accuracy", "loss", "ece"):
        difference = getattr(found, name)
        values |= {f"{name}/a": difference.a_mean, f"{name}/b": difference.b_mean}
        values[f"{name}/difference"] = difference.welch.value
    churn = found.churn
    return values | {
        "churn/within_a": churn.within_a,
        "churn/within_b": churn.within_b,
        "churn/between": churn.between,
        "churn/excess": churn.excess.value,
    }


def _about(run: FinishedRun) -> dict[str, Any]:
    return {
        "name": run.name,
        "folder": str(run.folder),
        "configuration": run.group,
        "seed": run.seed,
        "commit": run.result["environment"]["commit"],
    }


def _written(value: Any, margin: str = "") -> str:
    """JSON with indented objects, and lists of plain values on one line."""
    deeper = margin + "  "
    if isinstance(value, dict) and value:
        items = [f"{deeper}{json.dumps(str(key))}: {_written(item, deeper)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{margin}}}"
    if isinstance(value, list) and any(isinstance(item, (list, dict)) for item in value):
        return "[\n" + ",\n".join(deeper + _written(item, deeper) for item in value) + f"\n{margin}]"
    return json.dumps(value, allow_nan=False, ensure_ascii=False)
