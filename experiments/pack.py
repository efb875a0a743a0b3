"""Making a pack from the command line: what it is made of, how far it is, and where it went."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from tqdm import tqdm

from data.decoding import workers
from data.image_folder import folder_files
from data.pack_sources import FolderSource, PublishedSource
from data.packing import PackSource, make_pack
from data.packs import pack_folder
from experiments.errors import UserError
from experiments.host import number_of_workers
from experiments.paths import default_data
from experiments.progress import duration
from experiments.settings import Positive, Strict

log = logging.getLogger("normlab")


class PackPaths(Strict):
    """Where packs are kept."""

    data: Annotated[str, Field(min_length=1)] = Field(default_factory=default_data)


class PackSettings(Strict):
    """The settings of scripts/pack.py."""

    size: Positive
    name: Annotated[str, Field(pattern=r"^[\w.-]+$")] | None = None
    workers: Annotated[int, Field(ge=0)] | None = None
    paths: PackPaths = PackPaths()


def make(names: Sequence[str], settings: PackSettings) -> None:
    """Make the pack of the folder that is named.

    Raises:
        UserError: for another number of folders, and for whatever is wrong with this one, the pack or the disk.
    """
    if len(names) != 1:
        raise UserError(f"{len(names)} folders are named; name one: python scripts/pack.py FOLDER size=64")
    folder = Path(names[0])
    stem = folder.absolute().name
    name = settings.name or f"{stem}{'-' if stem[-1:].isdigit() else ''}{settings.size}"
    target = pack_folder(Path(settings.paths.data), name)
    begun = time.monotonic()
    try:
        source = _source(folder, settings)
        total = sum(source.counts.values())
        with tqdm(total=total, unit=" images", smoothing=0.1) as bar:
            done = dict.fromkeys(source.counts, 0)

            def told(split: str, count: int) -> None:
                done[split] = count
                bar.update(sum(done.values()) - bar.n)

            meta = make_pack(source, settings.size, target, told)
    except ValueError as error:
        raise UserError(str(error)) from error
    images, broken = meta["images"], meta["broken"]
    left_out = f", {len(broken)} broken ones left out" if broken else ""
    log.info(
        "%s: %s + %s images of %d pixels in %d classes%s (%s)",
        target, f"{images['train']:,}", f"{images['test']:,}", meta["size"], len(meta["classes"]), left_out,
        duration(time.monotonic() - begun),
    )  # fmt: skip
    log.info("train on it: python train.py dataset=packed dataset.name=%s", name)


def _source(folder: Path, settings: PackSettings) -> PackSource:
    if not folder.is_dir():
        raise UserError(f"{folder.absolute()} is no folder: name the one with the images")
    if any(folder.glob("train_data_batch_*")):
        return PublishedSource(folder, settings.size)
    kept = Path(settings.paths.data)
    files = folder_files(kept, folder=str(folder.absolute()), size=settings.size, resize=settings.size, archives=True)
    return FolderSource(files, settings.size, workers(number_of_workers(settings.workers)))
