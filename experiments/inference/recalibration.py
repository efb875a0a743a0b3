"""What a recalibration found: scores before and after, and how far each layer's statistics moved."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from experiments.evaluate import Evaluation
from experiments.inference.moments import Statistics
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
class LayerChange:
    """How far a layer's old statistics are from the new ones, over its channels; σ² with the layer's ε added."""

    layer: str
    mean_distance: float  # mean of |μ_old − μ_new| / σ_new
    variance_ratio: float  # geometric mean of σ²_old / σ²_new
    largest_variance_ratio: float  # the ratio farthest from 1, in either direction

    @classmethod
    def of(cls, layer: str, mean: Tensor, var: Tensor, eps: float, new: Statistics) -> "LayerChange":
        """mean, var: the old statistics, (C,)."""
        mean, var, spread = mean.cpu().double(), var.cpu().double() + eps, new.var + eps
        logs = (var / spread).log()
        farthest = logs[logs.abs().argmax()]
        distance = ((mean - new.mean).abs() / spread.sqrt()).mean()
        return cls(layer, distance.item(), logs.mean().exp().item(), farthest.exp().item())


@dataclass(frozen=True)
class Recalibration:
    """What came of it."""

    folder: Path
    images: int  # that the new statistics were estimated on
    compared: list[Compared]
    layers: list[LayerChange]
