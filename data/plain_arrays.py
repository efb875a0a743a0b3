"""NumPy's files, none of which holds objects: those would be pickles, which run what they ask for."""

import math
import zipfile
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from data.plain_files import Unreadable

LARGEST = 2**33  # bytes of all arrays together, as the archive says before any is unpacked


def mapped(path: Path) -> np.ndarray:
    """The array of an npy file, mapped into memory, read-only. Raises Unreadable, and OSError where it is missing."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # its header goes through Python's own parsers
        raise _unreadable(error) from None


def read_npz(path: Path | BinaryIO) -> dict[str, np.ndarray]:
    """All arrays of a file, by name.

    Raises Unreadable for anything else than arrays of numbers and texts, and FileNotFoundError where there is no file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = {}
            left = LARGEST
            for member in archive.infolist():
                left -= member.file_size
                if left < 0:
                    raise Unreadable(f"more than {LARGEST} bytes of arrays")
                with archive.open(member) as file:
                    found[member.filename.removesuffix(".npy")] = _array(file, member.file_size)
            return found
    except (FileNotFoundError, Unreadable):
        raise
    except Exception as error:  # a damaged file can fail in any way
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> Unreadable:
    return Unreadable(f"{type(error).__name__}: {' '.join(str(error).split())}"[:200])


def _array(file: IO[bytes], size: int) -> np.ndarray:
    """One npy file of so many bytes. Its head must not promise more than that."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise Unreadable("it has an array of objects")
    count = math.prod(shape)
    if min(shape, default=0) < 0 or count * dtype.itemsize > size:
        raise Unreadable(f"it promises an array {shape} of {dtype} in {size} bytes")
    values = np.frombuffer(file.read(count * dtype.itemsize), dtype=dtype, count=count)
    if file.read(1):  # at its end, the member's checksum is compared too
        raise Unreadable("it has more behind an array")
    array = values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
    return array.copy()
