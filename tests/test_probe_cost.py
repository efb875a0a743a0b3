"""The probe `cost`: against what is counted by hand, and on clocks that are made up."""

import json

import pytest
import torch
from killed_runs import killed_after_saving
from live_runs import MLP, live_after, measured, probe_of
from torch import nn

from experiments import identity
from experiments.job import perform
from experiments.probes import cost
from experiments.probing import slices
from models.norms.normalization import Normalization

SHORT = ("epochs=null", "steps=2")
TIMES = {"cost/train_ratio", "cost/eval_ratio", "cost/folded_ratio"}


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(slices, "ROUNDS", 2)


def at_the_end(compose, *words):
    return live_after(compose(*SHORT, *words), steps=2)


def test_parameters_and_saved_bytes_of_a_perceptron(compose):
    """Perceptron 48-5-4-3 with bn before the ReLUs, batches of 8, float32; what autograd keeps, counted by hand.

    Either network: the flattened images (8 x 48), the outputs of the two ReLUs (which are the inputs of the next
    layers), log softmax (8 x 3), and the labels and one number of the loss. bn beside them: its two inputs, and the
    mean and the inverse deviation of each channel.
    """
    values = measured("cost", at_the_end(compose, *MLP)).values
    layers = 48 * 5 + 5 * 4 + 4 * 3 + 3
    assert values["cost/parameter_ratio"] == pytest.approx((layers + 2 * (5 + 4)) / (layers + 5 + 4), rel=1e-12)
    live = at_the_end(compose, *MLP, "norm=none")
    x, y = live.surroundings.coming_batch(2)
    plain = cost.saved_bytes(live, live.copied_network(), x, y)
    both = 4 * 8 * (48 + 5 + 4 + 3) + 8 * 8
    assert both <= plain <= both + 8
    expected = (plain + 4 * (8 * (5 + 4) + 2 * (5 + 4))) / plain
    assert values["cost/saved_bytes_ratio"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("norm", "found"), [("bn", TIMES), ("ln", TIMES - {"cost/folded_ratio"})])
def test_folding_where_there_is_something_to_fold(compose, norm, found):
    timings = measured("cost", at_the_end(compose, f"norm={norm}")).timings
    assert timings.keys() == found
    assert all(value > 0 for value in timings.values())


def test_nothing_before_the_end(compose):
    live = live_after(compose(*SHORT), steps=1)
    found = measured("cost", live)
    assert (found.values, found.timings) == ({}, {})
    assert probe_of("cost", live).steps > 2 * slices.ROUNDS


@pytest.mark.parametrize(
    "words",
    [
        ("norm=bn", "model.dropout=0.5", "model.norms=first:1"),
        ("norm=bn", "model=resnet8", "initialization.zero_gamma=true", "model.input_norm=true"),
        ("norm=none", "model=resnet8", "model.branch=fixup"),
    ],
)
def test_the_other_network_is_the_same_without_norms(compose, words):
    live = at_the_end(compose, *words)
    plain = cost.without_norm(live).model
    assert not any(isinstance(module, Normalization) for module in plain.modules())

    def weights(network):
        return [module.weight.shape for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]

    assert weights(plain) == weights(live.state.model)
    assert sum(isinstance(m, nn.Dropout) for m in plain.modules()) == ("model.dropout=0.5" in words)
    # nothing else has parameters (Fixup's single numbers), and every layer has its bias
    count = sum(shape.numel() + shape[0] for shape in weights(plain))
    assert sum(parameter.numel() for parameter in plain.parameters()) == count


def test_the_steps_move_no_weight(compose, monkeypatch):
    """Else a network that explodes would be timed on numbers that are none."""
    live = at_the_end(compose, "recipe.lr=1.0")
    states, make = [], cost._stepping

    def stepping(live, state):
        states.append(state)
        return make(live, state)

    def look(works, base, device):
        for _ in range(2):
            for work in works.values():
                work()
        return {name: 1.0 for name in works if name != base}

    monkeypatch.setattr(cost, "median_ratios", look)
    monkeypatch.setattr(cost, "_stepping", stepping)
    before = dict(live.state.model.named_parameters())
    measured("cost", live)
    own, plain = states
    assert all(torch.equal(parameter, before[name]) for name, parameter in own.model.named_parameters())
    assert own.step == plain.step == live.step + 1
    assert all(parameter.grad is not None for parameter in plain.model.parameters())  # they were steps


class Clock:
    """Seconds that only work makes pass."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def work(self, name, seconds):
        def run():
            self.calls.append(name)
            self.now += next(seconds)

        return run


def constant(value):
    while True:
        yield value


def test_median_of_the_ratios_in_alternating_order(monkeypatch):
    """A machine that halves its speed in the middle changes both: the ratio stays."""
    clock = Clock()
    monkeypatch.setattr(slices.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(slices, "ROUNDS", 3)
    own = clock.work("own", iter([9.0, 9.0, 3.0, 3.0, 7.0]))
    base = clock.work("base", iter([9.0, 9.0, 2.0, 1.0, 2.0]))
    assert slices.median_ratios({"own": own, "base": base}, "base", torch.device("cpu")) == {"own": 3.0}
    assert clock.calls == ["own", "base"] * 2 + ["own", "base", "base", "own", "own", "base"]


def test_short_work_is_repeated_until_a_slice_is_long_enough(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(slices.time, "perf_counter", lambda: clock.now)
    works = {"own": clock.work("own", constant(0.008)), "base": clock.work("base", constant(0.03))}
    found = slices.median_ratios(works, "base", torch.device("cpu"))
    assert found["own"] == pytest.approx(0.008 / 0.03)
    assert clock.calls.count("own") == 2 + 2 * 3
    assert clock.calls.count("base") == 2 + 2 * 1


def test_times_stand_in_the_result_and_not_in_the_metrics(compose, made, monkeypatch):
    words = (*SHORT, "probes=[cost]")
    run = made(*words)
    assert run.result["probe_timings"].keys() == TIMES
    assert {name for _, _, name, _ in run.metrics if name.startswith("cost/")} == {
        "cost/saved_bytes_ratio",
        "cost/parameter_ratio",
    }
    for path in run.folder.iterdir():
        path.unlink()
    killed_after_saving(monkeypatch, compose(*words), 1)  # with the checkpoint of the last step
    resumed = perform(compose(*words))
    assert resumed["probe_timings"].keys() == TIMES
    stored = json.loads((identity.folder(compose(*words)) / "result.json").read_text())
    assert stored["probe_timings"] == resumed["probe_timings"]
