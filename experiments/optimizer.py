"""Optimizers, with weight decay by the kind of layer that a parameter belongs to."""

import torch
from torch import nn

from experiments.settings import Recipe
from models.norms.normalization import Normalization


def norm_and_bias_parameters(model: nn.Module) -> set[nn.Parameter]:
    """Parameters of norm layers, biases, and other single numbers (Fixup's); found by module type, never by name."""
    found = set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, Normalization) or name == "bias" or parameter.numel() == 1:
                found.add(parameter)
    return found


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer. Its learning rate is set before every step, see `experiments.schedule`."""
    apart = norm_and_bias_parameters(model)
    decayed = [parameter for parameter in model.parameters() if parameter not in apart]
    others = [parameter for parameter in model.parameters() if parameter in apart]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": recipe.weight_decay if recipe.decay_norm_and_bias else 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    device = next(model.parameters()).device.type
    fused = device in ("cpu", "cuda")
    betas = (recipe.betas[0], recipe.betas[1])
    capturable = device == "cuda"  # Adam's leave to be recorded in a CUDA graph
    match recipe.optimizer:
        case "sgd":
            return torch.optim.SGD(
                groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=fused
            )
        case "adam":
            return torch.optim.Adam(groups, lr=recipe.lr, betas=betas, fused=fused, capturable=capturable)
        case "adamw":
            return torch.optim.AdamW(groups, lr=recipe.lr, betas=betas, fused=fused, capturable=capturable)


def begin_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Give momentum its zeros before the first step, where a scaler of gradients (float16) may leave that step out.

    PyTorch's fused SGD takes memory for momentum at the first step as it finds it, and fills it in the same pass. A
    first step that is left out, because a gradient overflowed, leaves it as it was found: the next goes on from that.
    """
    if isinstance(optimizer, torch.optim.SGD):
        for group in optimizer.param_groups:
            for parameter in group["params"] if group["momentum"] else ():
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
