"""A norm on the images themselves, before the first layer."""

from torch import nn

from models.norms.normalization import Norm, norm_alone


def make_input_norm(norm: Norm, wanted: bool, num_channels: int) -> nn.Module:
    """A norm on the images, or the identity. It must be the first norm that a network makes (see models/build.py)."""
    return norm_alone(norm, num_channels) if wanted else nn.Identity()  # no ReLU stands on the images either
