"""Document 002's listing: a batch norm of its own, in a network for images of 28×28 gray values."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from experiments.checks import attempt
from experiments.checks.evidence import Evidence
from experiments.checks.layers import largest_difference, standardized
from experiments.checks.listing_norm import ListingNorm
from experiments.checks.made_up_numbers import normal, seeded, uneven

# How often each digit occurs in MNIST (LeCun, Cortes & Burges; published with the files), 0 to 9.
MNIST_TRAIN = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
MNIST_TEST = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
STEPS = 40


def _last_axis(num_channels: int) -> nn.Module:
    return ListingNorm(num_channels)


def listing_moments_returns_three_results(
    moments: Callable[[Tensor], tuple[Tensor, ...]] = lambda x: torch.var_mean(x, dim=-1, keepdim=True),
) -> Evidence:
    """Claim 2.8: the function that computes the moments gives mean, variance and shape.

    Held if its result can be taken apart into three.
    """
    found = moments(normal(2, 4, 4, 3))

    def take_apart() -> None:
        _mean, _variance, _shape = found

    error = attempt.call(take_apart)
    return Evidence(
        holds=error is None,
        sentence=f"The function gives {len(found)} results, and taking it apart into three: {attempt.words(error)}.",
        numbers={"results": len(found)},
    )


def listing_moments_over_the_last_axis_is_batch_norm(dim: int | tuple[int, ...] = -1) -> Evidence:
    """Claim 2.8: batch norm takes its moments over the last axis of a batch (N, H, W, C).

    Held if that is the normalization over images and positions, a pair of statistics for each channel.
    """
    x = uneven(8, 6, 14, 14).movedim(1, -1)  # (N, H, W, C)
    y = standardized(x, dim, 1e-5)
    variance, mean = torch.var_mean(y, dim=(0, 1, 2), correction=0)
    off = max(mean.abs().max().item(), (variance - 1).abs().max().item())
    pairs = x.mean(dim=dim).numel()
    difference = largest_difference(y, standardized(x, (0, 1, 2), 1e-5))
    return Evidence(
        holds=difference < 1e-9,
        sentence=(
            f"A batch of 8 images of 14×14 with 6 channels gets {pairs:,} pairs of statistics, where batch norm has "
            f"{x.shape[-1]}, and its channels are up to {off:.2g} away from mean 0 and variance 1."
        ),
        numbers={
            "pairs": pairs,
            "pairs_of_batch_norm": x.shape[-1],
            "difference_from_batch_norm": difference,
            "largest_error_of_a_channel": off,
        },
    )


def listing_batch_norm_of_gray_images_keeps_the_image(norm: Callable[[int], nn.Module] = _last_axis) -> Evidence:
    """Claim 2.10: with that batch norm on its input, over the channel axis, the network classifies gray images.

    Over a single channel x − μ is 0 everywhere. Held if the trained network's scores depend on the image at all. Each
    class is a bright spot at a place of its own, and weighs in the loss as much as the digit among MNIST's training
    images; a network that gives one answer to all would be right on MNIST's test images as often as that digit occurs.
    """
    images, labels = _spots()
    shares = torch.tensor(MNIST_TRAIN).float() / sum(MNIST_TRAIN)
    with seeded():
        network = _network(norm)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(network(images), labels, weight=shares).backward()
        optimizer.step()
    with torch.no_grad():
        scores = network.eval()(images)
    spread = (scores.max(0).values - scores.min(0).values).max().item()
    predicted = scores.argmax(1)
    accuracy = (predicted == labels).double().mean().item()
    classes, answer = len(predicted.unique()), int(predicted.mode().values)
    on_mnist = MNIST_TEST[answer] / sum(MNIST_TEST)
    return Evidence(
        holds=spread > 1e-3,
        sentence=(
            f"After {STEPS} steps the scores differ by up to {spread:g} between {len(images)} images and {classes} of "
            f"the 10 classes are predicted; always answering {answer} would be right on {100 * on_mnist:.2f} % of "
            f"MNIST's {sum(MNIST_TEST):,} test images."
        ),
        numbers={
            "largest_difference_of_scores": spread,
            "classes_predicted": classes,
            "class_predicted": answer,
            "accuracy": accuracy,
            "share_of_that_digit_in_mnist": on_mnist,
        },
    )


def _spots() -> tuple[Tensor, Tensor]:
    """Noisy images (N, 28, 28, 1) with a bright spot where the class says, ten of each class, and their classes."""
    labels = torch.arange(100) % 10
    images = 0.1 * normal(100, 28, 28, 1).float()
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = 2 + 14 * (label // 5), 1 + 5 * (label % 5)
        image[row : row + 8, column : column + 5] += 1
    return images, labels


class _ChannelsLast(nn.Module):
    """A layer for (N, C, H, W) on (N, H, W, C)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.movedim(-1, 1)).movedim(1, -1)


def _network(norm: Callable[[int], nn.Module]) -> nn.Module:
    """The listing's plan at an eighth of its width, with a norm on the images and after each hidden layer."""
    return nn.Sequential(
        norm(1),
        _ChannelsLast(nn.Conv2d(1, 4, 3)), nn.ReLU(), norm(4), _ChannelsLast(nn.MaxPool2d(2)),
        _ChannelsLast(nn.Conv2d(4, 8, 3)), nn.ReLU(), norm(8), _ChannelsLast(nn.MaxPool2d(2)),
        nn.Flatten(), nn.Linear(8 * 5 * 5, 16), nn.ReLU(), norm(16),
        nn.Linear(16, 10),
    )  # fmt: skip
