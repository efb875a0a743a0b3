"""The probe `calibration` against NumPy and a search over temperatures, and what it asks for."""

import numpy as np
import pytest
import torch
from conftest import words_of
from live_runs import live_after, measured
from scipy.special import log_softmax

VALIDATION = "dataset.validation=0.3"
NAMES = {f"calibration/{name}" for name in ("ece", "nll", "ece_scaled", "nll_scaled", "temperature")}


def outputs_of(live, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits in evaluation mode and labels, float64."""
    images = live.surroundings.splits[split]
    x, y = images.batch(torch.arange(len(images)), None)
    with torch.no_grad():
        return live.copied_network().eval()(x).double().numpy(), y.numpy()


def nll(logits: np.ndarray, labels: np.ndarray) -> float:
    return -log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean()


def ece(logits: np.ndarray, labels: np.ndarray) -> float:
    p = np.exp(log_softmax(logits, axis=1))
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    total = 0.0
    for m in range(15):
        inside = (confidence > m / 15) & (confidence <= (m + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


@pytest.mark.parametrize("norm", ["bn", "none"])
def test_numbers_are_those_of_numpy(compose, norm):
    live = live_after(compose(VALIDATION, f"norm={norm}", "recipe.lr=0.1"), steps=9)
    values = measured("calibration", live).values
    test, held_out = outputs_of(live, "test"), outputs_of(live, "validation")
    assert values.keys() == NAMES
    assert values["calibration/nll"] == pytest.approx(nll(*test), rel=1e-5)
    assert values["calibration/ece"] == pytest.approx(ece(*test), abs=1e-5)
    grid = np.exp(np.linspace(np.log(0.02), np.log(50), 4001))
    best = grid[np.argmin([nll(held_out[0] / t, held_out[1]) for t in grid])]
    assert values["calibration/temperature"] == pytest.approx(best, rel=0.003)
    assert abs(np.log(best)) > 0.05  # the two scalings differ
    scaled = test[0] / values["calibration/temperature"], test[1]
    assert values["calibration/nll_scaled"] == pytest.approx(nll(*scaled), rel=1e-5)
    assert values["calibration/ece_scaled"] == pytest.approx(ece(*scaled), abs=1e-5)


def test_the_last_point_is_that_of_the_result(made):
    run = made(VALIDATION, "probes=[calibration]", "probe_every=4")
    found = {(step, name): value for step, _, name, value in run.metrics if name.startswith(("calibration/", "loss/"))}
    assert {step for step, name in found if name == "calibration/nll"} == {0, 4, 8, 10}
    assert found[5, "loss/test"] != found[10, "loss/test"]
    assert found[10, "calibration/nll"] == pytest.approx(run.result["final"]["test_loss"], rel=1e-6)


def test_logits_that_are_no_numbers_have_no_calibration(compose):
    live = live_after(compose(VALIDATION))
    with torch.no_grad():
        next(live.state.model.parameters()).fill_(torch.inf)
    values = measured("calibration", live).values
    assert values.keys() == NAMES
    assert all(np.isnan(value) for value in values.values())


def test_without_held_out_images_it_is_refused_before_anything_is_written(train_py, outputs):
    said = train_py(*words_of(outputs, "probes=[calibration]"))
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "probes=[calibration]" in said.err
    assert "dataset.validation=0.1" in said.err
    assert not (outputs / "runs").exists()
