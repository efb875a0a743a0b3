"""Image files decoded ahead of their use, by worker processes.

A batch is cut into pieces of some images, each a task of its own, so that all workers are at work on the batch that is
needed next. They write pixels to where this process reads them, in memory that they share. Which images, in which order
and through which views is said by the caller: the number of workers changes nothing but the time.
"""

import math
import multiprocessing
import multiprocessing.connection
import os
import signal
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from threading import Thread
from typing import Protocol

import torch
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

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of their pixels: (B, size, size, 3)."""
        return len(self), self.look.size, self.look.size, 3

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
    pixels = torch.empty(task.shape, dtype=torch.uint8)
    return Pixels(pixels, _write(task, pixels))


def _write(task: Task, pixels: Tensor) -> dict[int, str]:
    """Put the images of a task into `pixels`; returns what is broken."""
    broken = {}
    for place, (path, index) in enumerate(zip(task.paths, task.indices, strict=True)):
        try:
            pixels[place] = task.look.at(task.root / path, index)
        except (BrokenImage, OSError) as error:
            pixels[place] = 0
            broken[place] = str(error)
    return broken


class _Room(SharedMemory):
    """Memory that this process and its workers see, for a batch."""

    def pixels(self, shape: tuple[int, ...], start: int = 0) -> Tensor:
        """A part of it, from byte `start` on."""
        return torch.frombuffer(self.buf, dtype=torch.uint8, count=math.prod(shape), offset=start).view(shape)

    def __del__(self) -> None:
        try:  # noqa: SIM105 - `suppress` may be gone at the end of the process
            super().__del__()
        except BufferError:  # a tensor that looks into it keeps it until it goes too
            pass


def _new_room(size: int) -> _Room:
    room = _Room(create=True, size=size)
    weakref.finalize(room, _forget, room.name)
    return room


def _forget(name: str) -> None:
    """Give the memory of that name back to the system, once nobody looks into it."""
    room = _Room(name)
    room.close()
    room.unlink()


@cache
def _attached(name: str) -> _Room:
    """In a worker: the memory of that name."""
    return _Room(name)


def _write_piece(task: Task, name: str, start: int) -> dict[int, str]:
    """In a worker: put the images of a task into the memory of that name from byte `start` on."""
    return _write(task, _attached(name).pixels(task.shape, start))


class Workers:
    """Processes that decode, started at their first task; with `count` 0 this process decodes by itself."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None
        self._free: list[_Room] = []  # of batches that were used

    def decoded(self, tasks: Iterable[Task]) -> Iterator[Pixels]:
        """The batches of `tasks`, in their order, some of them decoded ahead.

        The pixels of a batch are there until the next one is asked for: then others are written into their place.

        Raises RuntimeError where a worker was killed, most often for want of memory.
        """
        if self._count == 0:
            yield from map(decode, tasks)
            return
        under_way: deque[_Batch] = deque()
        try:
            for task in tasks:
                under_way.append(self._submit(task))
                if len(under_way) == AHEAD:
                    yield from self._shown(under_way.popleft())
            while under_way:
                yield from self._shown(under_way.popleft())
        except BrokenProcessPool as error:
            self._pool = None
            raise RuntimeError(
                "a process that decodes images was killed: fewer of them (workers=N) or smaller batches take less "
                "memory (in a container, of /dev/shm: give it more with --shm-size)"
            ) from error
        finally:  # whoever needs no more of them leaves none behind
            for batch in under_way:
                for piece in batch.pieces:
                    piece.cancel()
                wait(batch.pieces)  # who has begun still writes
                self._free.append(batch.room)

    def _submit(self, task: Task) -> "_Batch":
        if self._pool is None:
            # Spawned, not forked: a fork of a process with threads of its own (PyTorch's, CUDA's) may hang.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, context, initializer=_begin)
        room = self._room(math.prod(task.shape))
        image = math.prod(task.shape[1:])
        pieces = [
            self._pool.submit(_write_piece, task.piece(start), room.name, start * image)
            for start in range(0, len(task), PIECE)
        ]
        return _Batch(task.shape, room, pieces)

    def _room(self, size: int) -> _Room:
        fitting = [room for room in self._free if room.size >= size]
        if not fitting:
            return _new_room(size)
        room = min(fitting, key=lambda one: one.size)
        self._free.remove(room)
        return room

    def _shown(self, batch: "_Batch") -> Iterator[Pixels]:
        """A batch, until it is not needed any more."""
        try:
            found = [piece.result() for piece in batch.pieces]
            broken = {number * PIECE + place: why for number, one in enumerate(found) for place, why in one.items()}
            yield Pixels(batch.room.pixels(batch.shape), broken)
        finally:
            wait(batch.pieces)
            self._free.append(batch.room)


@dataclass(frozen=True)
class _Batch:
    """A batch under way."""

    shape: tuple[int, int, int, int]
    room: _Room
    pieces: list[Future[dict[int, str]]]


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
