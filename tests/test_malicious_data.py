"""Data files that claim to be larger than any memory, or that are not what they say: named as broken, in no time."""

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from data_fixtures import write_folder
from harmful import Harmful, harms, load_anything, objects_npz, refused
from image_folders import make_folder, write_image
from PIL import Image

from data import archives, mnist
from data.broken import BrokenImage
from data.cifar import cifar10
from data.decode import decoded
from data.image_folder import image_folder
from data.image_size import jpeg_size
from data.listing import class_names, listed
from data.pack_sources import PublishedSource
from data.plain_arrays import read_npz
from data.sources import DataUnavailable
from data.tiny_imagenet import tiny_imagenet
from experiments.crashtest.made_up_cifar10 import cifar10_arrays, cifar10_files, digests_of


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, content: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def jpeg(width: int = 30, height: int = 20, claimed: tuple[int, int] | None = None, **kind: bool) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3)).save(file, "JPEG", **kind)
    raw = file.getvalue()
    size = struct.pack(">HH", height, width)
    return raw if claimed is None else raw.replace(size, struct.pack(">HH", *claimed[::-1]), 1)


BOMBS = {
    "a png": png(60_000, 60_000, zlib.compress(bytes(1000))),
    "a jpeg": jpeg(claimed=(65_000, 65_000)),
    "a progressive jpeg": jpeg(claimed=(65_000, 65_000), progressive=True),
    "a jpeg behind garbage": jpeg(claimed=(65_000, 65_000)).replace(b"\xff\xdb", b"\0\0\xff\xff\xdb", 1),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_image_that_claims_to_be_enormous(tmp_path, bomb):
    path = tmp_path / "image.jpg"
    path.write_bytes(BOMBS[bomb])
    refused(BrokenImage, lambda: decoded(path), str(path), "pixels")


@pytest.mark.parametrize("progressive", [False, True])
def test_the_size_of_a_jpeg(progressive):
    assert jpeg_size(jpeg(31, 17, progressive=progressive)) == (17, 31)
    assert jpeg_size(jpeg()[:30]) is None
    assert jpeg_size(b"\xff\xd8" + b"\xff" * 50) is None
    assert jpeg_size(b"\xff\xd8\xff\xe0\0\0" * 20) is None


@pytest.mark.parametrize("content", [zlib.compress(bytes(20)), b"abcdefgh"])
def test_a_png_with_damaged_data_ends_nothing(tmp_path, content):
    path = tmp_path / "image.png"
    path.write_bytes(png(40, 40, content))
    refused(BrokenImage, lambda: decoded(path), str(path), "cannot be decoded")


@pytest.mark.parametrize(
    ("mode", "suffix"), [("RGB", "png"), ("L", "png"), ("P", "png"), ("RGBA", "webp"), ("RGB", "bmp")]
)
def test_what_pillow_decodes_is_the_picture(tmp_path, mode, suffix):
    path = tmp_path / f"image.{suffix}"
    write_image(path, 1, 90, mode, (20, 30))
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    found = decoded(path)
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found.numpy(), expected)


def test_sixteen_bits_become_eight(tmp_path):
    Image.fromarray(np.full((4, 5), 0x1234, dtype=np.uint16)).save(tmp_path / "deep.png")
    assert decoded(tmp_path / "deep.png").unique().tolist() == [0x12]


def tar_of_zeros(path: Path, name: str, size: int, kind: bytes = tarfile.REGTYPE) -> Path:
    """A tar file that promises `size` zeros in one member; there are none."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    path.write_bytes(gzip.compress(info.tobuf() + bytes(2048)))
    return path


@pytest.mark.parametrize(
    ("name", "size", "kind"),
    [
        ("a/b", 2**40, tarfile.REGTYPE),
        ("other", 2**40, tarfile.REGTYPE),
        ("x", 2**30, tarfile.XHDTYPE),
        ("x", 2**30, tarfile.GNUTYPE_LONGNAME),
    ],
)
def test_an_archive_that_promises_too_much(tmp_path, name, size, kind):
    path = tar_of_zeros(tmp_path / "a.tar.gz", name, size, kind)
    refused(ValueError, lambda: archives.read_members(path, ["a/b"]), "refused")


def test_many_members_and_many_bytes(tmp_path, monkeypatch):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for number in range(5):
            info = tarfile.TarInfo(f"f{number}")
            info.size = 100
            archive.addfile(info, io.BytesIO(bytes(100)))
    assert archives.read_members(tmp_path / "a.tar", ["f4"]) == {"f4": bytes(100)}
    for name, limit in (("MEMBERS", 4), ("MAX_BYTES", 499)):
        with monkeypatch.context() as patched:
            patched.setattr(archives, name, limit)
            refused(ValueError, lambda: archives.read_members(tmp_path / "a.tar", ["f4"]), "refused")


def test_gzip_that_grows(monkeypatch):
    monkeypatch.setattr(mnist, "MAX_MEMBER_BYTES", 1000)
    assert len(mnist.unzipped(gzip.compress(bytes(1000)), "a.gz")) == 1000
    refused(ValueError, lambda: mnist.unzipped(gzip.compress(bytes(1001)), "a.gz"), "too large")
    broken = bytearray(gzip.compress(np.random.default_rng(0).bytes(500)))
    broken[12:40] = bytes(28)
    refused(ValueError, lambda: mnist.unzipped(bytes(broken), "a.gz"), "not a whole gzip file")


def test_a_zip_with_ways_out_and_too_much_in_it(tmp_path):
    out = tmp_path / "in" / "tiny-imagenet-200.zip"
    out.parent.mkdir()
    for name, content, says in (
        ("tiny-imagenet-200/../../marker", b"x", "0 classes"),
        ("/marker", b"x", "0 classes"),
        ("tiny-imagenet-200/train/n01/images/n01_0.JPEG", bytes(2**24 + 1), "1 classes"),
    ):
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        attempt = lambda: tiny_imagenet(out.parent, classes=2, sources=[], digests={})  # noqa: E731
        refused(DataUnavailable, attempt, says)
        assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    "content",
    [
        {"data": np.zeros((1, 3072), np.uint8), "labels": [[1] * 2] * 2},
        {"data": [[0] * 3072], "labels": [1]},
        {"data": np.array([{}], dtype=object), "labels": [1]},
        np.zeros(3),
        [1, 2],
        7,
    ],
    ids=["nested", "lists", "objects", "an array", "a list", "a number"],
)
def test_a_pickle_of_another_form(tmp_path, content):
    arrays = cifar10_arrays()
    files = cifar10_files(arrays) | {"test_batch": pickle.dumps(content, protocol=2)}
    write_folder(tmp_path / "cifar-10-batches-py", files)
    attempt = lambda: cifar10(tmp_path, sources=[], digests=digests_of(arrays))  # noqa: E731
    says = ["where an array or a list of numbers belongs"] if isinstance(content, dict) else []
    refused(DataUnavailable, attempt, "test_batch is not of CIFAR's form", *says)


def test_a_published_batch_that_runs_something(tmp_path):
    marker, harmful = tmp_path / "marker", tmp_path / "harmful.npz"
    objects_npz(harmful, marker)
    with zipfile.ZipFile(harmful) as archive:
        raw = archive.read("logits.npy")
    for name in ("train_data_batch_1", "val_data"):
        with zipfile.ZipFile(tmp_path / f"{name}.npz", "w") as archive:
            archive.writestr("labels.npy", raw)

    def careless():
        with np.load(tmp_path / "val_data.npz", allow_pickle=True) as content:
            content["labels"]

    refused(ValueError, lambda: PublishedSource(tmp_path, 2), "no batch of the downsampled ImageNet")
    harms(marker, careless)


def test_a_published_pickle_that_runs_something(tmp_path):
    marker = tmp_path / "marker"
    for name in ("train_data_batch_1", "val_data"):
        (tmp_path / name).write_bytes(pickle.dumps({"labels": Harmful(marker)}))
    refused(ValueError, lambda: PublishedSource(tmp_path, 2), "refused")
    harms(marker, lambda: load_anything(tmp_path / "val_data"))


def test_published_labels_beyond_all_classes(tmp_path):
    for name in ("train_data_batch_1", "val_data"):
        np.savez(tmp_path / f"{name}.npz", labels=np.array([10**12]), data=np.zeros((1, 12), np.uint8))
    refused(ValueError, lambda: PublishedSource(tmp_path, 2), "100000 at most")


def test_a_listing_that_someone_else_wrote(tmp_path):
    """It is made anew: nothing in it is executed or believed."""
    root, marker, kept = make_folder(tmp_path / "images"), tmp_path / "marker", tmp_path / "kept" / "train.npz"
    classes = class_names(root / "train")
    good = listed(root / "train", classes, kept)
    content = read_npz(kept)
    for wrong in ({"labels": content["labels"] + 7}, {"paths": content["paths"][:3]}, {"labels": content["paths"]}):
        np.savez(kept, **{**content, **wrong})
        found = listed(root / "train", classes, kept)
        assert found.paths.tolist() == good.paths.tolist()
        assert found.labels.tolist() == good.labels.tolist()
    objects_npz(kept, marker, classes=content["classes"], dates=content["dates"], paths=content["paths"])
    assert listed(root / "train", classes, kept).digest == good.digest
    assert not marker.exists()


def test_kept_statistics_that_are_no_json(tmp_path):
    """They are made anew."""
    make_folder(tmp_path / "animals")
    load = partial(image_folder, tmp_path, folder="animals", size=8, resize=8, archives=False)
    mean = load().mean
    (kept,) = tmp_path.rglob("statistics.json")
    for content in ("[" * 100_000, "[]", "{}", "7"):
        kept.write_text(content)
        assert load().mean == mean


def test_a_zip_member_of_an_unknown_kind(tmp_path):
    path = tmp_path / "tiny-imagenet-200.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for split in ("train", "val"):
            for wnid in ("n01", "n02"):
                for number in range(500 if split == "train" else 50):
                    archive.writestr(f"tiny-imagenet-200/{split}/{wnid}/{wnid}_{number}.JPEG", b"x")
    raw = bytearray(path.read_bytes())
    entry = raw.index(b"PK\x01\x02")
    raw[entry + 10 : entry + 12] = struct.pack("<H", 99)  # how it is compressed, which nobody knows
    raw[10 - 2 : 10] = struct.pack("<H", 99)
    path.write_bytes(raw)
    refused(DataUnavailable, lambda: tiny_imagenet(tmp_path, classes=2, sources=[], digests={}), "not a whole zip")
