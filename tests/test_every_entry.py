"""Every norm, model and dataset of conf/ for two steps: a new one is tested unasked."""

import gzip
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TINY, words_of
from data_fixtures import write_folder
from image_folders import make_folder
from test_data_mnist import DIGESTS as MNIST_DIGESTS
from test_data_mnist import FILES as MNIST_FILES
from test_data_packs import made as make_a_pack
from test_data_tiny_imagenet import official_files, write_tree

from data.packs import pack_folder
from experiments import build
from experiments.command_line import options, plan
from experiments.crashtest.made_up_cifar10 import cifar10_arrays, cifar10_files, digests_of, python2_pickle, sha256
from experiments.job import perform

NORMS, MODELS, DATASETS = (list(options(group)) for group in ("norm", "model", "dataset"))
# what an entry needs to stand on the tiny images of 8x8 pixels with a tiny network
SUITED = {"gn": ("norm.num_groups=4",), "small_cnn_input_norm": ("model.padding=1",)}
SUITED |= {f"resnet{depth}": ("model.width=1",) for depth in (18, 34, 50)}


def assert_trained_two_steps(result: dict[str, Any]) -> None:
    assert result["status"] == "finished"
    assert result["steps"] == 2
    assert all(math.isfinite(value) for value in result["final"].values())


@pytest.mark.parametrize("norm", NORMS)
def test_norm(made, norm):
    run = made("epochs=null", "steps=2", f"norm={norm}", *SUITED.get(norm, ()))
    assert_trained_two_steps(run.result)
    assert run.folder.name.startswith(f"synthetic-small_cnn-{norm}-seed0-")


# norms that are activations too, where a model has its norms after the ReLU
BEFORE = dict.fromkeys(("frn", "evonorm_s0"), ("model.norm_position=before",))


@pytest.mark.parametrize("norm", NORMS)
def test_norm_on_vectors_too(train_py, outputs, norm):
    """In the perceptron a norm works, or is refused in one line because it needs positions."""
    suited = (*SUITED.get(norm, ()), *BEFORE.get(norm, ()))
    words = (f"norm={norm}", "model=mlp", "model.hidden=[16]", "model.width=1.0", *suited)
    said = train_py(*words_of(outputs, "epochs=null", "steps=2", *words))
    if said.code == 0:
        assert "finished: test accuracy" in said.out
    else:
        assert said.code == 2
        assert said.err.count("\n") == 1
        assert "positions" in said.err


@pytest.mark.parametrize("model", MODELS)
def test_model(made, model):
    short = ("epochs=null", "steps=2", "batch_size=4", "dataset.num_test=8")
    run = made(*short, f"model={model}", *SUITED.get(model, ()))
    assert_trained_two_steps(run.result)
    moved = run.checkpoint["model"]
    start = build.model(run.config, build.dataset(run.config))
    stood_still = [name for name, parameter in start.named_parameters() if torch.equal(parameter, moved[name])]
    assert not stood_still


def write_cifar10(data: Path) -> dict[str, str]:
    arrays = cifar10_arrays()
    write_folder(data / "cifar-10-batches-py", cifar10_files(arrays))
    return digests_of(arrays)


def write_cifar100(data: Path) -> dict[str, str]:
    generator = np.random.default_rng(8)
    files, digests = {}, {}
    for split, size in (("train", 20), ("test", 10)):
        images = generator.integers(256, size=(size, 32, 32, 3), dtype=np.uint8)
        fine, coarse = (generator.integers(count, size=size, dtype=np.uint8) for count in (100, 20))
        rows = np.ascontiguousarray(images.transpose(0, 3, 1, 2).reshape(-1, 3072))
        content = {"data": rows, "fine_labels": fine.tolist(), "coarse_labels": coarse.tolist()}
        files[split] = python2_pickle(content)
        named = {"images": images, "fine_labels": fine, "coarse_labels": coarse}
        digests |= {f"{split}_{key}": sha256(array) for key, array in named.items()}
    write_folder(data / "cifar-100-python", files)
    return digests


def write_mnist(folder: str) -> Callable[[Path], dict[str, str]]:
    def write(data: Path) -> dict[str, str]:
        write_folder(data / folder / "raw", {f"{name}.gz": gzip.compress(raw) for name, raw in MNIST_FILES.items()})
        return MNIST_DIGESTS

    return write


def write_tiny_imagenet(data: Path) -> dict[str, str]:
    write_tree(data / "tiny-imagenet-200", official_files({"train": 500, "val": 50}, ["n01", "n02"]))
    return {}  # none has been published


# Datasets from elsewhere, as tiny ones in the official layout: each writes its files and returns their digests.
WRITERS: dict[str, Callable[[Path], dict[str, str]]] = {
    "cifar10": write_cifar10,
    "cifar100": write_cifar100,
    "mnist": write_mnist("MNIST"),
    "fashion_mnist": write_mnist("FashionMNIST"),
    "tiny_imagenet": write_tiny_imagenet,
}


def lay_files(name: str) -> Callable[[Path], object]:
    """Image files of two classes, as the dataset of this name finds them."""
    return lambda data: make_folder(data / name)


def lay_pack(name: str, size: int) -> Callable[[Path], object]:
    """The pack of such files."""
    return lambda data: make_a_pack(make_folder(data / "files"), pack_folder(data, name), size)


# Datasets of the user's own files: each lays small ones.
LAID: dict[str, Callable[[Path], object]] = {
    "folder": lay_files("folder"),
    "imagenet": lay_files("imagenet"),
    "packed": lay_pack("packed", 8),
    "imagenet64": lay_pack("imagenet64", 64),
    "imagenet32": lay_pack("imagenet32", 32),
}

# What a dataset needs that is not one of small pictures.
NETWORKS = {"heterogeneous": ("model=mlp", "model.width=1"), "text": ("model=lstm", "dataset.window=5")}
NETWORKS |= {"tiny_imagenet": ("dataset.classes=2", "train_evaluation=10")}
NETWORKS |= dict.fromkeys(("folder", "imagenet"), ("dataset.size=8", "dataset.resize=9", "workers=0"))


@pytest.mark.parametrize("dataset", DATASETS)
def test_dataset(tmp_path, dataset):
    paths = (f"paths.data={tmp_path / 'data'}", f"paths.outputs={tmp_path / 'outputs'}")
    general = [word for word in TINY if not word.startswith(("dataset", "epochs"))]
    words = (*general, f"dataset={dataset}", "epochs=null", "steps=2", *paths, *NETWORKS.get(dataset, ()))
    config = plan(words).jobs[0].config
    build.check_leaves(config)
    if "sources" in config["dataset"]:
        assert dataset in WRITERS, f"say in WRITERS how to write a tiny {dataset}"
        config["dataset"] |= {"sources": [], "digests": WRITERS[dataset](tmp_path / "data")}
    elif dataset in LAID:
        LAID[dataset](tmp_path / "data")
    else:
        config = plan((*words, "dataset.train_size=30", "dataset.test_size=20")).jobs[0].config
    result = perform(config)
    assert_trained_two_steps(result)
    assert result["dataset"]["name"] == dataset
    loaded = build.dataset(config)
    pixels = build.splits(config, loaded, torch.device("cpu"))["train"].pixels(torch.tensor([0, 3]))
    assert pixels.shape == (2, *loaded.image_shape[1:], loaded.image_shape[0])
    assert len(loaded.classes) == loaded.num_classes
