"""The scores of predictions, alone and against those with running statistics; mean and deviation over shuffles."""

import math
import statistics
from typing import Any

from experiments.evaluate import Evaluation
from experiments.predictions.agreement import churn
from experiments.predictions.calibration import expected_calibration_error
from experiments.predictions.divergence import Spread, jensen_shannon_divergence, kl_divergence

METRICS = ("accuracy", "loss", "ece", "kl_mean", "kl_median", "kl_p95", "js_mean", "churn")


def scores(reference: Evaluation, found: Evaluation) -> dict[str, float]:
    """Each of METRICS: accuracy, ECE (15 bins) and churn in [0, 1]; loss, KL(reference ‖ found) and JS in nats."""
    kl = Spread.of(kl_divergence(reference.logits, found.logits))
    return {
        "accuracy": found.accuracy,
        "loss": found.loss,
        "ece": expected_calibration_error(found.logits, found.labels),
        "kl_mean": kl.mean,
        "kl_median": kl.median,
        "kl_p95": kl.p95,
        "js_mean": jensen_shannon_divergence(reference.logits, found.logits).mean().item(),
        "churn": churn(reference.logits, found.logits),
    }


def summary(values: list[float]) -> dict[str, Any]:
    """Mean, standard deviation (divided by n − 1; None for one value) and the values; None where not finite."""
    finite = all(math.isfinite(value) for value in values)
    return {
        "mean": statistics.fmean(values) if finite else None,
        "sd": statistics.stdev(values) if finite and len(values) > 1 else None,
        "values": [value if math.isfinite(value) else None for value in values],
    }


def summaries(all_scores: list[dict[str, float]]) -> dict[str, dict]:
    """`summary` of each metric over the shuffles."""
    return {name: summary([one[name] for one in all_scores]) for name in METRICS}
