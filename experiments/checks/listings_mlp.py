"""Document 001's listing: a perceptron with one hidden layer of 50 units and a batch norm for MNIST's digits."""

from collections.abc import Callable, Iterable

import torch
from torch import nn

from experiments.checks import attempt
from experiments.checks.evidence import Evidence
from experiments.checks.layer_order import order_of
from experiments.checks.made_up_numbers import normal, seeded

INPUTS, HIDDEN, CLASSES = 100, 50, 10


def _network() -> nn.Sequential:
    """The listing's: 100 inputs, 50 units, ReLU, batch norm, 10 classes."""
    return nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.BatchNorm1d(HIDDEN), nn.Linear(HIDDEN, CLASSES))


def _flattening_network() -> nn.Sequential:
    """The same for the images that it is given."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(28 * 28, HIDDEN), nn.ReLU(), nn.BatchNorm1d(HIDDEN), nn.Linear(HIDDEN, CLASSES)
    )


def _adam(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The listing's optimizer, with its default rate."""
    return torch.optim.Adam(parameters, lr=1e-3)


def listing_mlp_takes_the_images(make: Callable[[], nn.Module] = _network) -> Evidence:
    """Claim 1.12: the listing runs. Held if its network takes a batch of 28×28 images and gives 10 scores to each."""
    images = normal(128, 28, 28).float()
    with seeded():
        network, right = make(), _flattening_network()

    def scores(one: nn.Module) -> None:
        shape = tuple(one(images).shape)
        if shape != (len(images), CLASSES):
            raise ValueError(f"scores of the shape {shape}")

    error, error_flat = attempt.call(lambda: scores(network)), attempt.call(lambda: scores(right))
    return Evidence(
        holds=error is None,
        sentence=(
            f"Given images of 28×28 = {28 * 28} pixels, the network for vectors of {INPUTS} ends in "
            f"{attempt.words(error)}; with flattening and {28 * 28} inputs: {attempt.words(error_flat)}."
        ),
        numbers={"inputs": INPUTS, "pixels": 28 * 28, "runs": int(error is None), "runs_flat": int(error_flat is None)},
    )


def listing_mlp_is_trained_with_sgd(
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer] = _adam,
) -> Evidence:
    """Claim 1.14: the network is trained with stochastic gradient descent; the listing names Adam.

    Held if the first step of the listing's optimizer is in proportion to the gradient, as SGD's is.
    """
    steps = []
    for factor in (1.0, 10.0):
        weights = nn.Parameter(torch.zeros(20, dtype=torch.float64))
        weights.grad = factor * normal(20)
        optimizer([weights]).step()
        steps.append(weights.detach().norm().item())
    ratio = steps[1] / steps[0]
    return Evidence(
        holds=abs(ratio - 10) < 1e-6,
        sentence=(
            f"For a gradient 10 times as large the listing's optimizer takes a first step {ratio:.4f} times as long, "
            "where SGD's would be 10 times as long."
        ),
        numbers={"ratio_of_steps": ratio},
    )


def listing_mlp_puts_batch_norm_before_the_activation(
    make: Callable[[], nn.Sequential] = lambda: _network()[:3],
) -> Evidence:
    """Claim 1.13: batch norm comes before the activation, as the document's diagram has it; its listing has it after.

    Held if the listing's hidden layer puts out nothing negative and its bias is without effect.
    """
    return order_of(make, normal(128, INPUTS)).evidence("hidden layer", "bias")
