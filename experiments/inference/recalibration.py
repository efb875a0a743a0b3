"""What a recalibration found: scores before and after, and how far each layer's statistics moved."""

from dataclasses import dataclass
from pathlib import Path

from experiments.evaluate import Evaluation
from experiments.predictions.calibration import expected_calibration_error


@dataclass(frozen=True)
class Score:
    """How well a network does on one set of images."""

    accuracy: float  # in [0, 1]
    loss: float  # mean cross-entropy, nats
    ece: float  # expected calibration error, 15 bins, in [0, 1]

    @classmethod
    def of(cls, found: Evaluation) -> "Score":
        return cls(found.accuracy, found.loss, expected_calibration_error(found.logits, found.labels))


@dataclass(frozen=True)
class Compared:
    """Evaluation mode on one set of test images, with the old statistics and with the new ones."""

    images: str
    count: int
    transductive: bool  # the new statistics saw these very images
    before: Score
    after: Score


@dataclass(frozen=True)
class Recalibration:
    """What came of it."""

    folder: Path
    images: int  # that the new statistics were estimated on
    compared: list[Compared]
    layers: dict[str, dict[str, float]]  # how far the old statistics are from the new ones, as `distances` says it
