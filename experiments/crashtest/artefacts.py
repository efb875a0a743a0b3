"""What normlab leaves on a disk, made small, and how each piece of it is read again."""

import hashlib
import io
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from data.cache import Decoded, load_cached
from data.content import content_digest
from data.file_split import FileSplit
from data.image_folder import image_folder
from data.packing import Chunk, make_pack
from data.packs import NoPack, pack
from data.sealed import SEAL
from experiments import finished, identity
from experiments.checks.run import run_checks
from experiments.command_line import Job, plan
from experiments.crashtest.made_up_photographs import write_photographs
from experiments.export import loading
from experiments.export.command import ExportSettings, export
from experiments.inference.evaluation import EvaluationSettings, evaluate
from experiments.job import build_parts, perform, write_settings
from experiments.report.metrics import read_curves
from experiments.run import Run
from experiments.settings import Settings
from experiments.site import sources
from experiments.studies.grid import grid
from experiments.studies.outcome import conclude
from experiments.studies.runs import read_run

CHECK, STUDY = "output_formula_without_division_normalizes", "heterogeneity"
TINY = (
    "model=small_cnn",
    "model.width=0.25",
    "dataset=synthetic",
    "dataset.kind=noise",
    "dataset.num_train=64",
    "dataset.num_test=16",
    "dataset.num_classes=3",
    "dataset.image_size=8",
    "batch_size=8",
    "epochs=2",
    "checkpoint_every=3",
    "device=cpu",
    "compile=false",
)


@dataclass(frozen=True)
class Artefact:
    """Some files, and what reads them.

    Attributes:
        make: writes them into an empty folder.
        files: patterns of those that are damaged, in that folder.
        read: what a user gets of them, as a text to compare; raises ValueError where it refuses.
    """

    name: str
    make: Callable[[Path], object]
    files: Sequence[str]
    read: Callable[[Path], str]


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, runs print nothing, nor do the warnings of damaged files."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def settings_of(outputs: Path, *words: str) -> dict[str, Any]:
    """The resolved settings of a tiny run."""
    return plan([*TINY, f"paths.outputs={outputs}", f"paths.data={outputs / 'data'}", *words]).jobs[0].config


def run_in(folder: Path) -> Path:
    """The one run in an outputs folder."""
    (found,) = (folder / "runs").iterdir()
    return found


def _digest(*parts: Any) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part if isinstance(part, bytes) else json.dumps(part, sort_keys=True, default=str).encode())
    return whole.hexdigest()


def _tensors(state: dict[str, torch.Tensor]) -> Iterator[bytes]:
    for name, tensor in sorted(state.items()):
        yield name.encode() + tensor.contiguous().numpy().tobytes()


def make_finished(folder: Path) -> None:
    """A finished run with its inference modes and an export."""
    perform(settings_of(folder))
    evaluate_again(folder)
    export_again(folder)


def evaluate_again(folder: Path) -> None:
    """Measure the inference modes of the run anew."""
    settings = EvaluationSettings(batch_sizes=[4], shuffles=2, precise_images=16, device="cpu")
    evaluate(finished.open_run(run_in(folder)), settings, None)


def export_again(folder: Path) -> None:
    """Export the run anew."""
    export(finished.open_run(run_in(folder)), ExportSettings(format="safetensors", device="cpu"))


def read_finished(folder: Path) -> str:
    """Everything that a finished run is asked for."""
    run = finished.open_run(run_in(folder))
    curves = {name: [curve.step.tolist(), curve.value.tolist()] for name, curve in read_curves(run.folder).items()}
    restored = finished.restore(run, "cpu")
    predictions = run.test.logits.numpy().tobytes() + run.test.labels.numpy().tobytes()
    return _digest(run.config, run.result, curves, predictions, *_tensors(restored.model.state_dict()))


def make_interrupted(folder: Path) -> None:
    """A run that ended in its second epoch, with two generations of its checkpoint, of the steps 8 and 9."""
    config = settings_of(folder)
    place = identity.folder(config)
    place.mkdir(parents=True)
    write_settings(place, config)
    run = Run(build_parts(config, Settings.check(config)), place, identity.group(config))
    for state in run.steps():
        if state.step == 11:
            break


def read_modes(folder: Path) -> str:
    """The inference modes of a finished run."""
    found = read_run(Job((), settings_of(folder))).modes
    if found is None:
        raise ValueError("they are not there")
    return _digest({key: value for key, value in found.items() if key not in ("seconds", SEAL)})


def read_interrupted(folder: Path) -> str:
    """The run carried to its end."""
    perform(settings_of(folder))
    run = finished.open_run(run_in(folder))
    restored = finished.restore(run, "cpu")
    metrics = (run.folder / "metrics.csv").read_bytes()
    predictions = run.test.logits.numpy().tobytes() + run.test.labels.numpy().tobytes()
    return _digest(
        run.result["final"], run.result["steps"], metrics, predictions, *_tensors(restored.model.state_dict())
    )


def _arrays() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    sizes = {"train": 24, "test": 8}
    images = {f"{name}_images": draw.integers(256, size=(n, 8, 8, 3), dtype=np.uint8) for name, n in sizes.items()}
    return images | {f"{name}_labels": draw.integers(3, size=n, dtype=np.uint8) for name, n in sizes.items()}


def read_cache(folder: Path) -> str:
    """A dataset by way of its cache, which is made where it is missing."""
    arrays = _arrays()
    digests = {name: content_digest(array) for name, array in arrays.items()}
    found = load_cached(
        folder,
        "made",
        expected=digests,
        classes={"classes": ["a", "b", "c"]},
        decode=lambda: Decoded(arrays, digests, "made on the spot"),
    )
    described = {key: found.meta[key] for key in ("mean", "std", "classes", "digests")}
    return _digest(described, *(found.arrays[name].tobytes() for name in sorted(arrays)))


class _Source:
    """What a pack is made of, here made up; stops after some chunks."""

    classes: ClassVar[list[str]] = ["a", "b", "c"]
    counts: ClassVar[dict[str, int]] = {"train": 24, "test": 8}
    about: ClassVar[dict[str, Any]] = {"size": 8, "made": "up"}

    def __init__(self, chunks: int) -> None:
        self._left = chunks

    def chunks(self, split: str, start: int) -> Iterator[Chunk]:
        """Four images at a time."""
        arrays = _arrays()
        for first in range(start, self.counts[split], 4):
            if not self._left:
                raise InterruptedError("no more for now")
            self._left -= 1
            images, labels = (arrays[f"{split}_{kind}"][first : first + 4] for kind in ("images", "labels"))
            yield Chunk(images, labels.astype(np.int64), {})


def make_part_of_a_pack(folder: Path) -> None:
    """A pack of which three chunks are there."""
    with suppress(NoPack):
        make_pack(_Source(3), 8, folder / "packs" / "made", lambda split, count: None)


def make_whole_pack(folder: Path) -> None:
    """A pack."""
    make_pack(_Source(100), 8, folder / "packs" / "made", lambda split, count: None)


def read_pack(folder: Path) -> str:
    """A dataset from its pack."""
    found = pack(folder, pack="made", size=None)
    found.require_whole()
    arrays = [getattr(split, kind).tobytes() for split in (found.train, found.test) for kind in ("images", "labels")]
    return _digest(found.mean, found.std, found.classes, found.digests, *arrays)


def read_part_of_a_pack(folder: Path) -> str:
    """A dataset from its pack, once that is made whole."""
    make_whole_pack(folder)
    return read_pack(folder)


def read_listing(folder: Path) -> str:
    """A folder of images by way of its listing and its statistics, which are made where they are missing."""
    if not (folder / "photographs").exists():
        write_photographs(folder / "photographs", 8)
    found = image_folder(folder, folder="photographs", size=8, resize=9, archives=False)
    assert isinstance(found.train, FileSplit)
    return _digest(found.mean, found.std, found.train.paths.tolist(), found.train.labels.tolist(), found.digests)


def make_summaries(folder: Path) -> None:
    """What a check and a study of one run leave."""
    run_checks([CHECK], folder)
    words = [*TINY, f"paths.outputs={folder}", f"paths.data={folder / 'data'}"]
    study = grid([f"study={STUDY}", "scale=smoke", *words[-2:], "device=cpu", "norm=bn", "seed=0"])
    for job in study.plan.jobs:
        perform(job.config)
    conclude(study)


def read_summaries(folder: Path) -> str:
    """What the report reads of them."""
    found = sources.read(folder, folder / "nothing is kept")
    if found.left_out:
        raise ValueError(found.left_out[0])
    if not (found.summaries and found.evidence):
        raise ValueError("the report says that there is nothing")
    return _digest(*found.summaries.values(), *found.evidence.values())


def read_export(folder: Path) -> str:
    """An exported network."""
    network = loading.load(run_in(folder) / "export")
    probe = torch.arange(8 * 8 * 3, dtype=torch.uint8).reshape(1, 8, 8, 3)
    with torch.no_grad():
        return _digest(network(probe).numpy().tobytes(), *_tensors(network.state_dict()))


FINISHED = ("result.json", "config.yaml", "metrics.csv", "predictions.npz", "checkpoint.pt")
LISTING = [f"cache/photographs-files/{name}" for name in ("train.npz", "val.npz", "statistics.json")]
BEGUN = ("checkpoint.pt", "checkpoint.previous.pt", "metrics.csv", "config.yaml")
ARTEFACTS = (
    Artefact("finished run", make_finished, [f"runs/*/{name}" for name in FINISHED], read_finished),
    Artefact("inference modes", make_finished, ["runs/*/modes.json"], read_modes),
    Artefact("export", make_finished, ["runs/*/export/*"], read_export),
    Artefact("interrupted run", make_interrupted, [f"runs/*/{name}" for name in BEGUN], read_interrupted),
    Artefact("dataset's cache", read_cache, ["cache/made/*"], read_cache),
    Artefact("pack", make_whole_pack, ["packs/made/*"], read_pack),
    Artefact("part of a pack", make_part_of_a_pack, ["packs/made.part/done.jsonl"], read_part_of_a_pack),
    Artefact(
        "listing of a folder",
        read_listing,
        LISTING,
        read_listing,
    ),
    Artefact("study and check", make_summaries, ["studies/*/summary.json", "checks/*.json"], read_summaries),
)
