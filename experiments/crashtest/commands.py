"""The commands that are killed: what each begins with, and where in its work it can be hit."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.crashtest.made_up_cifar10 import digests_of
from experiments.crashtest.settings import Name
from experiments.environment import ROOT

FOLDERS = ("paths.outputs=outputs", "paths.data=data")  # in the folder that a command is started in
# a checkpoint after each step, so that there is much to interrupt
STUDY = ("study=heterogeneity", "scale=smoke", "device=cpu", "threads=1", "checkpoint_every=1", *FOLDERS)
NARROW = ("seed=0", "norm=bn")  # two of its twelve runs
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
# By place, the last event that is aimed at. Where a command has fewer of them, it comes to its end.
OF_RUNS = {"checkpoint": 60, "metrics": 12, "predictions": 12, "result": 12, "folder": 12}
OF_ONE_RUN = {"checkpoint": 14, "metrics": 2, "predictions": 3, "result": 3}


@dataclass(frozen=True)
class Command:
    """A command of normlab, started in a folder of its own.

    places: see OF_RUNS. prepare: puts into the folder what the command begins with. workers: whether it has processes
    of joblib's, which are killed too. stretch: the most seconds between an event that is aimed at and the signal.
    """

    name: Name
    program: Path
    words: tuple[str, ...]
    places: Mapping[str, int]
    prepare: Callable[[Path], None] = lambda folder: None
    workers: bool = False
    stretch: float = 0.005


def study(quick: bool) -> Command:
    """A study of made-up data, run after run in one process."""
    return Command(
        "study", ROOT / "train.py", (*STUDY, *(NARROW if quick else ())), OF_RUNS | {"page": 14} if not quick
        else OF_ONE_RUN | {"page": 14},
    )  # fmt: skip


def side_by_side(quick: bool) -> Command:
    """The same study by two processes."""
    return Command("joblib", ROOT / "train.py", (*STUDY, *(NARROW if quick else ()), *JOBLIB), {}, workers=True)


def download(url: str, arrays: Mapping) -> Command:
    """A run on images in CIFAR-10's form that are fetched first."""
    digests = [f'dataset.digests.{name}="{digest}"' for name, digest in digests_of(arrays).items()]
    return Command(
        "download",
        ROOT / "train.py",
        (
            "dataset=cifar10", f"dataset.sources=[{{url: '{url}'}}]", *digests, "model=mlp", "recipe=documents",
            "device=cpu", "threads=1", "epochs=null", "steps=3", "batch_size=16", "checkpoint_every=1", *FOLDERS,
        ),
        {"download": 4, "cache": 12, **OF_ONE_RUN},
        stretch=1.5,  # as long as the transfer
    )  # fmt: skip


def pack(photographs: Path) -> Command:
    """A pack made of a folder of JPEG files."""
    return Command(
        "pack",
        ROOT / "scripts" / "pack.py",
        ("photographs", "size=8", "workers=0", "paths.data=data"),
        {"pack": 16, "cache": 6},
        # with the dates of the folders, by which it is known that a listing is still right
        prepare=lambda folder: copied(photographs, folder / "photographs"),
    )


def report(studied: Path) -> Command:
    """The report on a study that is finished."""
    return Command(
        "report",
        ROOT / "scripts" / "report.py",
        ("paths.outputs=outputs",),
        {"report": 60},
        prepare=lambda folder: copied(studied / "outputs", folder / "outputs"),
    )


def evaluate(studied: Path) -> Command:
    """The inference modes of a finished run."""
    return Command(
        "evaluate",
        ROOT / "scripts" / "evaluate.py",
        (
            "heterogeneous-mlp-bn-seed0-*", "modes=[batch]", "batch_sizes=[8]", "shuffles=1", "device=cpu",
            "paths.outputs=outputs",
        ),
        {"modes": 12},
        prepare=lambda folder: copied(studied / "outputs", folder / "outputs"),
    )  # fmt: skip


def copied(folder: Path, target: Path) -> None:
    """The same files in another place."""
    shutil.copytree(folder, target)
