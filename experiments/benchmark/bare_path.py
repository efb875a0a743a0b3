"""The bare network: steps and forward passes on one batch that lies on the device, eager and compiled."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch._dynamo  # the first optimizer imports it: seconds that are better spent once
from torch import Tensor, nn

from experiments.benchmark.cases import Case
from experiments.benchmark.clock import seconds
from experiments.benchmark.flops import flops_per_image
from experiments.benchmark.resident import Loss, Resident
from experiments.evaluate import evaluation_mode
from experiments.step import autocast
from models.fold import folded

Forward = Callable[[nn.Module, Tensor], Tensor]
MOST_STEPS = 50  # of a slice


class Bare:
    """One network with its optimizer, a slice of which is a few steps and passes in each form."""

    def __init__(self, request: dict[str, Any]):
        case = Case.from_json(request["case"])
        self._net = Resident(case)
        self._flops = flops_per_image(self._net.model, self._net.image_shape)
        made = folded(self._net.model)
        self._folded = made.model if made.into_weights or made.into_affine else None
        self._shown, _ = self._net.batch(min(case.num_test, self._net.settings.evaluation_batch_size))
        self._steps = max(2, min(case.steps // 2, MOST_STEPS))
        self._passes = max(1, min(2 * case.num_test // len(self._shown), MOST_STEPS))
        self._losses: dict[str, Loss] = {"eager": self._net.loss}
        self._forwards: dict[str, Forward] = {"eager": self._forward}
        self._compiling = 0.0
        self._why_not_compiled: str | None = None if case.compile else "not asked for"
        if case.compile:
            self._compile()
        for one in self._losses.values():
            self._net.step(one)
        if self._net.device.type == "cuda":  # the first passes choose kernels
            self.measure()

    def facts(self) -> dict[str, Any]:
        """FLOPs an image, the number of parameters, and what became of the compilation."""
        return {
            "flops_per_image": self._flops,
            "parameters": sum(parameter.numel() for parameter in self._net.model.parameters()),
            "compile_seconds": self._compiling,
            "not_compiled": self._why_not_compiled,
            "evaluation_batch_size": len(self._shown),
        }

    def measure(self) -> dict[str, float]:
        """Seconds of a `step_FORM` (a whole batch) and of a `forward_FORM` (one image), FORM eager or compiled.

        `forward_folded` is a forward pass without running statistics, of networks that have any.
        """
        found = {
            f"step_{form}": seconds(partial(self._net.step, loss), self._net.device, self._steps)
            for form, loss in self._losses.items()
        }
        for form, forward in self._forwards.items():
            found[f"forward_{form}"] = self._pass_seconds(self._net.model, forward)
        if self._folded is not None:
            found["forward_folded"] = self._pass_seconds(self._folded, self._forward)
        return found

    def _forward(self, model: nn.Module, x: Tensor) -> Tensor:
        with autocast(x.device, self._net.precision):
            return model(x).float()

    def _pass_seconds(self, model: nn.Module, forward: Forward) -> float:
        """Seconds of one image in evaluation mode."""
        with evaluation_mode(model), torch.no_grad():
            return seconds(lambda: forward(model, self._shown), self._net.device, self._passes) / len(self._shown)

    def _compile(self) -> None:
        """Add the compiled forms, or say why there are none."""
        began = time.perf_counter()
        loss: Loss = torch.compile(self._net.loss, dynamic=False)
        forward: Forward = torch.compile(self._forward, dynamic=False)
        try:
            self._net.step(loss)
            self._pass_seconds(self._net.model, forward)
        except Exception as error:  # no compiler, an operation that it does not know, …
            self._why_not_compiled = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            return
        self._losses["compiled"], self._forwards["compiled"] = loss, forward
        self._compiling = time.perf_counter() - began
