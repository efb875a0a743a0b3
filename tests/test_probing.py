"""When probes are due, what they cost, what they are given to look at."""

import dataclasses
import logging

import pytest
import torch
from live_runs import everything, live_after
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiments.loop import Length, train
from experiments.probing.cadence import Cadence
from experiments.probing.live import Measured, Probe
from experiments.probing.watch import Watch
from experiments.step import Step

pytestmark = pytest.mark.usefixtures("blank_figures")  # of which none is looked at here


class Blind(Probe):
    """Sees nothing."""

    def __init__(self, steps: float) -> None:
        self.steps = steps

    def measure(self, live):
        return Measured()


@pytest.mark.parametrize(
    ("costs", "epochs"),
    [((), 1), ((1.0,), 1), ((5.3,), 1), ((5.4,), 2), ((6.0, 3.3), 2), ((6.0, 3.4), 3), ((25.0,), 7), ((30.0,), 13)],
)
def test_by_default_a_tenth_of_training_at_most(costs, epochs):
    """Twelve epochs and a half of 100 steps: 75 steps' worth are planned, the first and the last look included."""
    length = Length(1000, 100, 1250)
    cadence = Cadence.of([Blind(cost) for cost in costs], None, length)
    assert cadence == Cadence(None, epochs)
    due = [step for step in range(1251) if cadence.due(step, length)]
    assert due == [0, *range(100 * epochs, 1250, 100 * epochs), 1250]
    assert sum(costs) * len(due) <= 75
    more = [step for step in range(1251) if Cadence(None, epochs - 1).due(step, length)] if epochs > 1 else []
    assert not more or sum(costs) * len(more) > 75


def test_at_the_start_and_at_the_end_whatever_it_costs():
    length = Length(1000, 100, 250)
    cadence = Cadence.of([Blind(1e6)], None, length)
    assert [step for step in range(251) if cadence.due(step, length)] == [0, 250]


def test_every_so_many_steps():
    length = Length(1000, 100, 130)
    cadence = Cadence.of([Blind(1e6)], 40, length)
    assert [step for step in range(131) if cadence.due(step, length)] == [0, 40, 80, 120, 130]
    assert (str(cadence), str(Cadence(None, 1)), str(Cadence(None, 3))) == (
        "every 40 steps", "after every epoch", "after every 3 epochs",
    )  # fmt: skip


def test_the_coming_step_is_the_one_that_training_takes(compose):
    """Weights, buffers, optimizer: what a copy of the state becomes is what the state becomes."""
    words = ("dataset.augmentation.crop_padding=2", "norm=bn", "recipe.optimizer=adamw", "recipe.clip_norm=0.5")
    live = live_after(compose(*words), steps=9)  # in the second epoch
    around, state = live.surroundings, live.state
    before = everything(live)
    copied = live.copied_state()
    copied.model.train()
    around.take_coming_step(copied)
    network = live.network_after_step()
    assert all(torch.equal(value, before[key]) for key, value in everything(live).items())
    x, y = around.coming_batch(9)
    seen = {}
    state.model.register_forward_pre_hook(lambda module, inputs: seen.update(x=inputs[0].clone()))
    next(
        train(
            state,
            Step(state, around.splits["train"], around.settings),
            around.augmentation,
            around.settings,
            around.length,
        )
    )
    assert torch.equal(seen["x"], x)
    assert len(y) == len(x) == around.settings.batch_size
    for other in (copied.model, network):
        for name, tensor in state.model.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name
    assert copied.step == state.step == 10
    for one, two in zip(state.optimizer.state.values(), copied.optimizer.state.values(), strict=True):
        assert all(torch.equal(torch.as_tensor(one[key]), torch.as_tensor(two[key])) for key in one)
    rates = {group["lr"] for group in (*state.optimizer.param_groups, *copied.optimizer.param_groups)}
    assert rates == {around.coming_rate(9)}


def test_after_the_last_step_a_batch_and_a_rate_are_there(compose):
    live = live_after(compose("epochs=null", "steps=5"), steps=5)
    assert live.surroundings.coming_rate(5) == live.surroundings.coming_rate(4) > 0
    assert len(live.surroundings.coming_batch(5)[1]) == 8


def test_copies_are_in_training_mode_whatever_the_network_is_in(compose):
    """After an epoch's evaluation, or when somebody else left it so: probes see what training sees."""
    live = live_after(compose("norm=bn"), steps=3)
    live.state.model.eval()
    assert all(module.training for module in live.copied_network().modules())
    after = live.network_after_step()
    assert all(module.training for module in after.modules())
    assert not torch.equal(after.first.norm.running_mean, live.state.model.first.norm.running_mean)
    assert not any(module.training for module in live.state.model.modules())


def test_gradients_are_those_of_backward(compose):
    live = live_after(compose())
    x, y = live.surroundings.coming_batch(0)
    network = live.copied_network()
    parameters = list(network.parameters())
    unused = torch.zeros(3, requires_grad=True)
    *found, nothing = live.gradients(live.loss(network, x, y), [*parameters, unused])
    other = live.copied_network()
    live.loss(other, x, y).backward()
    assert all(torch.equal(gradient, p.grad) for gradient, p in zip(found, other.parameters(), strict=True))
    assert torch.equal(nothing, torch.zeros(3))


def test_float16_gradients_are_scaled_back(compose):
    live = live_after(compose())
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=True)
    scaled = dataclasses.replace(live, state=dataclasses.replace(live.state, scaler=scaler))
    x, y = live.surroundings.coming_batch(0)
    network = live.copied_network()
    plain = live.gradients(live.loss(network, x, y), list(network.parameters()))
    found = scaled.gradients(live.loss(network, x, y), list(network.parameters()))
    for one, other in zip(plain, found, strict=True):
        torch.testing.assert_close(one, other)


def test_fixed_images_are_balanced_and_always_the_same(compose):
    around = live_after(compose("dataset.augmentation.crop_padding=2")).surroundings
    x, y = around.fixed_images("train", 12)
    assert torch.bincount(y).tolist() == [4, 4, 4]
    again, _ = around.fixed_images("train", 12)
    more, _ = around.fixed_images("train", 24)
    assert torch.equal(x, again)
    assert torch.equal(x, more[:12])
    assert len(around.fixed_images("test", 1000)[1]) == 21


def test_steps_worth(compose):
    around = live_after(compose()).surroundings  # batches of 8
    assert around.steps_worth(forward=8, backward=8) == pytest.approx(1)
    assert around.steps_worth(forward=24) == pytest.approx(1)


class Recorded:
    """A record that keeps what it is given."""

    def __init__(self):
        self.values, self.histograms, self.timings = {}, {}, {}

    def write(self, step, epoch, values):
        self.values |= values

    def write_histograms(self, step, values):
        self.histograms |= values

    def write_timing(self, step, values):
        self.timings |= values


class Sleepless(Probe):
    """Remembers how often it was asked, and draws."""

    def __init__(self):
        self.calls = 0

    def measure(self, live):
        self.calls += 1
        return Measured({"x/calls": self.calls, "x/draw": torch.rand(()).item()}, {"x/h": torch.ones(2)}, {"x/t": 1.0})

    def memory(self):
        return {"calls": self.calls}

    def remember(self, memory):
        self.calls = memory["calls"]


def watch_of(live, probe) -> Watch:
    watch = Watch(live.state.model, live.surroundings)
    watch._probes, watch.seconds = {"x": probe}, {"x": 0.0}
    return watch


def test_what_a_probe_brings_is_recorded_and_what_it_knows_kept(compose):
    live, record = live_after(compose()), Recorded()
    watch, generator = watch_of(live, Sleepless()), torch.get_rng_state()
    watch.look(live, record)
    first = record.values["x/draw"]
    watch.look(live, record)
    assert torch.equal(torch.get_rng_state(), generator)
    assert record.values == {"x/calls": 2, "x/draw": first}  # draws depend on (seed, step) alone
    assert record.histograms.keys() == {"x/h"}
    assert record.timings.keys() == {"x/t", "time/probes/x"}
    resumed = watch_of(live, Sleepless())
    resumed.resume(watch.state())
    assert resumed.seconds == watch.seconds
    live.state.step = 1
    resumed.look(live, record)
    assert record.values["x/calls"] == 3
    assert record.values["x/draw"] != first
    untouched = watch_of(live, Sleepless())
    untouched.resume(None)
    assert untouched.seconds == {"x": 0.0}


@pytest.mark.parametrize(
    ("seconds", "advice"), [(1.0, None), (30.0, "probe_every=24"), (90.0, "at the start and at the end alone")]
)
def test_the_cost_is_reported_and_what_to_do_about_it(compose, caplog, seconds, advice):
    """Epochs of 8 steps, a look after each: 30 s on 100 s is three times what a tenth allows."""
    live = live_after(compose("epochs=8"))
    watch = watch_of(live, Sleepless())
    watch.seconds = {"x": seconds}
    with caplog.at_level(logging.INFO, "normlab"):
        watch.report(100.0)
    assert f"probes took {seconds:.1f} s, {seconds:.1f} % of the 100.0 s of training: x {seconds:.1f} s" in caplog.text
    assert len(caplog.records) == (1 if advice is None else 2)
    assert advice is None or advice in caplog.text


def test_the_cost_is_in_the_result_and_the_events(made):
    run = made("probes=[gradient_depth]", "probe_every=8")
    assert run.result["probe_seconds"]["gradient_depth"] > 0
    board = EventAccumulator(str(run.folder)).Reload()
    assert len(board.Scalars("time/probes/gradient_depth")) == 3
    assert not any(name.startswith("time/") for _, _, name, _ in run.metrics)
    assert "probe_seconds" not in made().result
