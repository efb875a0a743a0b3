"""What tests use to see whether anything of a file was executed: a marker that would be there afterwards."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch


class Harmful:
    """Unpickled without care, it makes the marker."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.marker,)


def objects_npz(path: Path, marker: Path, **others: np.ndarray) -> None:
    """An npz file whose `logits` are an array of objects, which is a pickle."""
    logits = np.empty(1, dtype=object)
    logits[0] = Harmful(marker)
    np.savez(path, allow_pickle=True, logits=logits, labels=np.zeros(1, np.int64), **others)


def promising_npz(path: Path, shape: tuple[int, ...], descr: str = "<f4") -> None:
    """An npz file of a few bytes whose `logits` are said to be of that shape."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": descr, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("logits.npy", head.getvalue())


def harmful_weights(path: Path, marker: Path) -> None:
    """A file of `torch.save` that is more than tensors."""
    torch.save({"schema": 1, "step": 1, "model": Harmful(marker)}, path)


def harmful_yaml(marker: Path) -> str:
    """YAML that makes the marker, a folder, where tags are obeyed."""
    return f"name: !!python/object/apply:os.mkdir ['{marker}']\n"


def laughs() -> str:
    """YAML of ten lines for ten thousand million values: where aliases are followed, memory ends first."""
    lines = ['l0: &l0 ["ha", "ha"]']
    return "\n".join([*lines, *(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10))]) + "\n"


def harms(marker: Path, attempt: Callable[[], object]) -> None:
    """Show that an example does what it should not do, where nothing stops it; clears the marker again."""
    assert not marker.exists(), "it was executed"
    attempt()
    assert marker.exists(), "the example does nothing at all: it shows nothing"
    os.rmdir(marker) if marker.is_dir() else marker.unlink()


def refused(kind: type[Exception], attempt: Callable[[], object], *words: str) -> None:
    """The attempt ends in one line of the user's that has these words."""
    with pytest.raises(kind) as found:
        attempt()
    said = str(found.value)
    assert "\n" not in said
    for word in words:
        assert word in said, said


def load_anything(path: Path) -> Any:
    """`pickle.load` without any care."""
    with open(path, "rb") as file:
        return pickle.load(file)
