"""CIFAR-10 in the form of its official release, small and made of noise; written without the code that reads it."""

import hashlib
import io
import struct
import tarfile
from collections.abc import Mapping
from typing import Any

import numpy as np


def python2_pickle(value: Any) -> bytes:
    """A protocol 2 pickle as Python 2 and NumPy 1 wrote it: byte strings, and the old name of NumPy's module."""
    return b"\x80\x02" + _emit(value) + b"."


def _emit(value: Any) -> bytes:
    if value is None:
        return b"N"
    if value is False:
        return b"\x89"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, str | bytes):
        raw = value.encode("latin1") if isinstance(value, str) else value
        return b"T" + struct.pack("<i", len(raw)) + raw
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_emit, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(_emit, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(_emit(k) + _emit(v) for k, v in value.items()) + b"u"
    assert isinstance(value, np.ndarray)
    assert value.dtype == np.uint8
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + _emit((0,)) + _emit("b") + b"tR"
    dtype = b"cnumpy\ndtype\n" + _emit(("u1", 0, 1)) + b"R" + _emit((3, "|", None, None, None, -1, -1, 0)) + b"b"
    return empty + b"(" + _emit(1) + _emit(value.shape) + dtype + _emit(False) + _emit(value.tobytes()) + b"tb"


def sha256(array: np.ndarray) -> str:
    """Of its bytes."""
    return hashlib.sha256(array.tobytes()).hexdigest()


def cifar10_arrays(per_file: int = 6) -> dict[str, np.ndarray]:
    """Images and labels of both splits, a sixth of them for testing."""
    generator = np.random.default_rng(7)
    sizes = {"train": 5 * per_file, "test": per_file}
    arrays = {}
    for split, size in sizes.items():
        arrays[f"{split}_images"] = generator.integers(256, size=(size, 32, 32, 3), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(size) % 10).astype(np.uint8)
    return arrays


def digests_of(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    """The sha256 of each array."""
    return {key: sha256(array) for key, array in arrays.items()}


def cifar10_files(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    """The batch files: rows of a red, a green and a blue plane."""
    files = {}
    rows = {split: arrays[f"{split}_images"].transpose(0, 3, 1, 2).reshape(-1, 3072) for split in ("train", "test")}
    parts = [(f"data_batch_{i + 1}", "train", i) for i in range(5)] + [("test_batch", "test", 0)]
    size = len(arrays["test_images"])
    for name, split, number in parts:
        part = slice(number * size, (number + 1) * size)
        files[name] = python2_pickle(
            {
                "batch_label": f"part {number}",
                "labels": arrays[f"{split}_labels"][part].tolist(),
                "data": np.ascontiguousarray(rows[split][part]),
            }
        )
    return files


def tar_bytes(files: dict[str, bytes], extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    """A compressed archive of files by name, and of further members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, raw in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
        for info in extra:
            archive.addfile(info)
    return buffer.getvalue()


def cifar10_archive(arrays: dict[str, np.ndarray]) -> bytes:
    """The archive as it is published."""
    return tar_bytes({f"cifar-10-batches-py/{name}": raw for name, raw in cifar10_files(arrays).items()})
