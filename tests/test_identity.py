"""Which settings make a run another run."""

import hashlib
from typing import Any

import pytest

from experiments import identity

FIXED: dict[str, Any] = {
    "norm": {"name": "bn", "_target_": "models.norms.batch_norm.BN", "momentum": 0.1, "eps": 1e-5, "affine": True},
    "model": {"name": "small_cnn", "_target_": "models.small_cnn.small_cnn", "norms": "all", "width": 1.0},
    "dataset": {"name": "cifar10", "_target_": "data.cifar.cifar10", "sources": [{"url": "x"}], "digests": {"a": "b"}},
    "recipe": {"name": "fast", "epochs": 16, "steps": None, "batch_size": 128, "lr": 0.4, "milestones": []},
    "initialization": {"scheme": "he", "gain": 1.0},
    "seed": 3,
    "epochs": 16,
    "steps": None,
    "batch_size": 128,
    "device": "auto",
    "precision": "float32",
    "compile": "auto",
    "train_evaluation": None,
    "evaluation_batch_size": 500,
    "log_every": 50,
    "checkpoint_every": 500,
    "paths": {"data": "data/downloads", "outputs": "outputs"},
}


def test_the_hash_is_the_sha256_of_sorted_compact_json():
    text = '{"a":{"c":[1,2.5,null],"d":"ü"},"b":true}'
    escaped = text.replace("ü", "\\u00fc")
    settings = {"b": True, "a": {"d": "ü", "c": [1, 2.5, None]}}
    assert identity.digest(settings) == hashlib.sha256(escaped.encode()).hexdigest()[:8]


def test_names_do_not_drift():
    """Finished runs are found by these: they may change only together with a way to find the old ones."""
    assert identity.name(FIXED) == "cifar10-small_cnn-bn-seed3-f38450a4"
    assert identity.group(FIXED) == "cifar10-small_cnn-bn-a08bfed8"


@pytest.mark.parametrize(
    "overrides",
    [
        ("device=cpu",),
        ("device=auto",),
        ("compile=false",),
        ("compile=true",),
        ("cuda_graphs=false",),
        ("deterministic=true",),
        ("threads=1",),
        ("evaluation_batch_size=3",),
        ("checkpoint_every=7",),
        ("paths.data=elsewhere",),
        ("norm=bn",),
        ("seed=0",),
        ("recipe.epochs=99", "recipe.steps=99", "recipe.batch_size=99"),  # only the defaults of what stands at the top
        ("recipe.lr=0.4", "recipe.weight_decay=0.0005"),
        ("model.norms=all", "norm.eps=0.00001"),
        ("norm._target_=models.norms.batch_norm.BN",),
    ],
)
def test_what_says_how_and_where_is_no_part_of_it(compose, overrides):
    usual = ("recipe.lr=0.4", "recipe.weight_decay=5e-4")
    config, other = compose(*usual), compose(*usual, *overrides)
    assert identity.folder(other) == identity.folder(config)


@pytest.mark.parametrize(
    ("one", "other"),
    [("recipe.lr=1", "recipe.lr=1.0"), ("model.width=2", "model.width=2.0"), ("norm.eps=1", "norm.eps=1e0")],
)
def test_a_whole_number_is_the_same_with_and_without_its_point(compose, one, other):
    assert identity.name(compose(one)) == identity.name(compose(other))


def test_the_outputs_folder_is_no_part_of_the_name_either(compose, tmp_path):
    config, other = compose(), compose(f"paths.outputs={tmp_path / 'other'}")
    assert identity.name(other) == identity.name(config)
    assert identity.folder(other) == tmp_path / "other" / "runs" / identity.name(config)


DIFFERENT = (
    "seed=1", "norm=ln", "norm.eps=1e-4", "norm.momentum=null", "model.width=0.5", "model.norms=first:1", "epochs=3",
    "batch_size=9", "recipe.lr=0.3", "recipe.clip_norm=null", "recipe.augment=false", "recipe.label_smoothing=0.1",
    "recipe.decay_norm_and_bias=false", "initialization.gain=2.0", "precision=bfloat16", "dataset.num_train=66",
    "dataset.train_size=30", "dataset.scaling=unit", "dataset.validation=0.2", "dataset.augmentation.crop_padding=1",
    "log_every=7", "train_evaluation=8", "tf32=true", "probes=[modes]",
)  # fmt: skip


def test_what_can_change_the_result_makes_another_run(compose):
    names = {identity.name(compose(*changes)) for changes in [(), *((change,) for change in DIFFERENT)]}
    assert len(names) == len(DIFFERENT) + 1


@pytest.mark.parametrize("later", ["probes", "probe_every", "tf32"])
def test_a_setting_that_joined_later_leaves_earlier_runs_their_names(compose, later):
    config = compose()
    before = {key: value for key, value in config.items() if key != later}
    assert identity.name(before) == identity.name(config)


def test_steps_count_where_epochs_do_not(compose):
    names = {identity.name(compose("epochs=null", f"steps={steps}")) for steps in (5, 6)}
    assert len(names) == 2


def test_the_name_is_readable(compose):
    name = identity.name(compose("norm=ln", "seed=12"))
    assert name.startswith("synthetic-small_cnn-ln-seed12-")
    assert len(name.rpartition("-")[2]) == 8


def test_a_group_is_a_configuration_with_any_seed(compose):
    groups = [identity.group(compose(*changes)) for changes in (("seed=0",), ("seed=5",), ("seed=5", "norm=ln"))]
    assert groups[0] == groups[1]
    assert groups[0] != groups[2]
    assert "seed" not in groups[0]
