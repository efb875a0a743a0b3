"""Many small files in a folder or in a zip archive, read one at a time: nothing is unpacked."""

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LARGEST_BYTES = 2**24  # of one file; 64x64 pixels take some thousand


@dataclass(frozen=True)
class ImageFiles:
    """paths: with slashes, relative to the dataset's own folder; read: the content of the file at one of them."""

    paths: frozenset[str]
    read: Callable[[str], bytes]


def in_folder(folder: Path) -> ImageFiles:
    """The files under a folder, of which each is refused with ValueError if it is too large."""
    paths = frozenset(
        (Path(place) / name).relative_to(folder).as_posix() for place, _, names in os.walk(folder) for name in names
    )

    def read(path: str) -> bytes:
        _require_small(path, (folder / path).stat().st_size)
        return (folder / path).read_bytes()

    return ImageFiles(paths, read)


def in_archive(archive: zipfile.ZipFile, folder: str) -> ImageFiles:
    """The same of the files under `folder` in an archive that stays open; others are not looked at."""
    inside = {
        info.filename.removeprefix(f"{folder}/"): info
        for info in archive.infolist()
        if info.filename.startswith(f"{folder}/") and not info.is_dir()
    }

    def read(path: str) -> bytes:
        _require_small(path, inside[path].file_size)
        return archive.read(inside[path])

    return ImageFiles(frozenset(inside), read)


def _require_small(path: str, size: int) -> None:
    if size > LARGEST_BYTES:
        raise ValueError(f"{path} has {size} bytes: too large, refused")
