"""The part `images`: files decoded as training sees them, against torchvision's decoder alone in as many processes."""

import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from data.decoder import Decoder
from data.decoding import PIECE, Seen, Workers
from data.file_split import FileSplit
from data.views import ViewAugmentation
from experiments.benchmark.numbers import ratio, spread
from experiments.benchmark.rounds import in_rounds
from experiments.benchmark.settings import BenchmarkSettings
from experiments.host import number_of_workers

HEIGHT, WIDTH, QUALITY = 375, 500, 92  # of a usual photograph of ImageNet; about 100 kB with these pixels
SIZE, RESIZE = 224, 256
FILES, BATCH = 256, 128
TIMES = 6  # that a slice goes through all files
CONTENDERS = {
    "normlab": "normlab: a random box of each image, resized and flipped, in batches of bytes for the device",
    "views": "the same view of each image by torchvision's decoder and transforms, thrown away",
    "decoder": "torchvision's decoder alone, thrown away",
}


def measure(settings: BenchmarkSettings) -> dict[str, Any]:
    """Images a second of each contender in rounds, and normlab's rate over the others'."""
    count = number_of_workers(None)
    times, files = (1, 2 * PIECE) if settings.quick else (TIMES, FILES)
    with (
        tempfile.TemporaryDirectory(prefix="normlab-images-") as name,
        ProcessPoolExecutor(count, get_context("spawn"), initializer=_begin) as pool,
    ):
        paths = make_files(Path(name), files)
        size = sum(path.stat().st_size for path in paths) / files
        slices: dict[str, Callable[[], None]] = {
            "normlab": _normlab(Path(name), paths, times, count),
            "views": partial(_in_pool, pool, _views, paths, times),
            "decoder": partial(_in_pool, pool, _decode, paths, times),
        }
        for work in slices.values():  # the start of processes and the first look at each file are not measured
            work()
        found = in_rounds({which: partial(_timed, work) for which, work in slices.items()}, settings.rounds)
    rates = {which: [times * files / one["seconds"] for one in found[which]] for which in found}
    return {
        "processes": count,
        "files": files,
        "bytes_per_file": round(size),
        "slices": found,
        "rates": {which: spread(rates[which]) for which in rates},
        "ratios": {f"normlab / {which}": ratio(rates["normlab"], rates[which]) for which in ("views", "decoder")},
    }


def lines(found: dict[str, Any]) -> list[str]:
    """What was found, a line each."""
    kilobytes = found["bytes_per_file"] / 1000
    head = f"JPEG files of {WIDTH}×{HEIGHT} pixels ({kilobytes:.0f} kB) as training sees them at {SIZE}×{SIZE},"
    head += f" {found['processes']} processes, images/s"
    rates = [f"  {found['rates'][which]['median']:>7,.0f}  {says}" for which, says in CONTENDERS.items()]
    ratios = [
        f"  {which}: {one['median']:.2f} ({one['min']:.2f}–{one['max']:.2f})" for which, one in found["ratios"].items()
    ]
    return [head, *rates, *ratios]


def make_files(folder: Path, count: int) -> list[Path]:
    """Images whose spectrum falls with frequency as that of photographs does."""
    down, across = np.fft.fftfreq(HEIGHT)[:, None], np.fft.fftfreq(WIDTH)[None, :]
    fall = np.hypot(down, across)
    fall[0, 0] = 1
    paths = []
    for number in range(count):
        rng = np.random.default_rng(number)
        noise = np.fft.fft2(rng.normal(size=(3, HEIGHT, WIDTH))) / fall**1.2
        plane = np.fft.ifft2(noise).real
        pixels = 120 + 50 * (plane - plane.mean()) / plane.std()
        paths.append(folder / f"{number:04}.jpg")
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)).save(paths[-1], quality=QUALITY)
    return paths


def _normlab(folder: Path, paths: list[Path], times: int, count: int) -> Callable[[], None]:
    names = np.array([path.name.encode() for path in paths])
    split = FileSplit(folder, names, np.zeros(len(paths), dtype=np.int64), SIZE, RESIZE, strict=False)
    decoder = Decoder(split, Workers(count))
    views = ViewAugmentation(resized_crop=(0.08, 1.0), horizontal_flip=True).draw(0, 0, len(paths), torch.device("cpu"))
    order = np.arange(times * len(paths)) % len(paths)
    parts = np.split(order, range(BATCH, len(order), BATCH))

    def work() -> None:
        for _ in decoder.ahead(parts, Seen(SIZE, RESIZE, views)):
            pass

    return work


def _in_pool(pool: ProcessPoolExecutor, work: Callable[[list[str]], None], paths: list[Path], times: int) -> None:
    names = times * [str(path) for path in paths]
    list(pool.map(work, (names[start : start + PIECE] for start in range(0, len(names), PIECE))))


def _begin() -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "The image decoding and encoding capabilities", DeprecationWarning)


def _decode(names: list[str]) -> None:
    from torchvision.io import ImageReadMode, decode_image, read_file

    for name in names:
        decode_image(read_file(name), mode=ImageReadMode.RGB)


def _views(names: list[str]) -> None:
    from torchvision.io import ImageReadMode, decode_image, read_file
    from torchvision.transforms import v2

    view = v2.Compose([v2.RandomResizedCrop(SIZE, antialias=True), v2.RandomHorizontalFlip()])
    for name in names:
        view(decode_image(read_file(name), mode=ImageReadMode.RGB))


def _timed(work: Callable[[], None]) -> dict[str, float]:
    began = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - began}
