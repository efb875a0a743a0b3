"""One optimizer step: a batch's images, forward, loss, backward, update."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.augmentation import Draws
from data.split_images import SplitImages
from experiments.device import DTYPES
from experiments.settings import Settings
from models.norms.sync_bn import across_processes

Objective = Callable[[nn.Module, Tensor, Tensor, str, float], tuple[Tensor, Tensor]]


@dataclass
class State:
    """Everything that training changes, live."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    step: int  # optimizer steps done
    loss: Tensor  # of the last step's batch, on the device (nats)
    correct: Tensor  # right predictions in that batch, on the device


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The one path of all precisions: autocast that does nothing in float32."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "float32")


def objective(
    network: nn.Module, x: Tensor, y: Tensor, precision: str, label_smoothing: float
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy in nats, and the number of right predictions, of images (B, C, H, W) and labels (B,).

    A function of the network rather than of its outputs, so that it can be compiled as one, and so that one compiled
    form serves every network of the same shape.
    """
    with autocast(x.device, precision):
        logits = network(x)  # (B, classes)
    loss = F.cross_entropy(logits.float(), y, label_smoothing=label_smoothing)
    return loss, (logits.detach().argmax(1) == y).sum()


class Step:
    """A step of training on the images of `indices`.

    Args:
        state: changed in place.
        images: what the indices choose from.
        network: what computes the outputs, where it is not the model itself but a wrapper (DistributedDataParallel):
            then every process of the training takes this step.
        objective: the function of that name, or its compiled form.
    """

    def __init__(
        self,
        state: State,
        images: SplitImages,
        settings: Settings,
        network: nn.Module | None = None,
        objective: Objective = objective,
    ) -> None:
        self.state, self._images, self._objective = state, images, objective
        self._network = state.model if network is None else network
        self._across = nullcontext if network is None else across_processes
        self._recipe, self._precision = settings.recipe, settings.precision

    def __call__(self, indices: Tensor, draws: Draws | None, rate: float | Tensor) -> None:
        """Train on the images `indices`, int64 (B,), augmented by the epoch's `draws`, at a learning rate."""
        state, optimizer = self.state, self.state.optimizer
        for group in optimizer.param_groups:
            group["lr"] = rate
        x, y = self._images.batch(indices, draws)  # (B, C, H, W), (B,)
        with self._across():
            loss, correct = self._objective(self._network, x, y, self._precision, self._recipe.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            state.scaler.scale(loss).backward()
        if self._recipe.clip_norm is not None:
            state.scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(state.model.parameters(), self._recipe.clip_norm)
        state.scaler.step(optimizer)
        state.scaler.update()
        state.loss, state.correct = loss.detach(), correct
