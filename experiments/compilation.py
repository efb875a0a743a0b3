"""Whether a run compiles its training step's network and loss with `torch.compile`, and where compiled code is kept."""

import atexit
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from experiments import atomic
from experiments.device import describe
from experiments.private_folder import private_folder
from experiments.settings import Settings
from experiments.step import Objective, objective

log = logging.getLogger("normlab")
# On a GPU compilation takes about a minute, or some seconds where its code is kept from an earlier run; a step then
# saves some milliseconds. On CPUs compiled networks were no faster than eager ones with channels_last and kept memory:
# between a third slower (small_cnn) and a tenth faster (ResNet-20 with bn); `scripts/benchmark.py` shows it.
STEPS_THAT_PAY = {"cold": 4000, "kept": 400}
# A process may meet many networks (a sweep); beyond its own limit of 8, torch.compile would leave them eager.
NETWORKS_A_PROCESS = 256


@dataclass(frozen=True)
class Choice:
    """Whether to compile, and why, in words."""

    compiled: bool
    reason: str


def choose(settings: Settings, device: torch.device, steps: int, kept: bool, processes: int = 1) -> Choice:
    """What `compile` means for a run of `steps` more steps whose code is `kept` from an earlier one, or is not."""
    if processes > 1:
        return Choice(False, "several processes train together: eager")
    if settings.compile != "auto":
        return Choice(settings.compile, f"compile={str(settings.compile).lower()}")
    if device.type != "cuda":
        return Choice(False, f"compile=auto: eager, as compiled networks were no faster on {device.type}")
    needed = STEPS_THAT_PAY["kept" if kept else "cold"]
    cost = "the compiled code kept from an earlier run" if kept else "compilation"
    if steps < needed:
        return Choice(False, f"compile=auto: eager, as {cost} pays from {needed:,} steps on and {steps:,} are to come")
    return Choice(True, f"compile=auto: compiled, as {cost} pays from {needed:,} steps on and {steps:,} are to come")


def fingerprint(config: dict[str, Any], image_shape: tuple[int, ...], num_classes: int, device: torch.device) -> str:
    """Names the compiled form of a run's step: runs that differ in the seed, the data or the rates share it."""
    parts = {
        **{key: config[key] for key in ("norm", "model", "batch_size", "precision")},
        "label_smoothing": config["recipe"]["label_smoothing"],
        "shape": [*image_shape, num_classes],
        "device": device.type,
    }
    return _digest(json.dumps(parts, sort_keys=True, default=str))


def folder(device: torch.device) -> Path:
    """Where compiled code is kept: the user's cache, apart for each version of PyTorch, device and number of threads.

    Machines of one cluster may share a home and not understand each other's instructions.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    machine = f"{describe(device)} {torch.backends.cpu.get_cpu_capability()} {torch.get_num_threads()}"
    return Path(home) / "normlab" / "compiled" / f"torch-{torch.__version__}-{_digest(machine)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Kept:
    """The record of which networks have been compiled into a folder before."""

    def __init__(self, place: Path, name: str) -> None:
        self._place, self._file = place, place / "networks" / f"{name}.json"

    def __bool__(self) -> bool:
        return self._file.exists()

    def use(self) -> None:
        """Make the compiler keep its code here, unless the user's TORCHINDUCTOR_CACHE_DIR names another place."""
        try:
            private_folder(self._place)
        except OSError as error:
            log.warning("compiled code cannot be kept in %s (%s)", self._place, error.strerror)
            _compile_into_nothing()
            return
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(self._place))

    def note(self, seconds: float) -> None:
        """The network has been compiled, which took `seconds`."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_text(self._file, json.dumps({"seconds": round(seconds, 1)}))
        except OSError:
            pass  # the next run then takes the code for new, no more


def _compile_into_nothing() -> None:
    """A folder of this process's own: the compiler's default has a name that another user may have taken first."""
    if "TORCHINDUCTOR_CACHE_DIR" not in os.environ:
        place = tempfile.mkdtemp(prefix="normlab-")
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = place
        atexit.register(shutil.rmtree, place, ignore_errors=True)


_compiled: Objective | None = None  # one for all runs of this process: networks of one shape share its code


class CompiledObjective:
    """`experiments.step.objective`, compiled at the first call; eager, with a warning, where compilation fails."""

    def __init__(self, kept: Kept) -> None:
        self._kept, self._called, self._failed = kept, False, False

    def __call__(
        self, network: nn.Module, x: Tensor, y: Tensor, precision: str, label_smoothing: float
    ) -> tuple[Tensor, Tensor]:
        if self._failed:
            return objective(network, x, y, precision, label_smoothing)
        if self._called:
            return _compile()(network, x, y, precision, label_smoothing)
        self._called = True
        self._kept.use()
        before = [(buffer, buffer.clone()) for buffer in network.buffers()]
        known, began = bool(self._kept), time.monotonic()
        try:
            found = _compile()(network, x, y, precision, label_smoothing)
        except Exception as error:  # a compiler may fail in any way
            self._failed = True
            with torch.no_grad():
                for buffer, value in before:  # of a failure after the norms had seen the batch
                    buffer.copy_(value)
            lines = [line for line in str(error).splitlines() if line.strip()]
            log.warning(
                "compilation failed, the run goes on eager (compile=false does not try): %s: %s",
                type(error).__name__,
                lines[0] if lines else "no message",
            )
            return objective(network, x, y, precision, label_smoothing)
        seconds = time.monotonic() - began
        log.info("compiled in %.1f s%s", seconds, ", from code kept by an earlier run" if known else "")
        self._kept.note(seconds)
        return found


def _compile() -> Objective:
    global _compiled
    if _compiled is None:
        import torch._dynamo

        torch._dynamo.config.recompile_limit = NETWORKS_A_PROCESS
        torch._dynamo.config.accumulated_recompile_limit = max(
            NETWORKS_A_PROCESS, torch._dynamo.config.accumulated_recompile_limit
        )
        _compiled = torch.compile(objective, dynamic=False)
    return _compiled
