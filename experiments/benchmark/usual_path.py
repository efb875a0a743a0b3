"""The usual way to train the same network, written plainly, with nothing of normlab but the network and the images.

A torchvision-style data set of PIL images with random crops and flips, a DataLoader with workers, eager float32 in
PyTorch's default memory format, an SGD that is not fused, the loss asked for at every step, and an evaluation of the
test images after each epoch.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from data.dataset import Split
from experiments import build
from experiments.benchmark.cases import Case
from experiments.benchmark.clock import synchronize
from experiments.benchmark.hardware import cores
from experiments.device import resolve
from experiments.errors import UserError

try:
    from torchvision import transforms

    WHY_NOT = ""
except Exception as error:  # torchvision beside another build of PyTorch fails in several ways
    transforms, WHY_NOT = None, " ".join(str(error).split())

TRIAL_STEPS = 4  # of each number of workers


class PilImages(Dataset):
    """Images as torchvision's data sets give them: a PIL image from an array at each access, then the transform."""

    def __init__(self, split: Split, transform: Callable[[Image.Image], Tensor], size: int | None = None):
        self._images = np.array(split.images[:size])  # uint8 (N, H, W, C)
        self._labels = [int(label) for label in split.labels[:size]]
        self._transform = transform

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = self._images[index]
        image = Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[:, :, 0])
        return self._transform(image), self._labels[index]


class Usual:
    """A network in training, a slice of which is an epoch with its evaluations."""

    def __init__(self, request: dict[str, Any]):
        case = Case.from_json(request["case"])
        config = case.config()
        build.check_leaves(config)
        self._device = resolve(case.device, "float32")
        images = build.dataset(config)
        self._model = build.network(config, images.image_shape, images.num_classes).to(self._device)
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
        augmented, plain = _transforms(case, images.mean, images.std)
        self._batch_size = case.batch_size
        assert isinstance(images.train, Split)
        assert isinstance(images.test, Split)
        self._training_images = PilImages(images.train, augmented)
        self._test_images = PilImages(images.test, plain)
        self._sample_images = PilImages(images.train, plain, case.num_test)
        self._evaluation_batch_size = config["evaluation_batch_size"]
        self._trial: dict[str, float] = {}
        self._workers = self._best_number_of_workers() if request["workers"] is None else request["workers"]
        self._training = self._loader(self._training_images, self._workers, training=True)
        self._test, self._sample = (
            self._loader(chosen, self._workers, training=False) for chosen in (self._test_images, self._sample_images)
        )
        self.measure()

    def facts(self) -> dict[str, Any]:
        """The number of workers, and how long the trial steps took with each."""
        return {"workers": self._workers, "trial_seconds": self._trial}

    def measure(self) -> dict[str, float]:
        """An epoch: seconds of `training`, of the `test` images, and of `others`, which normlab evaluates besides."""
        began = time.perf_counter()
        self._train(self._training, len(self._training))
        trained = time.perf_counter()
        self._evaluate(self._test)
        tested = time.perf_counter()
        self._evaluate(self._sample)
        kept = {name: buffer.clone() for name, buffer in self._model.named_buffers()}
        self._evaluate(self._test, batch_statistics=True)
        for name, buffer in self._model.named_buffers():
            buffer.copy_(kept[name])
        synchronize(self._device)
        return {"training": trained - began, "test": tested - trained, "others": time.perf_counter() - tested}

    def _train(self, loader: DataLoader, steps: int) -> tuple[float, float]:
        """Mean loss and accuracy of the epoch's first steps."""
        self._model.train()
        total, right, seen = 0.0, 0, 0
        for number, (x, y) in enumerate(loader, 1):
            x, y = x.to(self._device, non_blocking=True), y.to(self._device, non_blocking=True)
            self._optimizer.zero_grad()
            logits = self._model(x)
            loss = F.cross_entropy(logits, y)
            loss.backward()
            self._optimizer.step()
            total += loss.item() * len(y)
            right += int((logits.argmax(1) == y).sum().item())
            seen += len(y)
            if number == steps:
                break
        return total / seen, right / seen

    @torch.no_grad()
    def _evaluate(self, loader: DataLoader, batch_statistics: bool = False) -> tuple[float, float]:
        """Mean loss and accuracy."""
        self._model.train(batch_statistics)
        total, right, seen = 0.0, 0, 0
        for x, y in loader:
            x, y = x.to(self._device, non_blocking=True), y.to(self._device, non_blocking=True)
            logits = self._model(x)
            total += F.cross_entropy(logits, y).item() * len(y)
            right += int((logits.argmax(1) == y).sum().item())
            seen += len(y)
        return total / seen, right / seen

    def _loader(self, images: Dataset, workers: int, training: bool) -> DataLoader:
        return DataLoader(
            images,
            batch_size=self._batch_size if training else self._evaluation_batch_size,
            shuffle=training,
            drop_last=training,
            num_workers=workers,
            pin_memory=self._device.type == "cuda",
            persistent_workers=workers > 0,
        )

    def _best_number_of_workers(self) -> int:
        """0, 1, 2, 4, … up to the cores, each tried for a few steps after one that starts the workers."""
        most = cores()
        for workers in sorted({0, most, *(2**power for power in range(most.bit_length()))}):
            loader = self._loader(self._training_images, workers, training=True)
            self._train(loader, 1)
            steps = min(TRIAL_STEPS if self._device.type == "cpu" else 20 * TRIAL_STEPS, len(loader))
            synchronize(self._device)
            began = time.perf_counter()
            self._train(loader, steps)
            self._trial[str(workers)] = time.perf_counter() - began
            del loader
        return int(min(self._trial, key=self._trial.__getitem__))


def _transforms(case: Case, mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[Any, Any]:
    """torchvision's transforms, of training and of evaluation.

    Raises:
        UserError: when torchvision cannot be imported.
    """
    if transforms is None:
        raise UserError(f"torchvision cannot be imported ({WHY_NOT})")
    plain = [transforms.ToTensor(), transforms.Normalize(mean, std)]
    drawn: list[Any] = []
    if case.crop_padding:
        drawn.append(transforms.RandomCrop(case.image_size, padding=case.crop_padding))
    if case.flip:
        drawn.append(transforms.RandomHorizontalFlip())
    return transforms.Compose(drawn + plain), transforms.Compose(plain)
