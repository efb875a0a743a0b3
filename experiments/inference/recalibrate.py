"""Recalibration: a finished run's network with its running statistics estimated anew, on images of one's choice.

The statistics are the precise ones (`experiments.inference.precise`); weights stay as they are. On images that differ
from those of training (another camera, brightness, noise) this is the simplest adaptation there is: it needs no labels
(AdaBN: Li et al. 2016, arXiv 1603.04779; on corrupted images: Schneider et al. 2020, arXiv 2006.16971).
"""

import json
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import Field

from data.augmentation import Augmentation
from data.batches import evaluation_batches
from experiments import atomic, build, folders, identity, weights
from experiments.environment import environment
from experiments.evaluate import evaluation_mode, predict
from experiments.finished import FinishedRun, Restored, restore
from experiments.inference.distance import distances
from experiments.inference.other_images import (
    Images,
    dataset_settings,
    load_images,
    require_same_shape,
    require_split,
    same_source,
    same_test_images,
)
from experiments.inference.precise import IMAGES, precise_batches, precise_statistics, running_layers, using_statistics
from experiments.inference.recalibration import Compared, Recalibration, Score
from experiments.script import ScriptPaths
from experiments.settings import Strict

SCHEMA = 1
WEIGHTS, REPORT = "model.safetensors", "recalibration.json"


class RecalibrateSettings(Strict):
    """The settings of `scripts/recalibrate.py`, but for those of the dataset."""

    split: Literal["train", "test", "validation"] = "train"
    images: Annotated[int, Field(ge=2)] = IMAGES  # at most; all where there are fewer
    batch_size: Annotated[int, Field(ge=2)] | None = None  # None: the run's own
    device: str = "auto"
    paths: ScriptPaths = ScriptPaths()


def recalibrate(run: FinishedRun, settings: RecalibrateSettings, words: dict[str, str]) -> Recalibration | None:
    """Estimate, evaluate before and after, and write both results; None where there is nothing to estimate.

    The recalibrated weights go to a folder of their own inside the run's; the run's own files stay as they are.

    Args:
        words: the dataset, as `dataset_settings` takes it.

    Raises:
        UserError: for images that do not exist, or do not fit the network.
    """
    chosen = dataset_settings(run, words)
    restored = restore(run, settings.device, settings.paths.data)
    model = restored.model
    if not running_layers(model):
        return None
    kept = build.preprocessing(run.config, restored.dataset)
    own = Images(run.config["dataset"], kept, restored.dataset, restored.splits)
    other = load_images(run, chosen, settings.paths.data, restored.device)
    require_same_shape(other, own)
    images = require_split(other, settings.split)
    batch_size = settings.batch_size or max(restored.settings.batch_size, 2)
    count = min(settings.images, len(images))
    asked = _asked(chosen, settings.split, count, batch_size)

    tests = {f"{run.config['dataset']['name']} (the run's)": own}
    if other.dataset.classes == own.dataset.classes and not same_test_images(other, own):
        tests[f"{chosen['name']} (as given)"] = other
    before = {label: _score(restored, found) for label, found in tests.items()}
    new = precise_statistics(
        model, precise_batches(images, count, batch_size, Augmentation.none()), restored.settings.precision
    )
    moved = distances(model, new)
    with using_statistics(model, new):
        compared = []
        for label, found in tests.items():
            transductive = settings.split == "test" and same_source(found, other)
            after = _score(restored, found)
            compared.append(Compared(label, len(found.splits["test"]), transductive, before[label], after))
        folder = run.folder / "recalibrated" / f"{chosen['name']}-{settings.split}-{identity.digest(asked)}"
        result = Recalibration(folder, count, compared, moved)
        _write(run, restored, asked, result)
    return result


def _asked(dataset: dict[str, Any], split: str, images: int, batch_size: int) -> dict[str, Any]:
    """What decides the outcome, by whose hash the folder is named: mirrors and the place of a loader do not."""
    settings = {key: value for key, value in dataset.items() if key not in identity.PROVENANCE}
    return {"dataset": settings, "split": split, "images": images, "batch_size": batch_size}


def _score(restored: Restored, images: Images) -> Score:
    """Evaluation mode on all test images."""
    batches = evaluation_batches(images.splits["test"], restored.settings.evaluation_batch_size)
    with evaluation_mode(restored.model):
        return Score.of(predict(restored.model, batches, restored.settings.precision))


def _write(run: FinishedRun, restored: Restored, asked: dict[str, Any], result: Recalibration) -> None:
    """Both files, from the network as it stands."""
    report = {
        "schema": SCHEMA,
        "run": run.name,
        "asked": asked,
        "evaluations": [asdict(entry) for entry in result.compared],
        "layers": result.layers,
        "environment": environment(restored.device),
    }
    with folders.replaced(result.folder) as fresh:
        weights.write(
            fresh / WEIGHTS, restored.model, {"format": "normlab recalibration", "version": SCHEMA, "run": run.name}
        )
        atomic.write_text(fresh / REPORT, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
