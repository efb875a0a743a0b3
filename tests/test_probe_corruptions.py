"""The probe `corruptions` against networks and statistics written out here."""

import numpy as np
import pytest
import torch
from live_runs import live_after, measured, probe_of

from data.corruptions import CORRUPTIONS, corrupted
from experiments.probes import corruptions

# colour classes that a network learns in a few steps; more test images than are looked at
WORDS = ("dataset.kind=classes", "dataset.num_test=60", "dataset.num_train=256", "recipe=documents", "recipe.lr=0.1")


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(corruptions, "IMAGES", 48)
    monkeypatch.setattr(corruptions, "SEVERITIES", (2, 5))


def shown(live, pixels: np.ndarray) -> torch.Tensor:
    """Images as the network sees them."""
    test = live.surroundings.splits["test"]
    x = (torch.from_numpy(pixels).float() - test.scaling.offset) * test.scaling.factor
    return x.permute(0, 3, 1, 2)


def error_of(network, x: torch.Tensor, labels: torch.Tensor) -> float:
    with torch.no_grad():
        return (network(x).argmax(1) != labels).double().mean().item()


def by_hand(live) -> dict[str, float]:
    """One batch of 48 in training mode has the statistics of all images in every layer."""
    test = live.surroundings.splits["test"]
    chosen = live.surroundings.fixed_indices("test", 48)
    pixels, labels = test.images[chosen].numpy(), test.labels[chosen]
    network = live.copied_network()
    values = {"corruptions/clean_error": error_of(network.eval(), shown(live, pixels), labels)}
    for name in CORRUPTIONS:
        images = [shown(live, corrupted(name, pixels, severity)) for severity in (2, 5)]
        values[f"corruptions/error/{name}"] = np.mean([error_of(network.eval(), x, labels) for x in images])
        again = np.mean([error_of(network.train(), x, labels) for x in images])  # the buffers do not matter any more
        network = live.copied_network()
        values[f"corruptions/reestimated_error/{name}"] = again
    for key in ("error", "reestimated_error"):
        values[f"corruptions/{key}"] = np.mean([values[f"corruptions/{key}/{name}"] for name in CORRUPTIONS])
    values["corruptions/rise"] = values["corruptions/error"] - values["corruptions/clean_error"]
    values["corruptions/recovered"] = values["corruptions/error"] - values["corruptions/reestimated_error"]
    return values


@pytest.mark.parametrize("norm", ["bn", "ln"])
def test_errors_are_those_of_one_batch(compose, norm):
    live = live_after(compose(*WORDS, "batch_size=48", f"norm={norm}"), steps=8)
    values = measured("corruptions", live).values
    assert values == pytest.approx(by_hand(live), abs=1e-9)
    assert values["corruptions/rise"] > 0.02
    assert (values["corruptions/recovered"] == 0) == (norm == "ln")


def test_re_estimated_statistics_undo_what_brightness_did(compose):
    """All images get the same offset, but for what is clipped, and a norm over the batch takes it away."""
    live = live_after(compose(*WORDS, "batch_size=16"), steps=16)
    values = measured("corruptions", live).values
    name = "brightness"
    assert values[f"corruptions/error/{name}"] > values[f"corruptions/reestimated_error/{name}"] + 0.1


def test_a_single_test_image_has_no_statistics_of_its_own(compose):
    live = live_after(compose("dataset.num_test=1"))
    values = measured("corruptions", live).values
    assert values["corruptions/recovered"] == 0


def test_the_estimated_cost_counts_the_passes(compose):
    live = live_after(compose(*WORDS, "batch_size=10"))
    assert probe_of("corruptions", live).steps == pytest.approx((1 + 3 * 12) * 48 / 30)
    live = live_after(compose(*WORDS, "batch_size=10", "norm=ln"))
    assert probe_of("corruptions", live).steps == pytest.approx((1 + 12) * 48 / 30)
