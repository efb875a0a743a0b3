"""Whether an exported network predicts what the original does in evaluation mode, in numbers.

The limit on |Δlogit| is 1e-4 for logits of up to ten, and 1e-5 of the largest beyond. Float32 rounds each operation by
a share of at most 2^-24 (6e-8) of its result, and folding changes the operations of every layer: what remains grows
with the size of the numbers, so that logits of some hundreds cannot agree to 1e-4.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.fold import folded

LIMIT = 1e-4
ORDINARY = 10.0  # the largest logit to which the limits apply as they are
EXACT_LIMIT = 1e-9  # of float64, whose rounding is 2^-53: what is above that is not rounding
BATCH = 250  # images at once
SINGLE = 100  # images that are also shown one at a time

Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Check:
    """Two sets of logits of the same images."""

    name: str
    images: int
    difference: float  # max |Δlogit|
    scale: float  # max |logit| of the reference
    agreement: float  # share of equal predictions
    limit: float | None  # on the difference; None: told, not judged

    @property
    def relative(self) -> float:
        """The difference as a share of the largest logit."""
        return self.difference / self.scale if self.scale else 0.0

    @property
    def passed(self) -> bool:
        # written so that a difference that is no number does not pass
        return self.limit is None or self.difference <= self.limit

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file, with plain names."""
        return {
            "check": self.name,
            "images": self.images,
            "max_abs_difference": self.difference,
            "max_relative_difference": self.relative,
            "limit": self.limit,
            "equal_predictions": self.agreement,
        }


def compare(name: str, reference: Tensor, found: Tensor, limit: float | None = LIMIT) -> Check:
    """Logits `found` against those of `reference`, (N, classes) each; `limit` is for a scale of up to ten."""
    scale = reference.abs().max().item()
    difference = (found.double() - reference.double()).abs().max().item()
    agreement = (found.argmax(1) == reference.argmax(1)).double().mean().item()
    bound = None if limit is None else limit * max(1.0, scale / ORDINARY)
    return Check(name, len(reference), difference, scale, agreement, bound)


def check_rounding(original: nn.Module, x: Tensor, logits: Tensor, fold: bool) -> list[Check]:
    """The original against itself in float64, which tells what rounding does; folding in float64, what folding does.

    original: on the CPU. x: preprocessed images (N, C, H, W), float32. logits: its predictions in float32.
    """
    exact = copy.deepcopy(original).double()
    reference = predict(exact, x.double())
    found = [compare("original, float32 against float64", reference, logits, limit=None)]
    if fold:
        algebra = predict(folded(exact).model, x.double())
        found.append(compare("folded against original, both float64", reference, algebra, EXACT_LIMIT))
    return found


def check_network(name: str, network: Network, inputs: Tensor, logits: Tensor) -> list[Check]:
    """An exported network against the original's `logits`, and one image at a time against many."""
    found = predict(network, inputs)
    single = predict(network, inputs[:SINGLE], size=1)
    return [
        compare(f"{name} against original", logits, found),
        compare(f"{name}, one image at a time", found[: len(single)], single),
    ]


@torch.no_grad()
def predict(network: Network, inputs: Tensor, size: int = BATCH) -> Tensor:
    """Logits (N, classes) of inputs (N, …), `size` at a time."""
    return torch.cat([network(part) for part in inputs.split(size)])
