"""Whether a normalized layer's activation comes last, told from what the layer does."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from experiments.checks.evidence import Evidence
from experiments.checks.made_up_numbers import seeded


@dataclass(frozen=True)
class Order:
    """What tells the order.

    negative: share of negative values in the output; none where a ReLU comes last.
    bias_effect: largest change of the output in training when 1 is added to the convolution's or linear layer's bias; 0
        up to rounding where the norm follows directly, since its mean takes the shift away.
    """

    negative: float
    bias_effect: float

    @property
    def norm_comes_first(self) -> bool:
        """Whether the norm stands between the layer and the activation."""
        return self.negative == 0 and self.bias_effect < 1e-9

    def evidence(self, block: str, bias: str) -> Evidence:
        """What comes of a claim that the norm stands there; `block` and `bias` name the listing's."""
        place = "stands before" if self.norm_comes_first else "follows"
        return Evidence(
            holds=self.norm_comes_first,
            sentence=(
                f"{100 * self.negative:.0f} % of what the listing's {block} puts out is negative, and adding 1 to its "
                f"{bias} changes the output by up to {self.bias_effect:.2g}: the norm {place} the activation."
            ),
            numbers={"share_negative": self.negative, "effect_of_the_bias": self.bias_effect},
        )


def order_of(make: Callable[[], nn.Sequential], x: Tensor) -> Order:
    """The order in a block whose first module is a convolution or linear layer with a bias, for float64 inputs x."""
    with seeded():
        block = make().double().train()
    bias = block[0].bias
    assert isinstance(bias, Tensor)
    with torch.no_grad():
        before = block(x)
        bias += 1
        after = block(x)
    return Order((before < 0).double().mean().item(), (after - before).abs().max().item())
