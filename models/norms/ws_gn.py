"""Group normalization after a convolution whose weights are standardized.

    W' = (W − mean(W)) / √(var(W) + 1e-5)   for each output channel of the layer before, and group normalization of
    its output: y = γ (x − μ) / √(σ² + ε) + β

Axes: mean(W) and var(W) (biased) are taken over the inputs and the kernel of an output channel; those of group
    normalization are in models/norms/group_norm.py. Convolutions and linear layers are treated alike; a layer with no
    norm of its own, such as the classifier, keeps its weights as they are, and so does what stands before a norm on the
    images.
Affine: γ and β of shape (C,), 1 and 0 at the start. W is what is learned, drawn at the start, decayed and stored; W' is
    made anew in every forward pass, and the gradient passes through it (models/weight_standardization.py).
Training and evaluation are the same.

Source: Qiao, Wang, Liu, Shen & Yuille 2019, arXiv 1903.10520, §3 (weight standardization), with group normalization
as in §4.
"""

from typing import ClassVar

from models.norms.group_norm import GN, GroupNorm


class WeightStandardizedGroupNorm(GroupNorm):
    """`GroupNorm`, which asks the layer that it belongs to to standardize its weights."""

    standardizes_weights: ClassVar[bool] = True


class WSGN(GN):
    """Factory of `WeightStandardizedGroupNorm` layers, with the settings of `GN`."""

    layer: ClassVar[type[GroupNorm]] = WeightStandardizedGroupNorm
