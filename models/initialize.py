"""Initial weights: a function of the seed, the parameter's name and its shape, and of nothing else.

Networks that differ only in their norm therefore start from the same convolution weights: their runs are paired.

    he       N(0, 2 / fan_in)                 He et al. 2015, arXiv 1502.01852, §2.2 (forward case, for ReLU)
    xavier   N(0, 2 / (fan_in + fan_out))     Glorot & Bengio 2010, §4.2 (equation 12, with normal draws)
    normal   N(0, std²)                       one scale for every layer, as early convolutional nets had it
    pytorch  U(−1/√fan_in, 1/√fan_in)         what torch.nn.Linear and Conv2d start with, biases included: variance
                                              1 / (3 fan_in), a sixth of He's; networks written without a word about
                                              initialization have it

`gain` multiplies the standard deviation. He's forward case is the one that keeps the activations' scale constant over
the layers; the backward case (fan_out) differs from it by a constant factor over the whole net (same section).
The classifier follows the same scheme as the other layers. Biases start at 0 (but for `pytorch`), norm layers at their
own values.
"""

import hashlib
import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from models.hidden import HiddenLayer

Draw = Callable[[str, torch.Size], Tensor]
Scheme = Literal["he", "xavier", "normal", "pytorch"]


@dataclass(frozen=True, kw_only=True)
class Initialization:
    """How weights start. Raises ValueError on an unknown scheme, a negative gain or a negative std.

    std: used by the scheme `normal` alone.
    zero_gamma: γ of the last norm of each residual branch starts at 0, so that each block starts as its shortcut
    (Goyal et al. 2017, arXiv 1706.02677, §5.1).
    """

    scheme: Scheme
    gain: float
    std: float
    zero_gamma: bool

    def __post_init__(self) -> None:
        if self.scheme not in get_args(Scheme):
            raise ValueError(
                f"initialization.scheme={self.scheme} is unknown: choose one of {', '.join(get_args(Scheme))}"
            )
        for name, value in (("gain", self.gain), ("std", self.std)):
            if not 0 <= value < math.inf:
                raise ValueError(f"initialization.{name}={value} is no scale: give a number of at least 0")

    def standard_deviation(self, weight: Tensor) -> float:
        """Standard deviation of the draws for a weight of shape (out, in) or (out, in, kernel, kernel)."""
        kernel = weight[0, 0].numel()
        fan_in, fan_out = weight.shape[1] * kernel, weight.shape[0] * kernel
        match self.scheme:
            case "he":
                return self.gain * math.sqrt(2 / fan_in)
            case "xavier":
                return self.gain * math.sqrt(2 / (fan_in + fan_out))
            case "normal":
                return self.gain * self.std
            case "pytorch":
                return self.gain / math.sqrt(3 * fan_in)


class AdjustsInitialization(nn.Module):
    """Base of modules whose weights start at a multiple of the drawn values (Fixup's, for example)."""

    @abstractmethod
    def adjust_initialization(self) -> None:
        """Change in place the weights that the scheme has just drawn. Called once, without gradient."""


class DrawsParameters(nn.Module):
    """Base of modules other than convolutions and linear layers that start at random values."""

    @abstractmethod
    def draw_parameters(self, draw: Draw) -> None:
        """Set them in place. draw(name, shape): N(0, 1) by the run's seed. Called once, without gradient."""


class ResidualBlock(HiddenLayer):
    """Base of residual blocks, whose branch ends in a norm or in the identity."""

    num_layers: ClassVar[int] = 2

    @property
    @abstractmethod
    def branch_norm(self) -> nn.Module:
        """The last norm of the residual branch, or the identity where the branch has none."""


@torch.no_grad()
def initialize(model: nn.Module, initialization: Initialization, seed: int) -> None:
    """Set every parameter of `model` in place.

    Convolution and linear layers are drawn by the scheme, all other modules reset themselves (`reset_parameters`).
    Raises ValueError if `zero_gamma` is asked for and a residual branch does not end in a norm with a scale of its own.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            std = initialization.standard_deviation(module.weight)
            draw = standard_uniform if initialization.scheme == "pytorch" else standard_normal
            module.weight.copy_(std * draw(f"{name}.weight", module.weight.shape, seed))
            if module.bias is not None:
                if initialization.scheme == "pytorch":
                    module.bias.copy_(std * draw(f"{name}.bias", module.bias.shape, seed))
                else:
                    module.bias.zero_()
        elif any(True for _ in module.parameters(recurse=False)):
            module.reset_parameters()  # type: ignore[operator]
    for name, module in model.named_modules():
        if isinstance(module, DrawsParameters):
            module.draw_parameters(_draws_below(name, seed))
        if isinstance(module, AdjustsInitialization):
            module.adjust_initialization()
    if initialization.zero_gamma:
        _zero_branch_scales(model)


def _draws_below(name: str, seed: int) -> Draw:
    """Draws for the parameters of the module called `name`, by their names in it."""
    return lambda parameter, shape: standard_normal(f"{name}.{parameter}", shape, seed)


def standard_normal(name: str, shape: torch.Size, seed: int) -> Tensor:
    """Draws from N(0, 1) that depend on the seed, the parameter's name and the shape alone."""
    return torch.randn(shape, generator=_generator(name, seed))


def standard_uniform(name: str, shape: torch.Size, seed: int) -> Tensor:
    """Draws from U(−√3, √3), whose variance is 1, that depend on the seed, the name and the shape alone."""
    return (2 * torch.rand(shape, generator=_generator(name, seed)) - 1) * math.sqrt(3)


def _generator(name: str, seed: int) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _zero_branch_scales(model: nn.Module) -> None:
    blocks = [module for module in model.modules() if isinstance(module, ResidualBlock)]
    if not blocks:
        raise ValueError(
            "initialization.zero_gamma=true needs residual blocks that end in a norm, which this model has not: "
            "set it to false"
        )
    ends = {block.branch_norm for block in blocks}
    others = (module for module in model.modules() if module not in ends)
    elsewhere = {parameter for module in others for parameter in module.parameters(recurse=False)}
    for block in blocks:
        scale = getattr(block.branch_norm, "weight", None)
        if scale is None:
            raise ValueError(
                "initialization.zero_gamma=true needs a norm with a scale at the end of every residual branch: "
                "choose such a norm (norm=bn) with model.norms=all, or set it to false"
            )
        if scale in elsewhere:
            raise ValueError(
                "initialization.zero_gamma=true would set scales within the branches to 0 too, which layers share: "
                "set it to false, or choose norm=bn"
            )
        scale.zero_()
