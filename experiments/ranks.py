"""The processes of one training on several devices, as `torchrun` starts them: a rank each.

    torchrun --nproc-per-node=2 train.py norm=bn norm.sync=true

Every rank composes the same configuration and takes every n-th image of each batch; gradients are averaged
(DistributedDataParallel). What is decided on the way is decided alike: whatever one rank alone can know, that a signal
has come or what the loss of its part is, is put together first. The first rank alone writes.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from experiments.errors import UserError
from models.norms.normalization import RunningStatistics
from models.norms.sync_bn import SyncBatchNorm

T = TypeVar("T")
PATIENCE = timedelta(hours=2)  # while the first rank measures or saves; one that died is noticed at once

log = logging.getLogger("normlab")


@dataclass(frozen=True)
class Ranks:
    """This process among those of its training.

    rank: its number, from 0 on; size: how many there are; local: its number on this machine, local_size of them.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    local_size: int = 1

    @classmethod
    def of_environment(cls) -> "Ranks":
        """As `torchrun` says, or one process alone.

        Raises:
            UserError: when the processes could never meet.
        """
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        if not all(name in os.environ for name in names):
            return cls()
        if os.environ.get("MASTER_PORT") == "0":
            raise UserError("--master-port=0 is no port to meet at: torchrun --standalone finds a free one")
        return cls(*(int(os.environ[name]) for name in names))

    @property
    def first(self) -> bool:
        """Whether this rank writes what is written once."""
        return self.rank == 0

    def require_batch(self, batch_size: int) -> None:
        """Refuse a batch that cannot be dealt out evenly.

        Raises:
            UserError: when it does not divide.
        """
        if batch_size % self.size:
            nearest = max(batch_size // self.size, 1) * self.size
            raise UserError(
                f"batch_size={batch_size} cannot be dealt out to {self.size} processes evenly: use {nearest}, or start "
                "another number of processes"
            )

    def require_alone(self) -> None:
        """Refuse several processes where there are several runs.

        Raises:
            UserError: when there are several.
        """
        if self.size > 1:
            raise UserError(
                f"the {self.size} processes of torchrun train one run together: for a sweep or a study leave it out "
                "and take a launcher, as in hydra/launcher=ray_packed, which gives each run a device"
            )

    def device(self, device: torch.device) -> torch.device:
        """Where this rank computes: on machines with several GPUs, each on its own.

        Raises:
            UserError: when there are more processes than GPUs, or all were told to use one.
        """
        if self.size == 1 or device.type != "cuda":
            return device
        if device.index is not None:
            raise UserError(f"device={device}: {self.size} processes need a GPU each; leave out the number")
        if self.local_size > torch.cuda.device_count():
            raise UserError(
                f"{self.local_size} processes on a machine with {torch.cuda.device_count()} GPUs: start one for each"
            )
        return torch.device("cuda", self.local)

    @contextmanager
    def together(self, device: torch.device) -> Iterator[None]:
        """Inside, the ranks can talk to each other."""
        if self.size == 1 or dist.is_initialized():
            yield
            return
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=PATIENCE)
        try:
            yield
        finally:
            dist.destroy_process_group()

    def said_by_first(self, value: T) -> T:
        """What the first rank says, everywhere."""
        if self.size == 1:
            return value
        said = [value]
        dist.broadcast_object_list(said, src=0)
        return said[0]

    def gathered(self, value: T) -> list[T]:
        """What each rank says, in their order, everywhere."""
        if self.size == 1:
            return [value]
        said: list[Any] = [None] * self.size
        dist.all_gather_object(said, value)
        return said

    def largest(self, value: int) -> int:
        """The largest of what the ranks say, cheaply: asked at every step."""
        if self.size == 1:
            return value
        said = torch.tensor(value)
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return int(said)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the ranks of values on the CPU, which it returns."""
        if self.size > 1:
            dist.all_reduce(values)
            values /= self.size
        return values

    def share(self, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        """The parts of a work that this rank does."""
        return parts[self.rank :: self.size]

    def dealt_back(self, mine: Sequence[T]) -> list[T]:
        """What the ranks made of their shares, in the order of all parts, everywhere."""
        everyone = self.gathered(list(mine))
        count = sum(map(len, everyone))
        return [everyone[place % self.size][place // self.size] for place in range(count)]

    def wrapped(self, model: nn.Module, device: torch.device) -> nn.Module | None:
        """What averages the gradients of the model over the ranks; None where there is one rank.

        Running statistics are each rank's own until `align` is called.
        """
        if self.size == 1:
            return None
        devices = [device] if device.type == "cuda" else None
        with warnings.catch_warnings():
            # its successor would give all ranks the first one's buffers at the start, also where a run goes on
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            return DistributedDataParallel(model, device_ids=devices, broadcast_buffers=False)

    def align(self, model: nn.Module) -> list[Tensor]:
        """Give all ranks the same running statistics, the mean of theirs; returns this rank's own, on the CPU.

        A rank goes on with its own (`restore`), so that no bit depends on where a run was evaluated or saved.
        """
        if self.size == 1:
            return []
        own = []
        with torch.no_grad():
            for buffer in _running_averages(model):
                own.append(buffer.cpu().clone())
                dist.all_reduce(buffer)
                buffer /= self.size
        return own

    @staticmethod
    @torch.no_grad()
    def restore(model: nn.Module, own: Sequence[Tensor]) -> None:
        """Go on with a rank's own running statistics, as `align` returned them."""
        if own:
            for buffer, value in zip(_running_averages(model), own, strict=True):
                buffer.copy_(value)

    def wait(self) -> None:
        """Until all ranks are here."""
        if self.size > 1:
            dist.barrier()


ALONE = Ranks()


def _running_averages(model: nn.Module) -> list[Tensor]:
    layers = [layer for layer in model.modules() if isinstance(layer, RunningStatistics)]
    return [buffer for layer in layers for buffer in layer.buffers(recurse=False) if buffer.is_floating_point()]


def has_batches_of_its_own(model: nn.Module) -> bool:
    """Whether a layer normalizes each process's part of a batch by itself, so that their number changes the results."""
    layers = [layer for layer in model.modules() if isinstance(layer, RunningStatistics)]
    return any(not isinstance(layer, SyncBatchNorm) for layer in layers)
