"""The images on which two networks disagree most, with what each of them says."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.dataset import Dataset
from experiments import build
from experiments.compare.pair import Pair
from experiments.errors import UserError
from experiments.finished import FinishedRun
from experiments.predictions.calibration import log_probabilities
from experiments.report.page import data_uri

MOST = 24


@dataclass(frozen=True)
class Guess:
    """What one network predicts for one image."""

    name: str  # of the class
    probability: float  # of that class
    right: bool


@dataclass(frozen=True)
class Card:
    """One image with both predictions."""

    index: int  # in the official order of the test images used
    true: str
    a: Guess
    b: Guess
    image: np.ndarray | None  # uint8 (H, W, C)

    @property
    def uri(self) -> str:
        """The image as a PNG file's address."""
        from PIL import Image

        assert self.image is not None
        file = io.BytesIO()
        Image.fromarray(self.image.squeeze(-1) if self.image.shape[-1] == 1 else self.image).save(file, "PNG")
        return data_uri(file.getvalue(), "image/png")


def images_of(run: FinishedRun, data: str | None) -> Dataset:
    """The run's dataset as it lies on disk; nothing is fetched for a few thumbnails.

    Args:
        data: the folder of the datasets, where it is not the one that the run was made with.

    Raises:
        UserError: when it is not there, or is not what the run was tested on.
    """
    config = run.config if data is None else {**run.config, "paths": {**run.config["paths"], "data": data}}
    if "sources" in config["dataset"]:
        config = {**config, "dataset": {**config["dataset"], "sources": []}}
    try:
        found = build.dataset(config)
    except OSError as error:
        raise UserError(f"{config['paths']['data']}: {error.strerror or error}") from None
    if not np.array_equal(found.test.labels, run.test.labels.numpy()):
        raise UserError(f"the test images in {config['paths']['data']} are not those that the runs were tested on")
    return found


def cards(
    pair: Pair, a: FinishedRun, b: FinishedRun, classes: Sequence[str], dataset: Dataset | None, most: int = MOST
) -> list[Card]:
    """The first `most` images of `pair.disagreements`."""
    chosen = pair.disagreements[:most]
    probabilities = [log_probabilities(run.test.logits[chosen]).exp().numpy() for run in (a, b)]
    truth = a.test.labels[chosen].numpy()

    def guess(row: np.ndarray, label: int) -> Guess:
        best = int(row.argmax())
        return Guess(classes[best], float(row[best]), best == label)

    return [
        Card(
            index=int(index),
            true=classes[label],
            a=guess(probabilities[0][place], label),
            b=guess(probabilities[1][place], label),
            image=None if dataset is None else np.asarray(dataset.test.image(index)),
        )
        for place, (index, label) in enumerate(zip(chosen, truth.tolist(), strict=True))
    ]
