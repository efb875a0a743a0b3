"""Floating-point operations of a network, counted as it runs."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.build import ImageShape

COUNTED_IMAGES = 2  # batch statistics need two


def flops_per_image(model: nn.Module, image_shape: ImageShape) -> dict[str, float]:
    """Operations an image of `training` (forward and backward) and of `forward` alone.

    Convolutions and matrix products are counted, a multiplication and an addition as two; norms, activations and the
    optimizer are not. The model's buffers change as in a training step.
    """
    device = next(model.parameters()).device
    x = torch.zeros(COUNTED_IMAGES, *image_shape, device=device)
    y = torch.zeros(COUNTED_IMAGES, dtype=torch.int64, device=device)
    model.train()
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        model(x)
    with FlopCounterMode(display=False) as training:
        F.cross_entropy(model(x), y).backward()
    model.zero_grad(set_to_none=True)
    return {
        "training": training.get_total_flops() / COUNTED_IMAGES,
        "forward": forward.get_total_flops() / COUNTED_IMAGES,
    }
