"""The norms of unusual kinds through what looks at runs: probes, evaluation in every mode, export."""

import json
import math

import pytest
import torch
from call_script import assert_refused, call
from live_runs import live_after, measured
from test_export import pixels_and_logits, run_onnx
from test_inference_script import evaluate_py  # noqa: F401

from experiments.export import load
from scripts import export

NORMS = {
    "ghost_bn": ("norm.size=4",),
    "brn": ("norm.warmup=1", "norm.r_full=6", "norm.d_full=6"),
    "frozen_bn": ("norm.freeze_after=4",),
    "shared_bn": (),
    "cumulative_bn": (),
    "switchable": (),
    "ws_gn": ("norm.num_groups=4",),
    "rms": (),
    "frn": (),
    "evonorm_s0": ("norm.num_groups=4",),
    "from_statistics": ("norm=as_written", "norm.formula=from_statistics"),
    "not_divided": ("norm=as_written", "norm.formula=not_divided", "recipe.lr=0.001"),
    "by_sum": ("norm=as_written", "norm.formula=by_sum"),
    "min_max": ("norm=as_written", "norm.formula=min_max"),
}
BOUND = ("norm=as_written", "norm.formula=one_set_of_statistics")
RUNNING = ("ghost_bn", "brn", "frozen_bn", "shared_bn", "cumulative_bn", "switchable", *list(NORMS)[10:])
ONNX = ("switchable", "ws_gn", "rms", "frn", "evonorm_s0")  # which stay a part of the exported network
PROBES = ("decorrelation", "drift", "gradient_depth", "modes", "moments", "running_vs_precise", "weight_norms")
XHAT = ("ghost_bn", "shared_bn", "cumulative_bn", "ws_gn")


def words(name: str) -> tuple[str, ...]:
    return NORMS[name] if NORMS[name][:1] == ("norm=as_written",) else (f"norm={name}", *NORMS[name])


@pytest.mark.parametrize("name", NORMS)
def test_evaluation_and_export(made, evaluate_py, capsys, name):  # noqa: F811
    run = made("epochs=1", *words(name))
    said = evaluate_py(str(run.folder), "batch_sizes=[2,8]", "shuffles=1", "precise_images=20")
    assert said.code == 0, said.err
    content = json.loads((run.folder / "modes.json").read_text())
    assert content["running_statistics"] == (name in RUNNING)
    assert content["checks"]["batch_of_one"]["differing_predictions"] == 0
    with_onnx = name in ONNX
    said = call(capsys, export, run.folder, f"format={'all' if with_onnx else 'safetensors'}")
    assert said.code == 0, said.err
    pixels, _, logits = pixels_and_logits(run.folder)
    with torch.no_grad():
        torch.testing.assert_close(load(run.folder / "export")(pixels), logits, rtol=1e-4, atol=1e-4)
    if with_onnx:
        found = torch.from_numpy(run_onnx(run.folder / "export" / "model.onnx", pixels))
        torch.testing.assert_close(found, logits, rtol=1e-4, atol=1e-4)
    kept = json.loads((run.folder / "export" / "config.json").read_text())["network"]["norms_kept"]
    assert bool(kept) == (name not in RUNNING or name == "switchable")


def test_what_depends_on_the_batch_is_refused(made, evaluate_py, capsys):  # noqa: F811
    run = made("epochs=1", *BOUND)
    said = evaluate_py(str(run.folder))
    assert said.code == 2
    assert "has no inference modes: first.norm normalizes with the batch's statistics" in said.err
    assert_refused(call(capsys, export, run.folder), "cannot be exported", "choose a run with another norm")
    assert not (run.folder / "export").exists()


@pytest.mark.parametrize("name", [*NORMS, "one_set_of_statistics"])
def test_the_probes_of_norms(compose, name):
    """What is measured of x̂ is so where the norm aims at mean 0 and variance 1; the run notices nothing."""
    live = live_after(compose(*(BOUND if name == "one_set_of_statistics" else words(name))), 2)
    before = {key: tensor.clone() for key, tensor in live.state.model.state_dict().items()}
    found = {probe: measured(probe, live).values for probe in PROBES}
    quantities = {key.split("/")[1] for key in found["moments"]}
    assert ("xhat_mean" in quantities) == (name in (*XHAT, "one_set_of_statistics"))
    assert "y_mean" in quantities
    assert len(found["modes"]) > 2 if name in RUNNING else len(found["modes"]) == 2
    assert bool(found["running_vs_precise"]) == (name in RUNNING)
    numbers = [value for values in found.values() for value in values.values()]
    assert sum(math.isfinite(number) for number in numbers) > 0.9 * len(numbers)
    assert all(torch.equal(tensor, before[key]) for key, tensor in live.state.model.state_dict().items())
