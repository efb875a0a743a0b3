"""Packs: what is in them, going on after a kill, streamed from the disk as from memory, and what is refused."""

import os
import shutil
from collections import namedtuple

import numpy as np
import pytest
import torch
from edited_results import resealed
from image_folders import cut_off, make_folder
from PIL import Image

from data import packing
from data.augmentation import Augmentation
from data.content import content_digest
from data.dataset import channel_statistics
from data.decoding import Workers
from data.device_images import DeviceImages
from data.image_folder import folder_files
from data.pack_sources import FolderSource, PublishedSource
from data.packing import make_pack
from data.packs import NoPack, open_pack, pack, pack_folder
from data.streamed_images import StreamedImages

CPU = torch.device("cpu")
SCALING = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "scaling": "standardized"}


def source_of(folder, size=8, workers=0):
    files = folder_files(folder.parent, folder=folder.name, size=size, resize=size, archives=False)
    return FolderSource(files, size, Workers(workers))


def made(folder, target, size=8, told=lambda split, count: None, workers=0):
    return make_pack(source_of(folder, size, workers), size, target, told)


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "animals")


@pytest.fixture
def target(tmp_path):
    return pack_folder(tmp_path / "data", "animals8")


def test_whole_images_averaged_over_areas(folder, target, tmp_path):
    meta = made(folder, target, workers=2)
    found = pack(tmp_path / "data", pack="animals8", size=8)
    assert (len(found.train), len(found.test), found.classes) == (24, 10, ("cat", "dog"))
    assert found.image_shape == (3, 8, 8)
    for index in (0, 1, 2, 13):
        path = folder / "train" / found.classes[index // 12] / f"{index % 12:02}.JPEG"
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB").resize((8, 8), Image.Resampling.BOX))
        assert np.array_equal(found.train.image(index), expected)
    assert found.train.labels.tolist() == [0] * 12 + [1] * 12
    assert (found.mean, found.std) == channel_statistics(np.asarray(found.train.images))
    assert meta["digests"]["test_images"] == content_digest(np.asarray(found.test.images))
    assert meta["digests"]["train_labels"] == content_digest(found.train.labels)
    assert meta["broken"] == {}


def test_a_box_is_an_average():
    from data.pack_sources import Shrunk

    assert Shrunk(4).size == 4
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    whole = Image.fromarray(pixels).resize((4, 4), Image.Resampling.BOX)
    means = pixels.reshape(4, 2, 4, 2, 3).mean((1, 3))
    assert np.abs(np.asarray(whole) - means).max() <= 0.5


class Killed(BaseException):
    pass


@pytest.mark.parametrize("tail", ["", '{"split": "train", "ima'])
def test_going_on_where_it_was_killed(folder, target, monkeypatch, tail):
    monkeypatch.setattr("data.pack_sources.CHUNK", 5)
    whole = target.with_name("whole")
    made(folder, whole)

    def told(split, count):
        if (split, count) == ("train", 15):
            raise Killed

    with pytest.raises(Killed):
        made(folder, target, told=told)
    assert not target.exists()
    with open(target.with_name("animals8.part") / "done.jsonl", "a") as file:
        file.write(tail)  # killed in the middle of a line
    counts = []
    made(folder, target, told=lambda split, count: counts.append((split, count)))
    assert counts[0] == ("train", 15)  # nothing is decoded twice
    for name in ("train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy", "meta.json"):
        assert (target / name).read_bytes() == (whole / name).read_bytes()
    assert sorted(path.name for path in target.parent.iterdir() if path.is_dir()) == ["animals8", "whole"]


def test_what_is_left_of_another_pack_is_not_gone_on_with(folder, target):
    part = target.with_name("animals8.part")
    part.mkdir(parents=True)
    (part / "done.jsonl").write_text('{"size": 16}\n{"split": "train", "images": 24, "broken": {}}\n')
    made(folder, target)
    assert open_pack(target).splits["train"].images.any(axis=(1, 2, 3)).all()


def test_made_already(folder, target):
    first = made(folder, target)
    dates = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    assert made(folder, target, told=None) == first
    assert {path: path.stat().st_mtime_ns for path in target.iterdir()} == dates


def test_another_folder_or_size_is_refused(folder, target):
    made(folder, target)
    with pytest.raises(NoPack, match="another name, as in name=NAME"):
        made(folder, target, size=16)
    shutil.copy(folder / "train" / "cat" / "00.JPEG", folder / "train" / "cat" / "99.JPEG")
    os.utime(folder / "train" / "cat", ns=(5, 5))
    with pytest.raises(NoPack, match="another name, as in name=NAME"):
        made(folder, target)


def test_no_room(folder, target, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(packing.shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 6000, 6000))
    with pytest.raises(NoPack, match=r"GB free, and the pack takes 0\.0 GB: make room"):
        made(folder, target)  # 34 images of 192 bytes and their labels take 6,800
    assert not target.exists()
    monkeypatch.setattr(packing.shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 7000, 7000))
    made(folder, target)


def test_a_file_system_without_locks(folder, target, without_locks):
    with pytest.raises(NoPack, match=r"locked \(Function not implemented\)"):
        made(folder, target)


def test_the_next_image_takes_the_place_of_a_broken_one(folder, target):
    cut_off(folder / "train" / "cat" / "11.JPEG")
    meta = made(folder, target)
    train = open_pack(target).splits["train"]
    assert list(meta["broken"]) == ["train/cat/11.JPEG"]
    assert np.array_equal(train.images[11], train.images[12])
    assert train.labels[11] == train.labels[12] == 1
    cut_off(folder / "val" / "cat" / "01.JPEG")
    with pytest.raises(ValueError, match=r"val/cat/01\.JPEG .*tested on"):
        made(folder, target.with_name("other"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda target: shutil.rmtree(target), r"there is no pack .*scripts/pack\.py"),
        (lambda target: (target / "meta.json").write_text("{"), "is damaged"),
        (lambda target: (target / "test_labels.npy").unlink(), "is damaged"),
        (lambda target: os.truncate(target / "train_images.npy", 300), "is damaged"),
        (
            lambda target: np.save(target / "train_images.npy", np.zeros((24, 9, 9, 3), np.uint8)),
            r"holds uint8 \(24, 9",
        ),
        (lambda target: edited(target, schema=0), "has schema 0, this version reads 1"),
    ],
)
def test_packs_that_cannot_be_used(folder, target, damage, message):
    made(folder, target)
    damage(target)
    with pytest.raises(NoPack, match=message):
        open_pack(target)


def edited(target, **changes):
    resealed(target / "meta.json", **changes)


def test_other_pixels_than_asked_for(folder, target, tmp_path):
    made(folder, target)
    with pytest.raises(NoPack, match=r"images of 8 pixels, and dataset\.size=64"):
        pack(tmp_path / "data", pack="animals8", size=64)
    assert pack(tmp_path / "data", pack="animals8", size=None).name == "animals8"


def test_streamed_from_the_disk_as_from_memory(folder, target):
    made(folder, target)
    split = open_pack(target).splits["train"]
    there, here = DeviceImages(split, CPU, **SCALING), StreamedImages(split, CPU, **SCALING)
    usual = Augmentation(crop_padding=2, horizontal_flip=True, vertical_flip=True, rotation=10.0, scaling=0.1)
    indices = torch.tensor([3, 23, 0, 7])
    for draws in (None, usual.draw(0, 1, 24, CPU)):
        for one, other in zip(there.batch(indices, draws), here.batch(indices, draws), strict=True):
            assert torch.equal(one, other)
            assert one.stride() == other.stride()
    assert torch.equal(there.pixels(indices), here.pixels(indices))
    assert not here.lie_on_the_device


def published(folder, pickled=False):
    """Batches as they were published: rows of red, green and blue values, labels from 1 on."""
    import pickle

    rng = np.random.default_rng(0)
    folder.mkdir()
    images = {}
    for name, count in (
        ("train_data_batch_1", 6),
        ("train_data_batch_2", 4),
        ("train_data_batch_10", 3),
        ("val_data", 5),
    ):
        images[name] = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
        content = {
            "data": images[name].transpose(0, 3, 1, 2).reshape(count, -1),
            "labels": [1 + number % 3 for number in range(count)],
        }
        if pickled:
            (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        else:
            np.savez(folder / name, **content)
    return images


def saved(folder, **content):
    np.savez(folder / "val_data.npz", **content)


@pytest.mark.parametrize("pickled", [False, True])
def test_the_published_batches(tmp_path, target, pickled):
    images = published(tmp_path / "small", pickled)
    source = PublishedSource(tmp_path / "small", 8)
    assert source.counts == {"train": 13, "test": 5}
    make_pack(source, 8, target, lambda split, count: None)
    found = pack(tmp_path / "data", pack="animals8", size=8)
    in_order = [images[f"train_data_batch_{number}"] for number in (1, 2, 10)]
    assert np.array_equal(found.train.images, np.concatenate(in_order))
    assert np.array_equal(found.test.images, images["val_data"])
    assert found.train.labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 0, 1, 2]
    assert found.num_classes == 3
    [rest] = list(source.chunks("train", 10))
    assert np.array_equal(rest.pixels, in_order[2])
    first, *_ = source.chunks("train", 7)
    assert np.array_equal(first.pixels, in_order[1][1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "val_data.npz").unlink(), "lacks val_data"),
        (lambda folder: (folder / "train_data_batch_2.npz").write_bytes(b"no archive"), r"batch_2\.npz is no batch"),
        (lambda folder: saved(folder, labels=[1]), r"val_data\.npz is no batch"),
        (lambda folder: saved(folder, labels=[0], data=np.zeros((1, 192), np.uint8)), "from 1 on, 100000 at most"),
        (lambda folder: saved(folder, labels=[1], data=np.zeros((1, 12), np.uint8)), "192 values each"),
    ],
)
def test_batches_that_are_refused(tmp_path, target, change, message):
    published(tmp_path / "small")
    change(tmp_path / "small")
    with pytest.raises(ValueError, match=message):
        make_pack(PublishedSource(tmp_path / "small", 8), 8, target, lambda split, count: None)
