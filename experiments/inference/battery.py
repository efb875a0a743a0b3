"""All inference modes of one finished run, measured: the content of `modes.json`."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from experiments.device import describe
from experiments.errors import UserError
from experiments.evaluate import Evaluation
from experiments.finished import FinishedRun, Restored
from experiments.inference.batch_bound import refuse_batch_bound
from experiments.inference.coincide import TOLERANCE, check_batch_of_one, check_modes_coincide, root_mean_square
from experiments.inference.distance import distances
from experiments.inference.gaps import gaps
from experiments.inference.modes import CODES, Kind, Mode, modes_of, predict_fixed, predict_mode, undefined
from experiments.inference.precise import (
    IMAGES,
    precise_batches,
    precise_order,
    precise_statistics,
    running_layers,
    using_statistics,
)
from experiments.inference.scoring import scores, summaries
from experiments.inference.whole import Input, layer_inputs, predict_whole

SCHEMA = 1


@dataclass(frozen=True)
class Request:
    """What is to be measured."""

    kinds: tuple[Kind, ...]
    sizes: tuple[int, ...]  # B of M3 and M4, ascending
    shuffles: int  # of M3; M4 takes one order, whose effect is far larger than its noise
    precise_images: int


def measure(run: FinishedRun, live: Restored, request: Request, told: Callable[[int], object]) -> dict[str, Any]:
    """The modes of a run. The network is left as it was.

    Args:
        told: called with the number of images done, now and then.

    Raises:
        UserError: when the images are not those that the run was tested on, or the network's predictions depend on the
            batch in evaluation too.
    """
    began = time.monotonic()
    refuse_batch_bound(live.model, f"{run.name} has no inference modes")
    test, precision = live.splits["test"], live.settings.precision
    if not torch.equal(test.labels.cpu(), run.test.labels):
        raise UserError(f"the test images are not those of {run.folder}: their labels differ; check paths.data")
    reference = predict_fixed(live.model, test, precision, told, live.settings.evaluation_batch_size)
    content = _head(run, live, request)
    checks = {
        "stored": _against_stored(run, reference, precision),
        "batch_of_one": check_batch_of_one(live.model, test, reference, precision),
    }
    inputs = layer_inputs(live.model, test)
    if inputs:
        content |= _with_running_statistics(live, request, reference, inputs, told)
    else:
        sizes = request.sizes or (live.settings.batch_size,)
        checks["coincide"] = check_modes_coincide(live.model, test, sizes, precision, told)
        content |= _without(live, request, reference, told)
    return content | {"checks": checks, "seconds": time.monotonic() - began}


def passes(live: Restored, request: Request) -> int:
    """About how many images the forward pass will be shown, for a progress bar."""
    test, train = len(live.splits["test"]), min(IMAGES, len(live.splits["train"]))
    if not running_layers(live.model):
        return test + train + 2 * min(test, 1000) * len(request.sizes)
    count = test
    for mode in modes_of(request.kinds, request.sizes, test)[1:]:
        count += test * (_shuffles(mode, request) if (mode.size or 0) <= test else 0)
    return count + (2 * train if "batch" in request.kinds else 0)


def _against_stored(run: FinishedRun, reference: Evaluation, precision: str) -> dict[str, Any]:
    """M1 against predictions.npz. More than rounding is possible: the run may have been made on another device."""
    largest = (reference.logits - run.test.logits).abs().max().item()
    scale = root_mean_square(run.test.logits)
    rounding = largest <= TOLERANCE[precision] * scale
    return {"largest_difference": largest, "scale": scale, "equal_bits": largest == 0, "rounding": rounding}


def _head(run: FinishedRun, live: Restored, request: Request) -> dict[str, Any]:
    splits = live.splits
    return {
        "schema": SCHEMA,
        "run": run.name,
        "settings": {
            "modes": list(request.kinds),
            "batch_sizes": list(request.sizes),
            "shuffles": request.shuffles,
            "precise_images": request.precise_images,
        },
        "images": {"test": len(splits["test"]), "precise": min(request.precise_images, len(splits["train"]))},
        "augmentation_of_precise": asdict(live.augmentation),
        "batch_size": live.settings.batch_size,
        "precision": live.settings.precision,
        "device": describe(live.device),
        "torch": torch.__version__,
        "running_statistics": bool(running_layers(live.model)),
    }


def _with_running_statistics(
    live: Restored, request: Request, reference: Evaluation, inputs: dict[str, Input], told: Callable[[int], object]
) -> dict[str, Any]:
    model, test, precision = live.model, live.splits["test"], live.settings.precision
    batches = precise_batches(live.splits["train"], request.precise_images, live.settings.batch_size, live.augmentation)
    precise = precise_statistics(model, batches, precision)
    rows = []
    alone: list[Evaluation] = []  # on the statistics of one image, which no order changes: M4(1) is M3(1)
    for mode in modes_of(request.kinds, request.sizes, len(test)):
        reason = undefined(mode, inputs, len(test))
        found: list[Evaluation] = []
        if reason is None and mode.kind == "running":
            found = [reference]
        elif reason is None and mode.kind == "precise":
            with using_statistics(model, precise):
                found = [predict_fixed(model, test, precision, told)]
        elif reason is None and mode.kind == "whole":
            try:
                found = [predict_whole(model, test, precision, told)]
            except ValueError as error:  # too large for one batch, and not to be split
                reason = str(error)
        elif reason is None and mode.size == 1 and alone:
            found = alone
        elif reason is None:
            found = [predict_mode(model, test, mode, n, precision, told) for n in range(_shuffles(mode, request))]
        alone = found if mode.size == 1 else alone
        rows.append(_row(mode, reason, reference, found))
    layers = distances(model, precise)
    return {"modes": rows, "gaps": _gaps(live, request, reference, rows, told), "layers": layers}


def _shuffles(mode: Mode, request: Request) -> int:
    """How often a mode is measured: an image alone is the same in any order."""
    return request.shuffles if mode.kind == "batch" and mode.size != 1 else 1


def _row(
    mode: Mode, reason: str | None, reference: Evaluation, found: list[Evaluation], same_as: str | None = None
) -> dict[str, Any]:
    return {
        "mode": mode.kind,
        "code": mode.code,
        "batch_size": mode.size,
        "n": len(found),
        "same_as": same_as,
        "undefined": reason,
        "scores": summaries([scores(reference, one) for one in found]) if found else None,
    }


def _gaps(
    live: Restored, request: Request, reference: Evaluation, rows: list[dict[str, Any]], told: Callable[[int], object]
) -> dict[str, Any] | None:
    """The gaps, or None where M3 at the batch size of training was not asked for or has no meaning."""
    size, sample = live.settings.batch_size, min(IMAGES, len(live.splits["train"]))
    at_training = [row for row in rows if row["mode"] == "batch" and row["batch_size"] == size and row["n"]]
    if not at_training or size > sample:
        return None
    largest = max(one for one in request.sizes if one <= sample)
    errors = (1 - reference.accuracy, 1 - at_training[0]["scores"]["accuracy"]["mean"])
    return gaps(live.model, live.splits["train"], errors, size, largest, live.settings.precision, told)


def _without(live: Restored, request: Request, reference: Evaluation, told: Callable[[int], object]) -> dict[str, Any]:
    """The same numbers for every mode, once `check_modes_coincide` has shown that they are."""
    train, precision = live.splits["train"], live.settings.precision
    rows = [
        _row(mode, None, reference, [reference], None if mode.kind == "running" else CODES["running"])
        for mode in modes_of(request.kinds, request.sizes, len(reference.labels))
    ]
    sample = precise_order(train.labels, IMAGES).sort().values
    train_error = 1 - predict_fixed(live.model, train, precision, told, order=sample).accuracy
    found = {
        "inconsistency": 0.0,
        "generalization": (1 - reference.accuracy) - train_error,
        "training_noise": 0.0,
        "train_errors": {str(live.settings.batch_size): train_error},
        "train_images": len(sample),
        "batch_size": live.settings.batch_size,
        "largest_batch_size": None,
    }
    return {"modes": rows, "gaps": found, "layers": {}}
