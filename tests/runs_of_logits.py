"""Finished runs with predictions of our own making, for everything that reads runs and needs no network."""

from pathlib import Path

import numpy as np
import torch
from conftest import compose_tiny

from experiments.evaluate import Evaluation
from experiments.finished import FinishedRun

CLASSES = 4


def logits(seed: int, images: int = 300, classes: int = CLASSES, strength: float = 2.0) -> Evaluation:
    """Random float32 logits that know something of the labels; the labels are the same for every seed."""
    labels = torch.arange(images) % classes
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=(images, classes))).float()
    return Evaluation(noise * 1.5 + strength * torch.nn.functional.one_hot(labels, classes), labels)


def run_of(
    test: Evaluation,
    *overrides: str,
    validation: Evaluation | None = None,
    dataset: str = "synthetic",
    digest: str = "d" * 64,
) -> FinishedRun:
    """A finished run that made these predictions."""
    config = compose_tiny(Path("outputs"), *overrides)
    name = "-".join((config["norm"]["name"], f"seed{config['seed']}"))
    about = {"name": dataset, "digests": {"test_images": digest, "test_labels": digest}}
    return FinishedRun(Path("outputs/runs") / name, config, {"dataset": about}, test, validation)
