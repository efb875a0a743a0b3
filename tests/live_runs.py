"""Runs stopped between two optimizer steps, for a probe to look at."""

from typing import Any

import numpy as np
import torch

from experiments import identity, probes
from experiments.job import build_parts
from experiments.probing.live import Live, Measured, Probe
from experiments.run import Run
from experiments.settings import Settings

# small enough for NumPy
MLP = (
    "model=mlp",
    "model.norm_position=before",
    "model.hidden=[5,4]",
    "dataset.image_size=4",
    "model.width=1.0",
)


def live_after(config: dict[str, Any], steps: int = 0) -> Live:
    """The live state of a run after so many steps; a run of no step has its initial weights."""
    parts = build_parts(config, Settings.check(config))
    folder = identity.folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(parts, folder, identity.group(config))
    stepping = run.steps()
    for _ in range(steps):
        next(stepping)
    epoch = -(-steps // parts.length.steps_per_epoch)
    stepping.close()
    return Live(run.state, epoch, run.surroundings, None, run.train_seconds)


def probe_of(name: str, live: Live) -> Probe:
    """A probe made for the run as it stands."""
    return probes.module(name).make(live.state.model, live.surroundings)


def measured(name: str, live: Live) -> Measured:
    """What a probe finds there."""
    return probe_of(name, live).measure(live)


def arrays(live: Live) -> dict[str, np.ndarray]:
    """Parameters and buffers in float64, by name."""
    return {name: tensor.detach().double().numpy() for name, tensor in live.state.model.state_dict().items()}


def everything(live: Live) -> dict[str, Any]:
    """Copies of all that a probe must leave as it is."""
    model, optimizer = live.state.model, live.state.optimizer
    kept = {
        f"optimizer {index} {name}": torch.as_tensor(value).clone()
        for index, state in enumerate(optimizer.state.values())
        for name, value in state.items()
    }
    return {
        **{name: tensor.clone() for name, tensor in model.state_dict().items()},
        **{f"∂ {name}": p.grad.clone() for name, p in model.named_parameters() if p.grad is not None},
        **kept,
        "rates": torch.tensor([float(group["lr"]) for group in optimizer.param_groups]),
        "modes": torch.tensor([module.training for module in model.modules()]),
        "hooks": torch.tensor([len(module._forward_hooks) for module in model.modules()]),
        "step": torch.tensor(live.state.step),
    }
