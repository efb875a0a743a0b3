"""Where the time of a training step goes, operator by operator, on one batch that lies on the device."""

from typing import Any

import torch

from experiments import build
from experiments.benchmark.cases import Case
from experiments.device import configure, resolve
from experiments.optimizer import make_optimizer
from experiments.settings import Settings
from experiments.step import objective

STEPS = 5  # of a slice


class Operators:
    """Eager steps of normlab's kind on one batch that lies on the device, a slice of which is a profile."""

    def __init__(self, request: dict[str, Any]):
        case = Case.from_json(request["case"])
        config = case.config()
        build.check_leaves(config)
        device = resolve(case.device, case.precision)
        configure(device)
        shape, classes = (case.channels, case.image_size, case.image_size), config["dataset"]["num_classes"]
        model = build.network(config, shape, classes).to(device)
        self._device, self._precision = device, case.precision
        self._model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = make_optimizer(self._model, Settings.check(config).recipe)
        x = torch.randn(case.batch_size, *shape).to(memory_format=torch.channels_last)
        self._batch = x.to(device), torch.randint(classes, (case.batch_size,)).to(device)
        for _ in range(3):
            self._step()

    def facts(self) -> dict[str, Any]:
        return {}

    def measure(self) -> dict[str, float]:
        """Seconds a step of each operator's own (without those that it calls), largest first."""
        kinds = [torch.profiler.ProfilerActivity.CPU]
        if self._device.type == "cuda":
            kinds = [torch.profiler.ProfilerActivity.CUDA]
        with torch.profiler.profile(activities=kinds) as profile:
            for _ in range(STEPS):
                self._step()
        taken = {
            event.key: (event.self_device_time_total if self._device.type == "cuda" else event.self_cpu_time_total)
            for event in profile.key_averages()
        }
        return {name: micro / 1e6 / STEPS for name, micro in sorted(taken.items(), key=lambda item: -item[1]) if micro}

    def _step(self) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        loss, _ = objective(self._model, *self._batch, self._precision, 0.0)
        loss.backward()
        self._optimizer.step()
