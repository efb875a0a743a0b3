"""The export of a finished run: written, read back, checked against the original, and only then put in place."""

import copy
import hashlib
import json
import logging
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from data.sealed import seal
from data.split_images import SplitImages
from experiments import atomic, build, folders, weights
from experiments.device import describe as name_of
from experiments.environment import environment
from experiments.errors import UserError
from experiments.export import onnx_file, preprocessing
from experiments.export.checks import Check, check_network, check_rounding, compare, predict
from experiments.export.loading import DESCRIPTION, FORMAT, VERSION, WEIGHTS, load
from experiments.finished import FinishedRun, restore
from experiments.identity import EXECUTION
from experiments.inference.batch_bound import refuse_batch_bound
from experiments.script import ScriptPaths
from experiments.settings import Positive, Strict
from models.fold import Folded, folded

log = logging.getLogger("normlab")

ONNX = "model.onnx"
FILES = (WEIGHTS, DESCRIPTION, ONNX)


class ExportSettings(Strict):
    """The settings of `scripts/export.py`."""

    format: Literal["all", "safetensors", "onnx"] = "all"
    fold: bool = True
    preprocessing: bool = True
    images: Positive = 1000  # test images that the checks look at, at most
    device: str = "cpu"  # of the original; the exported networks are checked on the CPU
    out: str | None = None  # instead of `export` in the run's folder
    paths: ScriptPaths = ScriptPaths()


def export(run: FinishedRun, settings: ExportSettings) -> Path:
    """Write the files and return their folder; what was there from an earlier export is replaced as a whole.

    Raises:
        UserError: when something is missing, or a check fails; an earlier export then stays as it was.
    """
    if settings.format != "safetensors":
        onnx_file.require_packages()
    folder = run.folder / "export" if settings.out is None else Path(settings.out).absolute()
    folders.check_replaceable(folder, FILES)
    restored = restore(run, settings.device, settings.paths.data)
    refuse_batch_bound(restored.model, f"{run.name} cannot be exported")
    images = restored.splits["test"]
    count = min(settings.images, len(images))
    original = restored.model.eval()
    x = images.batch(torch.arange(count), None)[0]
    logits = predict(original, x).cpu()
    original, x = original.cpu(), x.cpu()
    plain = folded(original) if settings.fold else _unfolded(original)
    chosen = build.preprocessing(run.config, restored.dataset)
    described = preprocessing.describe(images, chosen, settings.preprocessing)
    inputs = preprocessing.inputs(images, count, settings.preprocessing)
    description = _description(run, plain, described, images, restored.dataset.classes, settings)

    found = [compare("original against predictions.npz", run.test.logits[:count], logits, limit=None)]
    found += check_rounding(original, x, logits, settings.fold)
    with folders.replaced(folder) as fresh:
        written = []
        if settings.format != "onnx":
            weights.write(fresh / WEIGHTS, plain.model, {"format": FORMAT, "version": VERSION})
            _write_description(fresh, description)
            found += check_network(WEIGHTS, load(fresh), inputs, logits)
            written.append(WEIGHTS)
        if settings.format != "safetensors":
            # contiguous weights, so that the file does not depend on how a device likes them
            whole = preprocessing.attached(_contiguous(plain.model), described).eval()
            about = {"format": f"{FORMAT} {VERSION}", "run": run.name, "classes": description["classes"]}
            example = inputs[:2] if len(inputs) > 1 else inputs.repeat(2, *[1] * (inputs.dim() - 1))
            opset = onnx_file.write(fresh / ONNX, whole, example, optimize=settings.fold, about=about)
            description["onnx"] = {"opset": opset, "batch": "any size"}
            found += check_network(ONNX, onnx_file.open_session(fresh / ONNX), inputs, logits)
            written.append(ONNX)
        _refuse_failed(found, folder, settings.fold)
        description["files"] = {name: _digest(fresh / name) for name in written}
        description["checks"] = {
            "device_of_original": name_of(restored.device),
            "results": [check.as_dict() for check in found],
        }
        _write_description(fresh, description)
    _report(folder, plain, found, settings)
    return folder


def _unfolded(model: nn.Module) -> Folded:
    return Folded(copy.deepcopy(model), (), (), ())


def _contiguous(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def _write_description(folder: Path, description: dict[str, Any]) -> None:
    atomic.write_text(folder / DESCRIPTION, json.dumps(seal(description), indent=2, ensure_ascii=False) + "\n")


def _description(
    run: FinishedRun,
    plain: Folded,
    described: dict[str, Any],
    images: SplitImages,
    classes: tuple[str, ...],
    settings: ExportSettings,
) -> dict[str, Any]:
    """What `config.json` says, but for the files and the checks."""
    channels, height, width = images.image_shape
    pixels = {"dtype": "uint8", "shape": ["batch", height, width, channels], "axes": "N, H, W, C", "range": [0, 255]}
    floats = {"dtype": "float32", "shape": ["batch", channels, height, width], "axes": "N, C, H, W"}
    return {
        "format": FORMAT,
        "version": VERSION,
        "input": {"name": onnx_file.INPUT, **(pixels if settings.preprocessing else floats)},
        "output": {"name": onnx_file.OUTPUT, "dtype": "float32", "shape": ["batch", len(classes)]},
        "preprocessing": described,
        "classes": list(classes),
        "network": {
            "norm": run.config["norm"],
            "model": run.config["model"],
            "image_shape": [channels, height, width],
            "num_classes": len(classes),
            "folded": settings.fold,
            "norms_in_weights": list(plain.into_weights),
            "norms_as_affine_maps": list(plain.into_affine),
            "norms_kept": list(plain.kept),
        },
        "source": {
            "run": run.name,
            "settings": {key: value for key, value in run.config.items() if key not in EXECUTION},
            "final": run.result["final"],
            "steps": run.result["steps"],
            "dataset": run.result["dataset"],
        },
        "versions": environment(torch.device("cpu"))["packages"],
    }


def _digest(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _refuse_failed(found: list[Check], folder: Path, fold: bool) -> None:
    remedy = "try fold=false" if fold else "try device=cpu, and report it with the run's config.yaml"
    for check in found:
        if not check.passed:
            raise UserError(
                f"{check.name}: logits differ by {check.difference:.2g}, more than {check.limit:.2g} on {check.images} "
                f"images ({check.agreement:.2%} equal predictions): {folder} was not written; {remedy}"
            )


def _report(folder: Path, plain: Folded, found: list[Check], settings: ExportSettings) -> None:
    if settings.fold:
        log.info(
            "%d norms folded into weights, %d into affine maps of their own, %d kept (no running statistics)",
            len(plain.into_weights), len(plain.into_affine), len(plain.kept),
        )  # fmt: skip
    width = max(len(check.name) for check in found)
    log.info("%-*s  images  max |Δlogit|  relative    limit  equal predictions", width, "check")
    for check in found:
        limit = "–" if check.limit is None else f"{check.limit:.1e}"
        log.info(
            "%-*s  %6d  %12.1e  %8.1e  %7s  %16.2f%%",
            width, check.name, check.images, check.difference, check.relative, limit, 100 * check.agreement,
        )  # fmt: skip
    log.info("written: %s", ", ".join(str(path) for path in sorted(folder.iterdir())))
