"""An epoch's batches as a loop of its own would take them."""

from collections.abc import Iterator

from torch import Tensor

from data.augmentation import Augmentation
from data.batches import training_indices
from data.device_images import DeviceImages


def training_batches(
    images: DeviceImages, *, batch_size: int, seed: int, epoch: int, augmentation: Augmentation, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Each batch (x, y) of the epoch, augmented, from number `start` on."""
    device = images.images.device
    draws = augmentation.draw(seed, epoch, len(images), device)
    chosen = training_indices(len(images), batch_size=batch_size, seed=seed, epoch=epoch, device=device, start=start)
    for indices in chosen:
        yield images.batch(indices, draws)
