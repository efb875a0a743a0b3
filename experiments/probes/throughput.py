"""How fast training goes and how much memory the process has taken, for TensorBoard alone.

    throughput/images_per_second   training images per second of optimizer steps since the last measurement; evaluation,
                                   probes and saving do not count. Nothing at the first measurement of an execution, so
                                   that a resumed run does not mix two machines
    throughput/peak_memory_gib     on CUDA the most memory that tensors have held at once, elsewhere the process's
                                   largest resident set so far, in GiB (2^30 bytes); probes and evaluation count.
                                   Nothing on Windows without CUDA

Numbers of the clock and the machine stand in no metrics.csv, which is the same at every execution. Cost: none.
"""

import sys

import torch
from torch import nn

from experiments.probing.live import Live, Measured, Probe, Surroundings

CHARTS = ()  # which are drawn from metrics.csv


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe."""
    return Throughput()


class Throughput(Probe):
    """Two readings. What the clock said is not remembered beyond an execution."""

    steps = 0.0

    def __init__(self) -> None:
        self._before: tuple[int, float] | None = None  # steps, and seconds of training

    def measure(self, live: Live) -> Measured:
        timings = {}
        if self._before is not None:
            steps, seconds = live.step - self._before[0], live.train_seconds - self._before[1]
            if steps > 0 and seconds > 0:
                timings["throughput/images_per_second"] = steps * live.surroundings.settings.batch_size / seconds
        self._before = live.step, live.train_seconds
        peak = peak_memory(live.surroundings.device)
        if peak is not None:
            timings["throughput/peak_memory_gib"] = peak / 2**30
        return Measured(timings=timings)


def peak_memory(device: torch.device) -> int | None:
    """Bytes: the most that was taken at once so far, by tensors on CUDA, else by the process; None on Windows."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # macOS counts bytes, Linux KiB
