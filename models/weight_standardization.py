"""Weight standardization: every output channel of a layer sees weights of mean 0 and variance 1.

    W' = (W − mean(W)) / √(var(W) + 1e-5)

with the mean and the population variance over the inputs and the kernel of an output channel. The parameter stays W,
under its own name: initialization, weight decay, checkpoints and probes see it, and only the forward pass sees W'.

Source: Qiao, Wang, Liu, Shen & Yuille 2019, arXiv 1903.10520, §3.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call

EPS = 1e-5


def standardized_weight(weight: Tensor) -> Tensor:
    """W' of W, (out, in) or (out, in, kernel, kernel)."""
    axes = tuple(range(1, weight.dim()))
    centred = weight - weight.mean(axes, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(axes, keepdim=True) + EPS)


def with_standardized_weight(layer: nn.Conv2d | nn.Linear, x: Tensor) -> Tensor:
    """What `layer` makes of x with W' in the place of W."""
    return functional_call(layer, {"weight": standardized_weight(layer.weight)}, (x,))


def require_several_inputs(layer: nn.Conv2d | nn.Linear) -> None:
    """Raise ValueError if an output channel has one weight, which would be its own mean and vanish."""
    if layer.weight[0].numel() == 1:
        raise ValueError(
            f"{layer} has one weight for each output, of which standardization leaves nothing: "
            "choose a wider model, model.shortcut=A, or norm=gn"
        )
