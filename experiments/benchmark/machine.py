"""What the machine can do at best: matrix products a second and bytes copied a second."""

import statistics
from typing import Any

import torch

from experiments.benchmark.clock import seconds
from experiments.benchmark.hardware import cores, physical_bytes
from experiments.device import DTYPES, configure, resolve
from experiments.environment import environment

SIZES = {"cuda": (4096, 8192), "cpu": (1024, 2048)}  # of square matrices
REPEATS = {"cuda": 10, "cpu": 3}
COPIED = {"cuda": 2**30, "cpu": 2**27}  # bytes: beyond every cache


class Machine:
    """The rates of one device in the arithmetic of a precision."""

    def __init__(self, request: dict[str, Any]):
        self._device = resolve(request["device"], request["precision"])
        configure(self._device)
        self._kind = self._device.type if self._device.type in SIZES else "cpu"
        self._quick = request["quick"]
        self._dtypes = {"float32": torch.float32, request["precision"]: DTYPES[request["precision"]]}
        if self._device.type == "cuda":
            self._dtypes |= {"bfloat16": torch.bfloat16}

    def facts(self) -> dict[str, Any]:
        """The hardware and the versions, as this kind of process sees them."""
        return environment(self._device) | {"memory_bytes": physical_bytes(), "cores": cores()}

    def measure(self) -> dict[str, float]:
        """FLOP/s by arithmetic, and `copy` in bytes read and written a second."""
        rates = {name: self._multiply(dtype) for name, dtype in self._dtypes.items()}
        if self._device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True
            rates["tf32"] = self._multiply(torch.float32)
            torch.backends.cuda.matmul.allow_tf32 = False
        return rates | {"copy": self._copy()}

    def _multiply(self, dtype: torch.dtype) -> float:
        """The best of the median rates over the sizes, FLOP/s."""
        sizes = (256,) if self._quick else SIZES[self._kind]
        return max(self._multiply_size(size, dtype) for size in sizes)

    def _multiply_size(self, size: int, dtype: torch.dtype) -> float:
        a, b = (torch.randn(size, size, device=self._device).to(dtype) for _ in range(2))
        out = torch.empty_like(a)
        work = lambda: torch.mm(a, b, out=out)  # noqa: E731
        work()
        times = [seconds(work, self._device) for _ in range(REPEATS[self._kind])]
        return 2 * size**3 / statistics.median(times)

    def _copy(self) -> float:
        count = COPIED[self._kind] // (64 if self._quick else 1)
        source = torch.ones(count, dtype=torch.uint8, device=self._device)
        target = torch.empty_like(source)
        work = lambda: target.copy_(source)  # noqa: E731
        work()
        return 2 * count / statistics.median(seconds(work, self._device) for _ in range(REPEATS[self._kind]))
