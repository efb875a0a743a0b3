"""Datasets of image files: what is found, what is refused, and images that are the same whoever decodes them."""

import io
import os
import shutil
import tarfile

import numpy as np
import pytest
import torch
from image_folders import CLASSES, cut_off, make_folder, write_image
from PIL import Image
from scipy.io import savemat

from data.broken import BrokenImage
from data.decoded_images import DecodedImages
from data.decoding import Workers
from data.image_folder import image_folder
from data.imagenet_archives import KIT, TRAIN, VAL
from data.views import ViewAugmentation

CPU = torch.device("cpu")
SIZES = {"size": 16, "resize": 20, "archives": True}
SCALING = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "scaling": "raw"}


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "animals")


def load(folder, **settings):
    return image_folder(folder.parent, folder=folder.name, **SIZES | settings)


def decoded(split, workers=0):
    return DecodedImages(split, CPU, Workers(workers), **SCALING)


def test_what_is_in_the_folder(folder):
    found = load(folder)
    assert found.classes == tuple(CLASSES)
    assert found.image_shape == (3, 16, 16)
    assert (len(found.train), len(found.test)) == (24, 10)
    assert found.train.labels.tolist() == [0] * 12 + [1] * 12
    assert [os.fsdecode(path) for path in found.train.paths[:2]] == ["train/cat/00.JPEG", "train/cat/01.JPEG"]
    # the colours around which the images were drawn, over both classes
    assert np.allclose(found.mean, np.mean(list(CLASSES.values())) / 255, atol=0.02)
    assert all(0.2 < value < 0.3 for value in found.std)  # half the distance between the classes
    # the folder may be named by paths.data itself
    assert image_folder(folder, folder="elsewhere", **SIZES).digests == found.digests


def test_grey_and_cmyk_images_are_seen_as_pillow_sees_them(folder):
    split = load(folder, resize=16).train
    for index in (0, 1, 2):
        with Image.open(folder / "train" / "cat" / f"{index:02}.JPEG") as image:
            assert image.mode == ("RGB", "L", "CMYK")[index]
            size = [int(16 * side / min(image.size)) for side in image.size]
            seen = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BILINEAR), dtype=int)
        top, left = round((seen.shape[0] - 16) / 2), round((seen.shape[1] - 16) / 2)
        assert np.abs(split.image(index) - seen[top : top + 16, left : left + 16]).max() <= 2


def test_batches_are_images_whoever_decodes_them(folder):
    split = load(folder).train
    alone, together = decoded(split), decoded(split, workers=2)
    draws = ViewAugmentation(resized_crop=(0.08, 1.0), horizontal_flip=True).draw(0, 3, 24, CPU)
    parts = torch.randperm(24, generator=torch.Generator().manual_seed(0)).split(7)
    for asked in (None, draws):
        expected = [alone.batch(part, asked) for part in parts]
        assert [y.tolist() for _, y in expected] == [split.labels[part.numpy()].tolist() for part in parts]
        for images in (alone, together):
            found = list(images.batches(parts, asked))
            assert same(found, expected)
        together.expect(parts, asked)
        for place, part in enumerate(parts):
            if place == 2:  # somebody else looks in between, even at what is expected next
                assert torch.equal(together.batch(parts[0], asked)[0], expected[0][0])
                assert torch.equal(next(together.batches(parts, asked))[0], expected[0][0])
            assert torch.equal(together.batch(part, asked)[0], expected[place][0])
    one = split.image(5)
    assert torch.equal(alone.pixels(torch.tensor([5]))[0], torch.from_numpy(one.copy()))
    [x] = alone.batch(torch.tensor([5]), None)[0]
    assert torch.equal(x, torch.from_numpy(one.copy()).permute(2, 0, 1).float())


def same(one, other):
    return all(map(torch.equal, sum(one, ()), sum(other, ())))


def test_a_subset_sees_the_files_it_took(folder):
    split = load(folder).train
    some = split.take(np.array([20, 3]))
    assert np.array_equal(some.image(0), split.image(20))
    assert some.labels.tolist() == [1, 0]


def test_the_next_image_takes_the_place_of_a_broken_one(folder, caplog):
    caplog.set_level("WARNING", logger="normlab.data")
    cut_off(folder / "train" / "cat" / "11.JPEG")
    (folder / "train" / "dog" / "00.JPEG").write_bytes(b"no image")
    split = load(folder).train
    for count in (0, 2):
        images = decoded(split, count)
        x, y = images.batch(torch.tensor([10, 11, 12, 13]), None)
        assert torch.equal(x[1], x[3])
        assert torch.equal(x[2], x[3])
        assert y.tolist() == [0, 1, 1, 1]  # labelled as what is seen
        assert sorted(images.broken) == ["train/cat/11.JPEG", "train/dog/00.JPEG"]
    assert caplog.text.count("11.JPEG") == 2  # once for each of the two
    assert "Image is incomplete or truncated" in caplog.text


def test_a_broken_image_that_is_tested_on_is_an_error(folder):
    cut_off(folder / "val" / "cat" / "01.JPEG")
    with pytest.raises(BrokenImage, match=r"val/cat/01\.JPEG cannot be decoded .*tested on"):
        decoded(load(folder).test).batch(torch.tensor([0, 1]), None)


def test_nothing_to_put_in_its_place(folder):
    found = load(folder)
    for path in (folder / "train").rglob("*.JPEG"):
        path.write_bytes(b"")
    with pytest.raises(BrokenImage, match=r"not one image of .* can be decoded"):
        decoded(found.train).batch(torch.tensor([3]), None)


def empty(folder):
    for path in folder.iterdir():
        path.unlink()


REFUSED = {
    "no folder": (lambda folder: shutil.rmtree(folder), r"is no dataset of image files, nor is .*Put them there"),
    "no val": (lambda folder: shutil.rmtree(folder / "val"), "has a folder train and none named val"),
    "empty train": (lambda folder: [shutil.rmtree(folder / "train" / name) for name in CLASSES], "train has no folder"),
    "empty val": (lambda folder: [shutil.rmtree(folder / "val" / name) for name in CLASSES], "val is empty"),
    "an empty class": (lambda folder: empty(folder / "val" / "cat"), "cat has no image"),
    "a class more": (
        lambda folder: write_image(folder / "train" / "cow" / "0.png", 0, 9),
        "1 classes, such as cow.*val",
    ),
    "a class less": (lambda folder: shutil.rmtree(folder / "train" / "dog"), "1 classes, such as dog, .*in train"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_folders_that_are_refused(folder, what):
    change, message = REFUSED[what]
    change(folder)
    with pytest.raises(ValueError, match=message):
        load(folder)


@pytest.mark.parametrize(("settings", "message"), [({"size": 0}, "size=0"), ({"resize": 15}, "resize=15 is less than")])
def test_impossible_sizes(folder, settings, message):
    with pytest.raises(ValueError, match=message):
        load(folder, **settings)


def make_kit(folder, truth):
    """A development kit that labels the flat validation images, by the numbers of the classes."""
    data = folder / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("\n".join(map(str, truth)) + "\n")
    rows = [(1, "dog", 0), (2, "cat", 0), (3, "animal", 2)]
    rows = [(number, name, name, name, children, 0, 0, 12) for number, name, children in rows]
    names = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "height", "images")
    kinds = [(name, "O") for name in names]
    savemat(data / "meta.mat", {"synsets": np.array(rows, dtype=kinds)})


def flatten(folder):
    """The validation images in one folder, numbered, dogs and cats in turn."""
    for place, name in enumerate(("dog", "cat")):
        for number, path in enumerate(sorted((folder / "val" / name).iterdir())):
            path.rename(folder / "val" / f"ILSVRC2012_val_{2 * number + place + 1:08d}.JPEG")
        (folder / "val" / name).rmdir()


@pytest.mark.parametrize("packed", [False, True])
def test_flat_validation_images_are_labelled_by_the_development_kit(folder, packed):
    by_class = load(folder).test
    expected = [by_class.image(index) for index in range(10)]
    flatten(folder)
    make_kit(folder, [1, 2] * 5)
    if packed:
        with tarfile.open(folder / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as archive:
            archive.add(folder / "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12")
        shutil.rmtree(folder / "ILSVRC2012_devkit_t12")
    found = load(folder).test
    assert found.labels.tolist() == by_class.labels.tolist()
    assert all(np.array_equal(found.image(index), expected[index]) for index in range(10))


@pytest.mark.parametrize(
    ("truth", "message"),
    [(None, "their labels are missing"), ([1, 2], "labels of 2"), ([3] * 10, "3 is no class")],
)
def test_a_kit_that_does_not_fit(folder, truth, message):
    flatten(folder)
    if truth is not None:
        make_kit(folder, truth)
    with pytest.raises(ValueError, match=message):
        load(folder)


def make_archives(folder, monkeypatch):
    """ImageNet's archives with our images, and torchvision told of their md5."""
    from torchvision.datasets import imagenet
    from torchvision.datasets.utils import calculate_md5

    with tarfile.open(folder / "ILSVRC2012_img_train.tar", "w") as archive:
        for name in CLASSES:
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w") as images:
                for path in sorted((folder / "train" / name).iterdir()):
                    images.add(path, path.name)
            about = tarfile.TarInfo(f"{name}.tar")
            about.size = inner.tell()
            inner.seek(0)
            archive.addfile(about, inner)
    flatten(folder)
    with tarfile.open(folder / "ILSVRC2012_img_val.tar", "w") as archive:
        for path in sorted((folder / "val").iterdir()):
            archive.add(path, path.name)
    make_kit(folder, [1, 2] * 5)
    with tarfile.open(folder / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as archive:
        archive.add(folder / "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12")
    for name in ("train", "val", "ILSVRC2012_devkit_t12"):
        shutil.rmtree(folder / name)
    names = {"train": TRAIN, "val": VAL, "devkit": KIT}
    known = {key: (name, calculate_md5(str(folder / name))) for key, name in names.items()}
    monkeypatch.setattr(imagenet, "ARCHIVE_META", known)
    return folder


def test_official_archives_are_unpacked(folder, monkeypatch):
    expected = load(folder)
    images = [expected.test.image(index) for index in range(10)]
    make_archives(folder, monkeypatch)
    (folder / "train.unpacking" / "cat").mkdir(parents=True)  # of an earlier start that was killed
    found = load(folder)
    assert found.train.labels.tolist() == expected.train.labels.tolist()
    assert found.digests["train_images"] == expected.digests["train_images"]
    assert found.test.labels.tolist() == expected.test.labels.tolist()
    assert all(np.array_equal(found.test.image(index), images[index]) for index in range(10))
    assert not list(folder.glob("*.unpacking"))


def test_archives_that_are_others_or_missing(folder, monkeypatch):
    make_archives(folder, monkeypatch)
    with pytest.raises(ValueError, match="is no dataset of image files"):
        load(folder, archives=False)
    with open(folder / "ILSVRC2012_img_train.tar", "ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match=r"ILSVRC2012_img_train\.tar"):
        load(folder)
    assert not (folder / "train").exists()
    (folder / "ILSVRC2012_img_val.tar").unlink()
    with pytest.raises(ValueError, match=r"not ILSVRC2012_img_val\.tar either"):
        load(folder)
