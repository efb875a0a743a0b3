"""The probe `throughput` on made-up clocks and machines."""

import dataclasses
import resource
import sys
from types import SimpleNamespace

import pytest
import torch
from live_runs import live_after, probe_of
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiments.probes import throughput

RATE, PEAK = "throughput/images_per_second", "throughput/peak_memory_gib"


@pytest.fixture
def live(compose):
    return live_after(compose())


def at(live, step: int, seconds: float):
    return dataclasses.replace(live, state=dataclasses.replace(live.state, step=step), train_seconds=seconds)


def test_the_rate_is_that_since_the_last_measurement(live):
    """Steps of 8 images."""
    probe = probe_of("throughput", live)
    clock = [(0, 0.0), (10, 2.0), (30, 2.5), (31, 4.5)]
    found = [probe.measure(at(live, *now)).timings.get(RATE) for now in clock]
    assert found == [None, 40.0, 320.0, 4.0]


def test_a_resumed_run_says_nothing_of_the_rate_at_first(live):
    before = probe_of("throughput", live)
    before.measure(at(live, 10, 2.0))
    probe = probe_of("throughput", live)
    probe.remember(before.memory())
    assert RATE not in probe.measure(at(live, 20, 100.0)).timings
    assert probe.measure(at(live, 25, 101.0)).timings[RATE] == 40.0


@pytest.mark.parametrize("now", [(10, 2.0), (10, 3.0), (12, 2.0)])
def test_no_rate_without_steps_or_time(live, now):
    probe = probe_of("throughput", live)
    probe.measure(at(live, 10, 2.0))
    assert RATE not in probe.measure(at(live, *now)).timings


@pytest.mark.parametrize(("platform", "gib"), [("linux", 3.0), ("darwin", 3 / 1024)])
def test_units_of_the_resident_set(live, monkeypatch, platform, gib):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=3 * 2**20))
    assert probe_of("throughput", live).measure(live).timings[PEAK] == gib


def test_this_process_has_taken_some_memory(live):
    """PyTorch alone takes more than 50 MiB, and no machine that runs tests has a TiB."""
    assert 0.05 < probe_of("throughput", live).measure(live).timings[PEAK] < 1024


def test_cuda_counts_tensors(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 5 if device.index == 1 else 7)
    assert throughput.peak_memory(torch.device("cuda:1")) == 5


def test_windows_has_no_such_count(live, monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert probe_of("throughput", live).measure(live).timings == {}


def test_tensorboard_alone_holds_it(made):
    run = made("probes=[throughput]", "probe_every=4")
    assert not any(name.startswith("throughput") for _, _, name, _ in run.metrics)
    board = EventAccumulator(str(run.folder), size_guidance={"scalars": 0}).Reload()
    assert [point.step for point in board.Scalars(PEAK)] == [0, 4, 8, 12, 16]
    assert [point.step for point in board.Scalars(RATE)] == [4, 8, 12, 16]
    assert all(point.value > 0 for point in board.Scalars(RATE))
