"""A case's network with its optimizer, and one batch, on the device: no data is fetched between its steps."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from experiments import build
from experiments.benchmark.cases import Case
from experiments.device import configure, resolve
from experiments.optimizer import make_optimizer
from experiments.settings import Settings
from experiments.step import objective

Loss = Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]]


class Resident:
    """Takes optimizer steps on one batch.

    Raises UserError where the project refuses the case.
    """

    def __init__(self, case: Case) -> None:
        config = case.config()
        build.check_leaves(config)
        self.settings = Settings.check(config)
        self.device = resolve(case.device, case.precision)
        configure(self.device)
        self.precision = case.precision
        self.image_shape = (case.channels, case.image_size, case.image_size)
        self.num_classes: int = config["dataset"]["num_classes"]
        model = build.network(config, self.image_shape, self.num_classes).to(self.device)
        self.model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = make_optimizer(self.model, self.settings.recipe)
        self._x, self._y = self.batch(case.batch_size)

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Images (size, C, H, W), always the same, and labels (size,)."""
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(size, *self.image_shape, generator=generator).to(memory_format=torch.channels_last)
        y = torch.randint(self.num_classes, (size,), generator=generator)
        return x.to(self.device), y.to(self.device)

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The objective of a run, in the case's precision."""
        return objective(model, x, y, self.precision, 0.0)

    def step(self, loss: Loss | None = None) -> None:
        """An optimizer step; `loss` is `self.loss`, or its compiled form."""
        self._optimizer.zero_grad(set_to_none=True)
        value, _ = (loss or self.loss)(self.model, self._x, self._y)
        value.backward()
        self._optimizer.step()
