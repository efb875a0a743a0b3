"""The decoded cache: made once, memory-mapped, and made anew where it is not whole."""

import json
import logging
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from data_fixtures import write_folder

from data.cache import Decoded, load_cached
from data.cifar import cifar10
from data.sources import DataUnavailable
from experiments.crashtest.made_up_cifar10 import cifar10_arrays, cifar10_files, digests_of

ARRAYS = cifar10_arrays()
DIGESTS = digests_of(ARRAYS)


def load(root: Path):
    return cifar10(root, sources=[], digests=DIGESTS)


def assert_right(dataset) -> None:
    assert dataset.digests == DIGESTS
    for split in ("train", "test"):
        np.testing.assert_array_equal(getattr(dataset, split).images, ARRAYS[f"{split}_images"])
        np.testing.assert_array_equal(getattr(dataset, split).labels, ARRAYS[f"{split}_labels"])


def test_second_load_does_not_decode_and_is_memory_mapped(tmp_path):
    folder = write_folder(tmp_path / "cifar-10-batches-py", cifar10_files(ARRAYS))
    load(tmp_path)
    for path in folder.iterdir():
        path.unlink()  # what is gone cannot be decoded again
    dataset = load(tmp_path)
    assert_right(dataset)
    assert isinstance(dataset.train.images, np.memmap)
    assert not dataset.train.images.flags.writeable


def damage_truncate(folder: Path) -> None:
    path = folder / "train_images.npy"
    path.write_bytes(path.read_bytes()[:-100])


def damage_remove(folder: Path) -> None:
    (folder / "test_labels.npy").unlink()


def damage_meta(folder: Path) -> None:
    (folder / "meta.json").write_text("{")


def damage_schema(folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"schema": meta["schema"] + 1}))


def damage_shape(folder: Path) -> None:
    np.save(folder / "test_labels.npy", np.zeros(3, np.uint8))


@pytest.mark.parametrize("damage", [damage_truncate, damage_remove, damage_meta, damage_schema, damage_shape])
def test_damaged_cache_is_decoded_anew_with_a_warning(tmp_path, caplog, damage):
    write_folder(tmp_path / "cifar-10-batches-py", cifar10_files(ARRAYS))
    load(tmp_path)
    damage(tmp_path / "cache" / "cifar10")
    with caplog.at_level(logging.WARNING):
        assert_right(load(tmp_path))
    assert "decoded anew" in caplog.text
    caplog.clear()
    assert_right(load(tmp_path))
    assert not caplog.records
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == ["cifar10", "cifar10.lock"]


def test_cache_made_with_other_digests_is_not_taken(tmp_path):
    write_folder(tmp_path / "cifar-10-batches-py", cifar10_files(ARRAYS))
    load(tmp_path)
    with pytest.raises(DataUnavailable):
        cifar10(tmp_path, sources=[], digests=DIGESTS | {"test_labels": "0" * 64})
    assert_right(load(tmp_path))


def test_two_at_once_decode_once(tmp_path):
    decoded, loaded = [], []

    def decode() -> Decoded:
        decoded.append(threading.get_ident())
        time.sleep(0.3)
        return Decoded(ARRAYS, DIGESTS, "here")

    def work() -> None:
        loaded.append(load_cached(tmp_path, "twice", expected=DIGESTS, classes={}, decode=decode))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(decoded) == 1
    assert len(loaded) == 3


def test_what_a_killed_process_left_is_cleared(tmp_path):
    abandoned = write_folder(tmp_path / "cache" / "cifar10.x1y2.part", {"train_images.npy": b"half"})
    others = write_folder(tmp_path / "cache" / "cifar100.x1y2.part", {"train_images.npy": b"half"})
    write_folder(tmp_path / "cifar-10-batches-py", cifar10_files(ARRAYS))
    assert_right(load(tmp_path))
    assert not abandoned.exists()
    assert others.exists()


def test_a_file_system_without_locks_is_refused(tmp_path, without_locks):
    write_folder(tmp_path / "cifar-10-batches-py", cifar10_files(ARRAYS))
    with pytest.raises(ValueError, match=r"locked \(Function not implemented\): set paths\.data"):
        load(tmp_path)


def test_unwritable_folder_is_the_users_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot be written.*paths\.data"):
        load(tmp_path / "file")
