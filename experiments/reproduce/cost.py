"""What a run will take: images, floating-point operations and room on the disk, known before it is made."""

import json
import math
from dataclasses import dataclass
from typing import Any

from data.sizes import Size, chosen, published_size
from experiments import build
from experiments.benchmark.flops import flops_per_image
from experiments.last_files import LARGEST_FLOAT32
from experiments.loop import Length
from experiments.settings import Settings
from experiments.studies.study import Evaluation

OTHER_FILES = 60_000  # bytes: settings, result, log, and the heads of the files of curves
BYTES_PER_POINT = 120  # of a curve, in metrics.csv and in TensorBoard's file
MOMENTS = {"sgd": 1, "adam": 2, "adamw": 2}  # that the optimizer keeps of each parameter


@dataclass(frozen=True)
class Network:
    """One image through a network, and its size."""

    training: float  # operations, forward and backward
    forward: float
    parameters: int


@dataclass(frozen=True)
class Cost:
    """What a run takes, without its probes, which are kept within a tenth of training."""

    images: int  # that it is trained on, each as often as it is shown
    operations: float  # of training and evaluation
    disk: int  # bytes that are left when it is finished
    network: Network


class Costs:
    """Costs of runs; what many have in common is looked up once."""

    def __init__(self) -> None:
        self._networks: dict[str, Network] = {}
        self.sizes: dict[str, Size] = {}  # whole datasets, by their settings

    def of(self, config: dict[str, Any], evaluation: Evaluation | None = None) -> Cost:
        """The cost of the run of a resolved configuration.

        Args:
            evaluation: inference modes that are measured on the finished run.
        """
        settings = Settings.check(config)
        whole = self._size(config)
        size = chosen(whole, config["dataset"])
        held_out = round(whole.train * config["dataset"]["validation"])
        network = self._network(config, size)
        length = Length.of(settings, size.train)
        images = length.total_steps * settings.batch_size
        sample = min(settings.train_evaluation or size.train, size.train)
        # every epoch in evaluation mode, the test images in training mode too; all training images at the end
        seen = length.epochs * (sample + 2 * size.test + held_out) + size.train - sample
        if evaluation is not None:
            orders = 2 * len(evaluation.batch_sizes) * evaluation.shuffles  # shuffled and sorted
            seen += evaluation.precise_images + (orders + 2) * size.test
        operations = images * network.training + seen * network.forward
        return Cost(images, operations, _disk(settings, length, network, size, held_out), network)

    def _size(self, config: dict[str, Any]) -> Size:
        settings = config["dataset"]
        key = json.dumps({name: settings[name] for name in settings if name not in ("augmentation", "train_size")})
        if key not in self.sizes:
            found = published_size(settings)
            if found is None:  # made on the spot, or a folder of the user's
                open_all = {"train_size": None, "test_size": None, "validation": 0.0}
                made = build.dataset({**config, "dataset": {**settings, **open_all}})
                found = Size(len(made.train), len(made.test), made.image_shape, made.num_classes)
            self.sizes[key] = found
        return self.sizes[key]

    def _network(self, config: dict[str, Any], size: Size) -> Network:
        """Norms count for nothing beside convolutions and matrix products: one of them stands for all."""
        key = json.dumps([config["model"], size.image_shape, size.classes])
        if key not in self._networks:
            model = build.network(config, size.image_shape, size.classes)
            counted = flops_per_image(model, size.image_shape)
            parameters = sum(parameter.numel() for parameter in model.parameters())
            self._networks[key] = Network(counted["training"], counted["forward"], parameters)
        return self._networks[key]


def _disk(settings: Settings, length: Length, network: Network, size: Size, held_out: int) -> int:
    recipe = settings.recipe
    moments = MOMENTS[recipe.optimizer] if recipe.optimizer != "sgd" or recipe.momentum > 0 else 0
    checkpoint = 4 * network.parameters * (1 + moments)
    logits = sum(
        count * size.classes * (4 if count * size.classes <= LARGEST_FLOAT32 else 2) + 8 * count
        for count in (size.test, held_out)
    )
    points = 3 * math.ceil(length.total_steps / settings.log_every) + 10 * length.epochs
    return checkpoint + logits + BYTES_PER_POINT * points + OTHER_FILES
