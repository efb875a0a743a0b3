"""Small datasets in the layouts of the official releases, written without the code under test."""

from pathlib import Path

from experiments.crashtest.file_server import FileServer, serving
from experiments.crashtest.made_up_cifar10 import (
    cifar10_archive,
    cifar10_arrays,
    cifar10_files,
    digests_of,
    python2_pickle,
    sha256,
    tar_bytes,
)

__all__ = [
    "FileServer",
    "cifar10_archive",
    "cifar10_arrays",
    "cifar10_files",
    "digests_of",
    "python2_pickle",
    "serving",
    "sha256",
    "tar_bytes",
    "write_folder",
]


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return folder
