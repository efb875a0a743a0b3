"""The norms of unusual kinds through what looks at runs: all probes, evaluation in every mode, export."""

import json
import math

import pytest
import torch
from call_script import assert_refused, call
from test_export import pixels_and_logits, run_onnx
from test_inference_script import evaluate_py  # noqa: F401

from experiments import probes
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
    said = call(capsys, export, run.folder)
    assert said.code == 0, said.err
    pixels, _, logits = pixels_and_logits(run.folder)
    with torch.no_grad():
        torch.testing.assert_close(load(run.folder / "export")(pixels), logits, rtol=1e-4, atol=1e-4)
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
def test_every_probe(made, name):
    """Twice in a run each; what is measured of x̂ is so where the norm aims at mean 0 and variance 1."""
    given = BOUND if name == "one_set_of_statistics" else words(name)
    chosen = ",".join(probe for probe in probes.names() if probe not in ("lr_range", "throughput"))
    run = made("epochs=null", "steps=4", f"probes=[{chosen}]", *given)
    assert run.result["status"] == "finished"
    measured = {metric for _, _, metric, _ in run.metrics}
    assert any(metric.startswith("moments/y_mean/") for metric in measured)
    assert any(metric.startswith("moments/xhat_mean/") for metric in measured) == (name in (*XHAT, BOUND[1][13:]))
    assert all(math.isfinite(value) for _, _, metric, value in run.metrics if metric.startswith("moments/y_"))
