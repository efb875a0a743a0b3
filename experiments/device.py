"""Where a run computes, and in which arithmetic."""

import math
import os
from pathlib import Path

import torch

from experiments.errors import UserError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def resolve(name: str, precision: str) -> torch.device:
    """The device that `name` (`auto`, `cpu`, `cuda`, `cuda:N`, `mps`) means on this machine.

    Raises:
        UserError: when it is not there, or cannot compute in `precision`.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise UserError(f"device={name}: this machine has no usable CUDA device; use device=cpu or device=auto")
        if (device.index or 0) >= count:
            raise UserError(f"device={name}: this machine has {count} CUDA device(s), cuda:0 to cuda:{count - 1}")
    if device.type == "mps":
        if not torch.backends.mps.is_available():
            raise UserError("device=mps: this machine has no Apple GPU; use device=cpu or device=auto")
        if precision == "bfloat16":
            raise UserError("precision=bfloat16 is not supported on mps; use precision=float32 or float16")
    return device


def check_gpu() -> None:
    """Raise UserError on a machine without a usable CUDA device, on which this sweep's runs would wait for ever."""
    if not torch.cuda.is_available():
        raise UserError(
            "this launcher gives each run a part of a GPU, and this machine has none: take hydra/launcher=joblib, or "
            "say where GPUs are with hydra.launcher.ray.init.address=auto"
        )


def free_memory(device: torch.device) -> float:
    """Bytes that are free on the device; infinite where that cannot be told."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return 1024 * int(lines["MemAvailable"].split()[0])
    except (OSError, ValueError, KeyError):
        return math.inf


def configure(device: torch.device, tf32: bool = False, deterministic: bool = False) -> None:
    """The same command gives the same bits: deterministic kernels of cuDNN and cuBLAS, always.

    Args:
        tf32: whether products of float32 matrices and convolutions on CUDA round their factors to 10 bits of mantissa
            (TensorFloat-32), which is several times faster. Without it, float32 is float32.
        deterministic: whether every other operator has to be deterministic too, and is refused where PyTorch has no
            such form of it. Holds until the next call.
    """
    if torch.are_deterministic_algorithms_enabled() != deterministic:  # asking costs the import of the compiler
        torch.use_deterministic_algorithms(deterministic)
    if device.type == "cuda":
        os.environ.setdefault(
            "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
        )  # cuBLAS is deterministic only with a fixed workspace
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True


def describe(device: torch.device) -> str:
    """The device's name as its maker gives it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"{_cpu_name()}, {threads} thread{'s' if threads > 1 else ''}"


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    import platform

    return platform.processor() or platform.machine()
