"""Document 000's listing: a small convolutional network with batch norms for 32×32 images, and how it trains."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F

from experiments.checks import attempt
from experiments.checks.evidence import Evidence
from experiments.checks.made_up_numbers import normal, seeded

IMPORTED: Mapping[str, object] = {"torch": torch, "nn": nn, "optim": optim}
BATCH, CLASSES = 64, 10


class ListingCNN(nn.Module):
    """Two 3×3 convolutions with 32 and 64 maps, each with batch norm, ReLU and a pool, then 128 units and a classifier.

    features: the length to which the maps are cut, over the borders between images where it does not divide. Two pools
    leave 8×8 maps of 32×32 images, 64·8·8 values an image; the listing has 64·16·16.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.first, self.first_norm = nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32)
        self.second, self.second_norm = nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64)
        self.hidden, self.hidden_norm = nn.Linear(features, 128), nn.BatchNorm1d(128)
        self.classifier = nn.Linear(128, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.first_norm(self.first(x))), 2)
        x = F.max_pool2d(F.relu(self.second_norm(self.second(x))), 2)
        rows = x.reshape(-1, self.features)
        return self.classifier(F.relu(self.hidden_norm(self.hidden(rows))))


def listing_small_cnn_imports_what_it_uses(imported: Mapping[str, object] = IMPORTED) -> Evidence:
    """Claim 0.11: the listing runs, as far as its imports go.

    Held if a ReLU and a pool under the name F run with what the listing imports.
    """
    names = {**imported, "x": torch.zeros(1, 1, 4, 4)}
    error = attempt.run("y = F.max_pool2d(F.relu(x), 2, 2)", names)
    return Evidence(
        holds=error is None,
        sentence=f"With the listing's imports its first activation ends in {attempt.words(error)}.",
        numbers={"missing_names": int(isinstance(error, NameError))},
    )


def listing_small_cnn_fits_its_images(features: int = 64 * 16 * 16) -> Evidence:
    """Claim 0.11: the listing runs, once its import is there.

    Held if a training step on 64 images of 3×32×32 runs.
    """
    x, labels = normal(BATCH, 3, 32, 32).float(), torch.arange(BATCH) % CLASSES
    rows = len(_small_cnn(features)(x))
    error = attempt.call(lambda: F.cross_entropy(_small_cnn(features)(x), labels).backward())
    right = 64 * 8 * 8
    rows_right = len(_small_cnn(right)(x))
    return Evidence(
        holds=error is None,
        sentence=(
            f"Cut to {features:,} values, the maps of {BATCH} images make {rows} rows for {len(labels)} labels "
            f"({attempt.words(error)}); cut to {right:,} they make {rows_right}."
        ),
        numbers={"rows": rows, "labels": len(labels), "features": features, "rows_with_64x8x8": rows_right},
    )


def listing_small_cnn_has_two_batch_norms(make: Callable[[], nn.Module] | None = None) -> Evidence:
    """Claim 0.12: the network of the listing has two batch norms. Held if it has."""
    norms = [
        type(module).__name__
        for module in (make or (lambda: _small_cnn(64 * 8 * 8)))().modules()
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    return Evidence(
        holds=len(norms) == 2,
        sentence=f"The network has {len(norms)} batch norms: {', '.join(norms)}.",
        numbers={"batch_norms": len(norms)},
    )


def _small_cnn(features: int) -> ListingCNN:
    with seeded():
        return ListingCNN(features)
