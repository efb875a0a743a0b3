"""The files that a finished run leaves last: `predictions.npz`, then `result.json`, whose presence means finished."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from data import sealed
from experiments import atomic
from experiments.evaluate import Evaluation
from experiments.result import SCHEMA, digests
from experiments.run import Outcome, Parts

LARGEST_FLOAT32 = 4_000_000  # logits; more are kept in float16


def write(folder: Path, parts: Parts, outcome: Outcome, environment: dict[str, Any]) -> dict[str, Any]:
    """Drop the older checkpoint and write both files; returns the content of `result.json`.

    After the last of them nobody looks at the folder any more: what were left to do then would stay undone where the
    process is killed.
    """
    (folder / "checkpoint.previous.pt").unlink(missing_ok=True)
    _write_predictions(folder / "predictions.npz", outcome.scores.splits)
    result = sealed.seal(_result(parts, outcome, environment) | {"files": digests(folder)})
    atomic.write_text(folder / "result.json", json.dumps(result, indent=2, allow_nan=False) + "\n")
    return result


def _write_predictions(path: Path, splits: dict[str, Evaluation]) -> None:
    """Test `logits` (N, classes) and `labels` (N,), in the official order of the images used.

    Where training images were held out, theirs are beside them as `validation_logits` and `validation_labels`.
    """
    arrays: dict[str, np.ndarray] = {}
    for split, prefix in (("test", ""), ("validation", "validation_")):
        if split in splits:
            logits = splits[split].logits.numpy()
            if logits.size > LARGEST_FLOAT32:
                logits = logits.astype(np.float16)
            arrays |= {f"{prefix}logits": logits, f"{prefix}labels": splits[split].labels.numpy()}
    atomic.write(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]


def _result(parts: Parts, outcome: Outcome, environment: dict[str, Any]) -> dict[str, Any]:
    final: dict[str, float | None] = {}
    for name, split in outcome.scores.splits.items():
        final |= {f"{name}_loss": _finite(split.loss), f"{name}_accuracy": split.accuracy}
    images = outcome.steps * parts.settings.batch_size
    dataset = parts.dataset
    sizes = {"train": len(dataset.train.labels), "test": len(dataset.test.labels)}
    if dataset.validation is not None:
        sizes["validation"] = len(dataset.validation.labels)
    broken = sorted(path for images in parts.splits.values() for path in images.broken)
    # what probes took, and what they found of times, stands there where there were some
    probed = {"probe_seconds": outcome.probe_seconds} if outcome.probe_seconds else {}
    timings = {name: value for name, value in outcome.probe_timings.items() if math.isfinite(value)}
    probed |= {"probe_timings": timings} if timings else {}
    return {
        "schema": SCHEMA,
        "status": "finished" if outcome.diverged_at is None else "diverged",
        "final": final,
        "epochs": outcome.steps / parts.length.steps_per_epoch,
        "steps": outcome.steps,
        "diverged_at": outcome.diverged_at,
        "train_seconds": outcome.train_seconds,
        "images_per_second": images / max(outcome.train_seconds, 1e-9),
        **probed,
        "parameters": sum(parameter.numel() for parameter in parts.model.parameters()),
        "dataset": {
            "name": dataset.name,
            "digests": dataset.digests,
            "sizes": sizes,
            "classes": list(dataset.classes),
            **({"broken": broken} if broken else {}),
        },
        "environment": {**environment, "compiled": outcome.compiled},
        "config": parts.config,
    }


def _finite(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None
