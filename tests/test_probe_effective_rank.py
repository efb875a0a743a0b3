"""The probe `effective_rank` against singular values by NumPy, and matrices whose ranks are known."""

import math

import numpy as np
import pytest
import torch
from evaluated_by_hand import all_test_images, hidden
from live_runs import MLP, live_after, measured
from torch.nn import functional as F

from experiments.probes import effective_rank
from experiments.probes.effective_rank import means_over_positions, ranks

PARTS = "evaluation_batch_size=8"  # of 21 images
LAYERS = ("001.hidden.0", "002.hidden.1")


def by_hand(h: np.ndarray) -> tuple[float, float, float]:
    sigma = np.linalg.svd(h.astype(np.float64), compute_uv=False)
    p = sigma[sigma > 0] / sigma.sum()
    effective = math.exp(-(p * np.log(p)).sum())
    return effective, (h**2).sum() / sigma.max() ** 2, effective / min(h.shape)


def assert_equals(values: dict[str, float], layer: str, expected: tuple[float, float, float]) -> None:
    found = [values[f"effective_rank/{quantity}/{layer}"] for quantity in ("effective", "stable", "share")]
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("norm", ["bn", "ln", "none"])
@pytest.mark.parametrize("steps", [0, 3])
def test_against_numpy(compose, norm, steps):
    live = live_after(compose(*MLP, f"norm={norm}", PARTS), steps)
    values = measured("effective_rank", live).values
    layers = hidden(live, all_test_images(live))
    expected = [by_hand(h) for h in layers]
    for name, ours in zip(LAYERS, expected, strict=True):
        assert_equals(values, name, ours)
    assert values["effective_rank/features"] == pytest.approx(expected[1][0], rel=1e-4)
    assert values["effective_rank/mean_share"] == pytest.approx((expected[0][2] + expected[1][2]) / 2, rel=1e-4)
    assert len(values) == 8


def test_so_many_images_and_no_more(compose, monkeypatch):
    monkeypatch.setattr(effective_rank, "IMAGES", 4)
    live = live_after(compose(*MLP, "norm=none", "evaluation_batch_size=3"))
    chosen = live.surroundings.fixed_indices("test", 4).numpy()
    h = hidden(live, all_test_images(live)[chosen])[0]
    probe = effective_rank.make(live.state.model, live.surroundings)
    assert probe.steps == pytest.approx(4 / 24)
    values = probe.measure(live).values
    assert_equals(values, LAYERS[0], by_hand(h))  # 4 images, 5 units: the share is of 4


def test_maps_are_averaged_over_their_positions(compose):
    live = live_after(compose("norm=none", PARTS))
    layer = live.state.model.first.layer
    images, _ = live.surroundings.splits["test"].batch(torch.arange(21), None)
    h = F.relu(F.conv2d(images.double(), layer.weight.double(), layer.bias.double(), padding=1)).detach().numpy()
    values = measured("effective_rank", live).values
    assert_equals(values, "001.first", by_hand(h.mean((2, 3))))
    assert values["effective_rank/features"] == pytest.approx(values["effective_rank/effective/003.hidden"], rel=1e-6)


@pytest.mark.parametrize(
    "words",
    [
        ("model=vgg11", "model.width=0.25", "dataset.image_size=32"),  # a pool stands between
        ("model=resnet18", "model.stem=small", "model.width=1.0"),
    ],
)
def test_features_are_what_the_classifier_sees(compose, words):
    live = live_after(compose(*words, PARTS, "norm=none"))
    seen = []
    network = live.copied_network().eval()
    network.classifier.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach().numpy()))
    network(live.surroundings.splits["test"].batch(torch.arange(21), None)[0])
    values = measured("effective_rank", live).values
    assert values["effective_rank/features"] == pytest.approx(by_hand(seen[0])[0], rel=1e-4)


def test_outputs_are_taken_before_they_change_in_place(compose):
    """torchvision's ReLU follows the stem and writes into its output."""
    live = live_after(compose("model=resnet18", "model.stem=small", "model.width=1.0", "norm=none"))
    stem = live.copied_network().eval().features.conv1
    x, _ = live.surroundings.splits["test"].batch(torch.arange(21), None)
    h = stem(x).detach().numpy().mean((2, 3))
    assert h.min() < 0
    assert_equals(measured("effective_rank", live).values, "001.features.conv1", by_hand(h))


def test_what_is_kept_is_a_copy():
    for h in (torch.ones(2, 3), torch.ones(2, 3, 4, 5), torch.ones(2, 3, 1, 1)):
        kept = means_over_positions(h)
        h.zero_()
        assert torch.equal(kept, torch.ones(2, 3))


@pytest.mark.parametrize(
    ("h", "expected"),
    [
        (np.eye(7, 4), (4, 4, 1)),
        (np.outer(np.arange(5.0), np.arange(3.0)), (1, 1, 1 / 3)),
        (np.diag([3.0, 1.0]), (math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25)), 10 / 9, 0.877)),
        (1e200 * np.diag([3.0, 1.0]), (math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25)), 10 / 9, 0.877)),
        (np.ones((4, 6)), (1, 1, 0.25)),  # not centred, where nothing would be left
        (np.zeros((4, 6)), (0, 0, 0)),
        (np.diag([1.0, np.nan]), (math.nan, math.nan, math.nan)),
        (np.diag([1.0, np.inf]), (math.nan, math.nan, math.nan)),
    ],
)
def test_known_ranks(h, expected):
    assert ranks(torch.from_numpy(h)) == pytest.approx(expected, rel=1e-3, nan_ok=True)


def test_a_dead_and_a_broken_network(compose):
    live = live_after(compose("norm=none"))
    for parameter in live.state.model.parameters():
        parameter.data.zero_()
    assert set(measured("effective_rank", live).values.values()) == {0.0}
    live.state.model.first.layer.bias.data.fill_(torch.nan)
    assert all(math.isnan(value) for value in measured("effective_rank", live).values.values())
