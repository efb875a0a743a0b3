"""The norms that checks examine by default, in float64, and what they make of a batch."""

import torch
from torch import Tensor, nn

from models.norms.batch_norm import BN
from models.norms.layer_norm import LN
from models.norms.normalization import Norm

EPS = 1e-5  # ε of both norms here
SAME = 1e-12  # differences from a formula up to this are rounding
BATCH_NORM: Norm = BN(momentum=0.1, eps=EPS, affine=True, sync=False)  # the settings of conf/norm/bn.yaml
LAYER_NORM: Norm = LN(eps=EPS, affine=True)  # of conf/norm/ln.yaml

# With an ε that vanishes beside every variance here, properties that hold up to ε are exact up to rounding.
NO_EPS = 1e-200
EXACT_BATCH_NORM: Norm = BN(momentum=0.1, eps=NO_EPS, affine=True, sync=False)
EXACT_LAYER_NORM: Norm = LN(eps=NO_EPS, affine=True)


def layer(norm: Norm, x: Tensor, training: bool = True) -> nn.Module:
    """A layer of this norm for x, (N, C) or (N, C, H, W), with parameters of the type of x."""
    return norm(x.shape[1]).to(x.dtype).train(training)


def output(norm: Norm, x: Tensor) -> Tensor:
    """What a new layer makes of x in training mode: x̂, since γ is 1 and β is 0 at the start."""
    with torch.no_grad():
        return layer(norm, x)(x)


def standardized(x: Tensor, dim: int | tuple[int, ...], eps: float = 0.0) -> Tensor:
    """(x − μ) / √(σ² + ε), the statistics taken over `dim`, σ² divided by the number of values."""
    variance, mean = torch.var_mean(x, dim=dim, correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt()


def largest_difference(a: Tensor, b: Tensor) -> float:
    """The largest absolute difference of two tensors of one shape."""
    assert a.shape == b.shape
    return (a - b).abs().max().item()
