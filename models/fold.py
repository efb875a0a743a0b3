"""Folding: norms with running statistics disappear into the layers before them, for a network that only predicts.

In evaluation such a norm is a fixed affine map per channel, y = slope · x + shift, with slope = γ/√(σ² + ε) and
shift = β − μ · slope. Directly after a convolution or linear layer it is part of that layer:

    slope · (W x + b) + shift = W' x + b',    W' = slope · W (a row or filter a channel),    b' = slope · b + shift

Where zero padding or a ReLU stands between (a norm on the images, a norm after the activation) it stays a map of its
own, `ChannelAffine`: the padding's zeros would have to become −shift/slope, and the ReLU does not commute with it.

Source: Jacob et al. 2018, arXiv 1712.05877, §3.2 ("batch normalization folding"); the affine map: Ioffe & Szegedy
2015, arXiv 1502.03167, §3.1 (algorithm 2, line 11).
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.normalized_layer import NormalizedLayer
from models.norms.normalization import Normalization, RunningStatistics


@dataclass(frozen=True)
class Folded:
    """A network without norms that fold, and what became of each norm, by its name in the original."""

    model: nn.Module  # in evaluation mode
    into_weights: tuple[str, ...]  # part of the layer before them
    into_affine: tuple[str, ...]  # a `ChannelAffine` of their own
    kept: tuple[str, ...]  # no fixed affine map: each sample's statistics, or the batch's, take part in evaluation


class ChannelAffine(nn.Module):
    """y = slope · x + shift per channel, for x of shape (N, C) or (N, C, H, W); slope and shift have the shape (C,)."""

    def __init__(self, slope: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.slope = nn.Parameter(slope)
        self.shift = nn.Parameter(shift)

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1,) + (1,) * (x.dim() - 2)
        return torch.addcmul(self.shift.view(shape), x, self.slope.view(shape))

    def extra_repr(self) -> str:
        return f"{len(self.slope)}"


@torch.no_grad()
def folded(model: nn.Module) -> Folded:
    """A deep copy of `model` in evaluation mode in which no layer is left that is an affine map there.

    Its predictions are those of `model` in evaluation mode up to rounding: the new weights are computed in float64 and
    rounded once, to the old ones' type. `model` stays as it is. Norms without running statistics are kept, and those
    that mix them with each sample's own (`RunningStatistics.affine_in_evaluation`).
    """
    copied = copy.deepcopy(model)
    into_weights, into_affine = [], []
    for name, module in list(copied.named_modules()):
        if not isinstance(module, RunningStatistics) or not module.affine_in_evaluation:
            continue
        parent_name, _, place = name.rpartition(".")
        parent = copied.get_submodule(parent_name)
        if isinstance(parent, NormalizedLayer) and _takes_it_in(parent):
            _fold_into(parent.layer, module)
            setattr(parent, place, nn.Identity())
            into_weights.append(name)
        else:
            slope, shift = _affine_map(module)
            like = module.running_mean
            setattr(parent, place, ChannelAffine(slope.to(like), shift.to(like)))
            into_affine.append(name)
    kept = [name for name, module in copied.named_modules() if isinstance(module, Normalization)]
    return Folded(copied.eval(), tuple(into_weights), tuple(into_affine), tuple(kept))


def _takes_it_in(parent: NormalizedLayer) -> bool:
    """Whether the norm acts on the layer's output, and the layer's weights are what it multiplies with.

    Standardized weights are made anew in every pass, which would undo what is folded into them.
    """
    return parent.norm_position == "before" and not parent.standardizes_weights


def _fold_into(layer: nn.Conv2d | nn.Linear, norm: RunningStatistics) -> None:
    """Make `layer` compute norm(layer(x))."""
    slope, shift = _affine_map(norm)
    weight = layer.weight.cpu().double()
    bias = torch.zeros_like(shift) if layer.bias is None else layer.bias.cpu().double()
    scaled = slope.view(-1, *(1,) * (weight.dim() - 1)) * weight
    layer.weight.copy_(scaled)  # in place, which keeps its memory format
    layer.bias = nn.Parameter((slope * bias + shift).to(layer.weight))


def _affine_map(norm: RunningStatistics) -> tuple[Tensor, Tensor]:
    """Slope and shift (C,) in evaluation, float64 on the CPU (not every device has float64)."""
    exact = copy.deepcopy(norm).cpu().double()
    return exact.affine_map(exact.running_mean, exact.running_var)
