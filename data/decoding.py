"""Image files decoded ahead of their use, by worker processes.

A batch is cut into pieces of some images, each a task of its own, so that all workers are at work on the batch that is
needed next. Pixels come back through shared memory. Which images, in which order and through which views is said by the
caller: the number of workers changes nothing but the time.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Protocol

import torch
import torch.multiprocessing  # by which tensors travel between processes in shared memory
from torch import Tensor

from data.broken import BrokenImage
from data.decode import decoded, evaluation_view, training_view
from data.views import Views

PIECE = 16  # images of one task
AHEAD = 3  # batches under way, the one that is waited for among them


class Look(Protocol):
    """How a file becomes pixels."""

    @property
    def size(self) -> int:
        """Pixels of a side."""

    def at(self, path: Path, index: int) -> Tensor:
        """The pixels, uint8 (size, size, 3), of the image number `index`. Raises BrokenImage and OSError."""


@dataclass(frozen=True)
class Seen:
    """As a network sees images: in evaluation, or in training where `views` are drawn."""

    size: int
    resize: int
    views: Views | None

    def at(self, path: Path, index: int) -> Tensor:
        """As `Look.at`."""
        image = decoded(path)
        if self.views is None:
            return evaluation_view(image, self.size, self.resize).permute(1, 2, 0)
        return training_view(image, self.views, index, self.size, self.resize).permute(1, 2, 0)


@dataclass(frozen=True)
class Task:
    """Images to decode, by number and file."""

    root: Path
    paths: Sequence[str]
    indices: Sequence[int]
    look: Look

    def __len__(self) -> int:
        return len(self.indices)

    def piece(self, start: int) -> "Task":
        """The task of `PIECE` images from number `start` on."""
        part = slice(start, start + PIECE)
        return Task(self.root, self.paths[part], self.indices[part], self.look)


@dataclass(frozen=True)
class Pixels:
    """Decoded images, uint8 (B, size, size, 3); those that are broken are black, and said what of, by their place."""

    pixels: Tensor
    broken: dict[int, str]


def decode(task: Task) -> Pixels:
    """The images of a task."""
    pixels = torch.zeros((len(task), task.look.size, task.look.size, 3), dtype=torch.uint8)
    broken = {}
    for place, (path, index) in enumerate(zip(task.paths, task.indices, strict=True)):
        try:
            pixels[place] = task.look.at(task.root / path, index)
        except (BrokenImage, OSError) as error:
            broken[place] = str(error)
    return Pixels(pixels, broken)


class Workers:
    """Processes that decode, started at their first task; with `count` 0 this process decodes by itself."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    def decoded(self, tasks: Iterable[Task]) -> Iterator[Pixels]:
        """The batches of `tasks`, in their order, some of them decoded ahead.

        Raises RuntimeError where a worker was killed, most often for want of memory.
        """
        if self._count == 0:
            yield from map(decode, tasks)
            return
        under_way: deque[list[Future[Pixels]]] = deque()
        try:
            for task in tasks:
                under_way.append(self._submit(task))
                if len(under_way) == AHEAD:
                    yield _together(under_way.popleft())
            while under_way:
                yield _together(under_way.popleft())
        except BrokenProcessPool as error:
            self._pool = None
            raise RuntimeError(
                "a process that decodes images was killed: fewer of them (workers=N) take less memory"
            ) from error
        finally:  # whoever needs no more of them leaves none behind
            for pieces in under_way:
                for piece in pieces:
                    piece.cancel()

    def _submit(self, task: Task) -> list[Future[Pixels]]:
        if self._pool is None:
            # Spawned, not forked: a fork of a process with threads of its own (PyTorch's, CUDA's) may hang.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, context, initializer=_begin)
        return [self._pool.submit(decode, task.piece(start)) for start in range(0, len(task), PIECE)]


@cache
def workers(count: int) -> Workers:
    """The workers of this process: runs that follow one another share them."""
    return Workers(count)


def _begin() -> None:
    """What a worker does first."""
    torch.set_num_threads(1)  # the processes are the parallelism
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for the run, which saves first and still needs images
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose run was killed would wait for its next task for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _together(pieces: Sequence[Future[Pixels]]) -> Pixels:
    """A batch of its pieces."""
    found = [piece.result() for piece in pieces]
    broken = {number * PIECE + place: why for number, one in enumerate(found) for place, why in one.broken.items()}
    return Pixels(torch.cat([one.pixels for one in found]), broken)
