"""On which images two classifiers predict differently, and which of them is right there."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Agreement:
    """Counts over the same N images for two classifiers, A and B."""

    images: int
    both_right: int
    wins: int  # only A is right (McNemar's b)
    losses: int  # only B is right (McNemar's c)
    both_wrong_alike: int  # the same wrong class
    both_wrong_differently: int

    @property
    def churn(self) -> float:
        """The share of images on which the predictions differ, mean 1[ŷ_A ≠ ŷ_B], in [0, 1]."""
        return (self.wins + self.losses + self.both_wrong_differently) / self.images

    @property
    def unnecessary_churn(self) -> float:
        """Churn beyond what the difference of accuracies makes unavoidable: churn − |Δaccuracy|."""
        return self.churn - abs(self.wins - self.losses) / self.images


def agreement(a: Tensor, b: Tensor, labels: Tensor) -> Agreement:
    """Compare the predictions of logits a and b, (N, K) each, with labels (N,)."""
    first, second = a.argmax(dim=1), b.argmax(dim=1)
    right_a, right_b, same = first == labels, second == labels, first == second
    return Agreement(
        images=len(labels),
        both_right=int((right_a & right_b).sum()),
        wins=int((right_a & ~right_b).sum()),
        losses=int((~right_a & right_b).sum()),
        both_wrong_alike=int((~right_a & ~right_b & same).sum()),
        both_wrong_differently=int((~right_a & ~right_b & ~same).sum()),
    )


def churn(a: Tensor, b: Tensor) -> float:
    """The share of images on which the predictions of logits a and b, (N, K) each, differ."""
    return (a.argmax(dim=1) != b.argmax(dim=1)).double().mean().item()
