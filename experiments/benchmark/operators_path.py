"""Where the time of a training step goes, operator by operator, on one batch that lies on the device."""

from typing import Any

import torch

from experiments.benchmark.cases import Case
from experiments.benchmark.resident import Resident

STEPS = 5  # of a slice


class Operators:
    """Eager steps of normlab's kind, a slice of which is a profile."""

    def __init__(self, request: dict[str, Any]):
        self._net = Resident(Case.from_json(request["case"]))
        for _ in range(3):
            self._net.step()

    def facts(self) -> dict[str, Any]:
        """Nothing but the slices is asked for."""
        return {}

    def measure(self) -> dict[str, float]:
        """Seconds a step of each operator's own (without those that it calls), largest first."""
        on_cuda = self._net.device.type == "cuda"
        kind = torch.profiler.ProfilerActivity.CUDA if on_cuda else torch.profiler.ProfilerActivity.CPU
        with torch.profiler.profile(activities=[kind]) as profile:
            for _ in range(STEPS):
                self._net.step()
        taken = {
            event.key: event.self_device_time_total if on_cuda else event.self_cpu_time_total
            for event in profile.key_averages()
        }
        return {name: micro / 1e6 / STEPS for name, micro in sorted(taken.items(), key=lambda item: -item[1]) if micro}
