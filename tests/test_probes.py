"""Probes: found by name, called in time, unnoticed by training; the probe `modes` against references."""

import numpy as np
import pytest
import torch
from killed_runs import killed_after_saving
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG

from experiments import build, identity, probes
from experiments.errors import UserError
from experiments.inference.distance import distances
from experiments.inference.precise import precise_batches, precise_statistics, using_statistics
from experiments.job import perform
from experiments.probes import modes as modes_probe
from experiments.probing.live import Measured, Probe

pytestmark = pytest.mark.usefixtures("blank_figures")  # of which none is looked at here


def curve(run, name: str) -> list[tuple[int, float]]:
    return [(step, value) for step, _, found, value in run.metrics if found == name]


@pytest.fixture
def probed(made):
    return made("probes=[modes]", "probe_every=8", "model.dropout=0.5", "dataset.augmentation.crop_padding=2")


def test_training_does_not_notice(made, probed):
    """Weights, buffers, optimizer, generators and all other numbers have the same bits without the probe."""
    plain = made("model.dropout=0.5", "dataset.augmentation.crop_padding=2")
    assert plain.folder != probed.folder
    plain.assert_same_training(probed)
    assert [line for line in probed.metrics if not line[2].startswith("modes/")] == plain.metrics


def test_a_probe_may_draw_random_numbers_and_training_does_not_notice(made, monkeypatch):
    class Greedy(Probe):
        def measure(self, live):
            return Measured({"modes/drawn": torch.rand(()).item() + np.pi})

    monkeypatch.setattr(modes_probe, "make", lambda model, surroundings: Greedy())
    usual = ("model.dropout=0.5", "epochs=null", "steps=11")
    run = made(*usual, "probes=[modes]", "probe_every=3")
    assert [step for step, _ in curve(run, "modes/drawn")] == [0, 3, 6, 9, 11]
    plain = made(*usual).checkpoint
    assert all(torch.equal(tensor, run.checkpoint["model"][name]) for name, tensor in plain["model"].items())


def test_what_is_recorded_each_epoch(probed):
    for kind, curves in (("running", "eval_mode"), ("batch", "train_mode")):
        for measure in ("accuracy", "loss"):
            assert curve(probed, f"modes/{kind}/{measure}")[1:] == curve(probed, f"{curves}/{measure}")
    assert [step for step, _ in curve(probed, "modes/precise/accuracy")] == [0, 8, 16]
    names = {name for _, _, name, _ in probed.metrics if name.startswith("modes/distance/")}
    layers = ("first.norm", "second.norm", "hidden.norm")
    assert names == {f"modes/distance/{layer}/{moment}" for layer in layers for moment in ("mean", "variance")}


def test_the_last_point_is_that_of_the_checkpoint(probed):
    config = probed.config
    dataset = build.dataset(config)
    model = build.model(config, dataset)
    model.load_state_dict(probed.checkpoint["model"])
    splits = build.splits(config, dataset, torch.device("cpu"))
    precise = precise_statistics(model, precise_batches(splits["train"], 10_000, 8, build.augmentation(config)))
    for layer, distance in distances(model, precise).items():
        for moment in ("mean", "variance"):
            assert curve(probed, f"modes/distance/{layer}/{moment}")[-1][1] == pytest.approx(distance[moment], rel=1e-4)
    x, labels = splits["test"].batch(torch.arange(21), None)
    with using_statistics(model, precise), torch.no_grad():
        loss = torch.nn.functional.cross_entropy(model.eval()(x), labels).item()
    assert curve(probed, "modes/precise/loss")[-1][1] == pytest.approx(loss, rel=1e-5)


def test_inside_an_epoch_the_modes_are_measured_anew(made, probed):
    often = made("probes=[modes]", "model.dropout=0.5", "dataset.augmentation.crop_padding=2", "probe_every=4")
    for kind in ("running", "precise", "batch"):
        for measure in ("accuracy", "loss"):
            points = dict(curve(often, f"modes/{kind}/{measure}"))
            assert list(points) == [0, 4, 8, 12, 16]
            assert (points[0], points[8], points[16]) == tuple(v for _, v in curve(probed, f"modes/{kind}/{measure}"))
            assert len(set(points.values())) > 1


@pytest.mark.parametrize("saves", [1, 2, 3])
def test_a_resumed_run_has_the_same_bytes(compose, made, monkeypatch, saves):
    words = ("probes=[modes]", "probe_every=3", "checkpoint_every=4", "epochs=null", "steps=16", "model.dropout=0.5")
    whole = made(*words)
    rows = (whole.folder / "metrics.csv").read_bytes()
    for path in whole.folder.iterdir():
        path.unlink()
    killed_after_saving(monkeypatch, compose(*words), saves)
    perform(compose(*words))
    assert (whole.folder / "metrics.csv").read_bytes() == rows


@pytest.mark.parametrize("norm", ["none", "ln"])
def test_without_running_statistics_m1_alone(made, capsys, norm):
    run = made(f"norm={norm}", "probes=[modes]")
    assert {name for _, _, name, _ in run.metrics if name.startswith("modes/")} == {
        "modes/running/accuracy", "modes/running/loss",
    }  # fmt: skip
    assert capsys.readouterr().out.count("no running statistics") == 1


def test_tensorboard_draws_the_modes_over_one_another(probed):
    board = EventAccumulator(str(probed.folder), size_guidance={"tensors": 0}).Reload()
    tensor = board.Tensors(CONFIG_SUMMARY_TAG)[0].tensor_proto
    layout = layout_pb2.Layout.FromString(tensor.string_val[0])
    overlays = [set(chart.multiline.tag) for category in layout.category for chart in category.chart]
    for measure in ("accuracy", "loss"):
        assert {f"modes/{kind}/{measure}" for kind in ("running", "precise", "batch")} in overlays
    assert {"accuracy/train", "accuracy/validation", "accuracy/test"} in overlays


def test_runs_without_probes_keep_their_names(compose):
    config = compose()
    assert (config["probes"], config["probe_every"]) == ([], None)
    older = {key: value for key, value in config.items() if not key.startswith("probe")}
    assert identity.name(older) == identity.name(config)
    assert identity.group(older) == identity.group(config)
    other = {identity.name(compose("probes=[modes]", *more)) for more in ((), ("probe_every=5",))}
    assert len({identity.name(config), *other}) == 3


def test_every_file_of_the_folder_is_a_probe():
    assert "modes" in probes.names()
    for name in probes.names():
        assert callable(probes.module(name).make)
        assert probes.descriptions()[name].endswith((".", ","))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("probes=[mode]",), "probes=[mode] is not known. Did you mean modes? Known: "),
        (("probes=[modes,modes]",), "probes names modes twice"),
        (("probe_every=5",), "probe_every=5 without a probe: name some, as in probes=[modes]"),
        (("probes=[modes]", "probe_every=0"), "probe_every=0: "),
        (("probes=modes",), "probes=modes: must be a valid list"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(train_py, outputs, compose, words, said):
    with pytest.raises(UserError, match="probe"):
        compose(*words)
    from conftest import words_of

    found = train_py(*words_of(outputs, *words))
    assert found.code == 2
    assert said in found.err
    assert found.err.count("\n") == 1
    assert not outputs.exists()
