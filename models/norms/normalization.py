"""What all norm layers share: the marker class by which they are selected, and the type of their factories."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]
"""A norm factory: `norm(num_channels)` makes a layer that maps (N, C) and (N, C, H, W) to the same shape."""


class Normalization(nn.Module, ABC):
    """Marker base of every norm layer, so that layers are selected with `isinstance`, never by name.

    A layer with a learned scale has a parameter called `weight` (γ in the papers), one with a learned shift has one
    called `bias` (β); where the layer has none, the attribute is None.
    """

    needs_positions: ClassVar[bool] = False
    """True if the layer normalizes over the positions of a feature map alone: a vector (N, C) then stays as it is."""

    standardizes: ClassVar[bool] = True
    """Whether the layer with γ = 1 and β = 0 brings every set of `sets` in training to mean 0 and variance σ²/(σ² + ε),
    with σ² the population variance of the set. (A set of one value is not normalized.)"""

    removes_scale: bool = True
    """Whether norm(c x) = norm(x) in training for every c > 0, ε aside, and likewise where a layer's bias stands beside
    what is scaled, if the norm removes it."""

    standardizes_weights: ClassVar[bool] = False
    """True if the weights of the layer that the norm belongs to are to be standardized (`NormalizedLayer` does it)."""

    depends_on_batch: ClassVar[bool] = False
    """True if an image's output depends on the other images of the batch in evaluation too."""

    @abstractmethod
    def sets(self, x: Tensor) -> Tensor:
        """The values of x, (N, C) or (N, C, H, W), a row for each set of values that share their statistics.

        The shape is (sets, values in one); what the layer makes of a set is said by `standardizes`.
        """


class NormWithActivation(Normalization):
    """Base of the norms that are an activation too: no ReLU follows them."""

    @abstractmethod
    def drop_activation(self) -> None:
        """Make this layer a norm alone, for a place that is followed by no activation. Called before training."""


def norm_alone(norm: Norm, num_channels: int) -> nn.Module:
    """A layer of the factory for a place that no activation follows: a norm that is an activation too drops its own."""
    made = norm(num_channels)
    if isinstance(made, NormWithActivation):
        made.drop_activation()
    return made


class RunningStatistics(Normalization):
    """Base of the norms that take the statistics of the batch in training and running ones in evaluation.

        y = γ (x − μ) / √(σ² + ε) + β

    with μ and σ² of shape (C,) per batch: such a layer is the only kind whose output depends on the mode, and in
    evaluation it is a fixed affine map per channel. γ and β may be None (1 and 0). A subclass with another map of μ and
    σ² overrides `affine_map`; what else may differ is said by the class variables.
    """

    affine_in_evaluation: ClassVar[bool] = True
    """False in a subclass that combines the running statistics with those of each sample: it then is no fixed affine
    map in evaluation, and `affine_map` has no meaning."""

    plain_in_training: ClassVar[bool] = True
    """False in a subclass whose training mode is anything but the equation above with the batch's mean and population
    variance over images and positions: what it does to a batch is then measured on batches of that size alone."""

    eps: float
    weight: nn.Parameter | None
    bias: nn.Parameter | None
    running_mean: Tensor
    running_var: Tensor

    held: bool = False
    """True while training mode is only measured (`experiments.evaluate.batch_statistics`): a layer whose output in
    training depends on its running statistics or counters then leaves them, so that no batch has a say in the next."""

    def sets(self, x: Tensor) -> Tensor:
        """Channels: (C, N) of (N, C), (C, N·H·W) of (N, C, H, W)."""
        return x.transpose(0, 1).flatten(1)

    def with_statistics(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        """y of x, (N, C) or (N, C, H, W), with these statistics: (C,) for all samples, or (N, C), each sample's own."""
        slope, shift = self.affine_map(mean, var)
        if x.dim() == 4:
            slope, shift = slope[..., None, None], shift[..., None, None]
        return torch.addcmul(shift, x, slope)

    def affine_map(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """Slope γ/√(σ² + ε) and shift β − μ·slope of the map y = slope · x + shift; the shapes are those of `mean`."""
        slope = torch.rsqrt(var + self.eps)
        if self.weight is not None:
            slope = slope * self.weight.to(slope.dtype)
        shift = -mean * slope
        if self.bias is not None:
            shift = shift + self.bias.to(shift.dtype)
        return slope, shift


def require_eps(eps: float) -> None:
    """Raise ValueError unless `eps`, which is added to a variance, can keep the division safe."""
    if not eps > 0:
        raise ValueError(f"norm.eps={eps} cannot guard a division by zero: give a small number above 0, such as 1e-5")


def require_several_values(layer: nn.Module, x: Tensor, num_sets: int) -> None:
    """Raise ValueError if each of the `num_sets` sets that the layer normalizes in a sample of x is a single value."""
    if x[0].numel() <= num_sets:
        raise ValueError(
            f"{type(layer).__name__} met samples of shape {tuple(x.shape[1:])}, in which every value would be its own "
            "mean and vanish: choose larger images, another model, or norm=bn"
        )
