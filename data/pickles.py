"""Reading the pickles in which CIFAR was published, without letting a pickle run anything."""

import io
import pickle
from typing import Any

import numpy as np


class UnsafePickle(ValueError):
    """A pickle asks for something other than NumPy arrays and plain containers."""


def _latin1(text: str, encoding: str) -> bytes:
    """Protocol 2 pickles written by Python 3 carry their bytes as Latin-1 text, encoded when loaded."""
    if encoding != "latin1":
        raise UnsafePickle(f"the pickle asks for the codec {encoding}: it is refused")
    return text.encode("latin1")


# What the arrays of such a pickle are rebuilt with; NumPy's module has had two names. Nothing else is reachable.
_RECONSTRUCT = np.zeros(1).__reduce__()[0]
ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
}


class ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise UnsafePickle(
                f"the pickle asks for {module}.{name}, which is no part of an array: it is refused"
            ) from None


def load_arrays(raw: bytes) -> Any:
    """The dicts, lists, numbers, strings and NumPy arrays in a pickle of Python 2 or 3; text is read as Latin-1.

    Raises UnsafePickle for any other class or function, and ValueError for bytes that are no whole pickle.
    """
    try:
        return ArrayUnpickler(io.BytesIO(raw), encoding="latin1").load()
    except UnsafePickle:
        raise
    except Exception as error:  # a broken pickle can raise anything at all
        raise ValueError(f"not a readable pickle ({type(error).__name__}: {error})") from error


def numbers(value: Any) -> np.ndarray:
    """An array of a pickle, or a list of whole numbers as one.

    Raises ValueError for anything else: lists that hold one another many times over stand for billions of values.
    """
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value
    if isinstance(value, list) and all(type(one) is int for one in value):
        return np.array(value, dtype=np.int64)
    raise ValueError(f"it has a {type(value).__name__} where an array or a list of numbers belongs")
