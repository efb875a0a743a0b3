"""What TensorBoard reads back: scalars, the overlays, and the HParams table with seeds in one row."""

import math

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from experiments.hparams import METRICS, flatten
from experiments.record import Record


def board(folder) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()


def hparams(accumulator: EventAccumulator, tag: str) -> HParamsPluginData:
    return HParamsPluginData.FromString(accumulator.SummaryMetadata(tag).plugin_data.content)


def test_scalars_are_the_numbers_of_metrics_csv(finished):
    accumulator = board(finished.folder)
    tags = set(accumulator.Tags()["scalars"])
    assert {
        "accuracy/train", "accuracy/test", "loss/train", "loss/test", "learning_rate",
        "train_mode/accuracy", "eval_mode/accuracy", "train_mode/loss", "eval_mode/loss",
    } <= tags  # fmt: skip
    names = {name for _, _, name, _ in finished.metrics}
    assert tags == names | {"time/images_per_second"}
    for name in names:
        expected = [(step, value) for step, _, found, value in finished.metrics if found == name]
        points = [(point.step, point.value) for point in accumulator.Scalars(name)]
        assert [step for step, _ in points] == [step for step, _ in expected]
        assert [value for _, value in points] == pytest.approx([value for _, value in expected], rel=1e-6)


def test_histograms_are_of_the_finite_numbers(tmp_path):
    """TensorBoard's bins have no place for others, and refuse them."""
    record = Record(tmp_path)
    values = torch.tensor([[1.0, 3.0], [math.nan, math.inf]])
    record.write_histograms(7, {"x": values, "nothing": torch.full((2,), math.nan)})
    record.close()
    accumulator = EventAccumulator(str(tmp_path)).Reload()
    assert accumulator.Tags()["histograms"] == ["x"]
    (event,) = accumulator.Histograms("x")
    found = event.histogram_value
    assert (event.step, found.num, found.min, found.max, found.sum) == (7, 2, 1, 3, 4)


def test_the_overlay_shows_train_over_test_and_train_mode_over_eval_mode(finished):
    accumulator = board(finished.folder)
    tensor = accumulator.Tensors(CONFIG_SUMMARY_TAG)[0].tensor_proto
    layout = layout_pb2.Layout.FromString(tensor.string_val[0])
    overlays = [set(chart.multiline.tag) for category in layout.category for chart in category.chart]
    assert {"train_mode/accuracy", "eval_mode/accuracy"} in overlays
    assert {"train_mode/loss", "eval_mode/loss"} in overlays
    assert any({"accuracy/train", "accuracy/test"} <= tags for tags in overlays)
    assert any({"loss/train", "loss/test"} <= tags for tags in overlays)


def test_hparams_row(finished):
    accumulator = board(finished.folder)
    row = hparams(accumulator, metadata.SESSION_START_INFO_TAG).session_start_info
    assert row.hparams["norm"].string_value == "bn"
    assert row.hparams["model"].string_value == "small_cnn"
    assert row.hparams["seed"].number_value == 0
    assert sorted(row.hparams)[:5] == [
        "dataset",
        "model",
        "norm",
        "recipe",
        "seed",
    ]  # the columns that TensorBoard shows
    assert row.hparams["· batch_size"].number_value == 8
    assert row.hparams["· recipe.augment"].bool_value is True
    assert not [name for name in row.hparams if "path" in name or "digest" in name or "_target_" in name]
    closing = hparams(accumulator, metadata.SESSION_END_INFO_TAG).session_end_info
    assert closing.status == api_pb2.STATUS_SUCCESS
    experiment = hparams(accumulator, metadata.EXPERIMENT_TAG).experiment
    assert {info.name for info in experiment.hparam_infos} == set(row.hparams)
    assert {info.name.tag for info in experiment.metric_infos} == set(METRICS)


def test_the_tables_metrics_are_curves_that_exist(finished):
    assert set(METRICS) <= {name for _, _, name, _ in finished.metrics}


def test_seeds_of_one_configuration_share_a_row_and_other_norms_do_not(made):
    groups = {}
    for changes in (("seed=0",), ("seed=1",), ("seed=1", "norm=ln")):
        run = made("epochs=null", "steps=1", *changes)
        row = hparams(board(run.folder), metadata.SESSION_START_INFO_TAG).session_start_info
        groups[changes] = row.group_name
    assert groups[("seed=0",)] == groups[("seed=1",)]
    assert groups[("seed=1",)] != groups[("seed=1", "norm=ln")]
    assert all(groups.values())


def test_a_diverged_run_is_a_failure_in_the_table(made):
    run = made("norm=none", "recipe=documents", "recipe.lr=1e6", "log_every=1")
    closing = hparams(board(run.folder), metadata.SESSION_END_INFO_TAG).session_end_info
    assert closing.status == api_pb2.STATUS_FAILURE


def test_settings_are_of_the_three_kinds_that_the_table_knows():
    settings = {
        "norm": {"name": "bn", "_target_": "x", "eps": 1e-5, "affine": True},
        "epochs": 3,
        "steps": None,
        "paths": {"data": "d"},
        "recipe": {"milestones": [0.5, 0.75]},
    }
    assert flatten(settings) == {
        "norm.name": "bn", "norm.eps": 1e-5, "norm.affine": True, "epochs": 3.0, "recipe.milestones": "[0.5, 0.75]",
    }  # fmt: skip
