"""Whether a run compiles its network with `torch.compile`."""

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from experiments.settings import Settings

log = logging.getLogger("normlab")
# Compiling ResNet-20 takes 15 to 30 s. On a GPU a step then saves some 5 ms, so that about 4,000 steps pay it back; on
# CPUs the gain over eager channels_last was between none and a quarter.
STEPS_THAT_PAY = 4000


def compiled(model: nn.Module, settings: Settings, device: torch.device, steps: int) -> Callable[[Tensor], Tensor]:
    """The network's forward pass, compiled where `compile` says so (`auto`: where it pays).

    The compiled form shares parameters and buffers with `model`. Where compilation fails the network runs as it is.
    """
    wanted = settings.compile
    if wanted == "auto":
        wanted = device.type == "cuda" and steps >= STEPS_THAT_PAY
    if not wanted:
        return model
    import torch._dynamo

    torch._dynamo.config.suppress_errors = True  # a failed compilation falls back to eager with a warning
    log.info("compiling the network (compile=false leaves it as it is)")
    return torch.compile(model)
