"""Tiny ImageNet from the official folder, from its archive and from a folder for each class; what is refused."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import image_files
from data import tiny_imagenet as module
from data.content import content_digest
from data.sources import DataUnavailable
from data.tiny_imagenet import tiny_imagenet

FEW = {"train": 12, "val": 3}
WNIDS = ["n02", "n01", "n03"]
WORDS = "n00\tentity\nn01\tgoldfish, Carassius auratus\nn02\tblack widow, Latrodectus mactans\nn03\tblack widow\n"


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(module, "IMAGES", FEW)


def picture(wnid: str, split: str, number: int) -> Image.Image:
    """One colour, which JPEG keeps: the class in red, the split in green, the number in blue; number 1 is grey."""
    if number == 1:
        return Image.new("L", (64, 64), 10 * int(wnid[1:]) + (split == "val"))
    return Image.new("RGB", (64, 64), (60 * int(wnid[1:]), 250 * (split == "val"), 10 * number % 250))


def jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=95)
    return stream.getvalue()


def official_files(counts=None, wnids=WNIDS) -> dict[str, bytes]:
    """By their paths in the official folder."""
    counts = counts or FEW
    files = {
        f"train/{wnid}/images/{wnid}_{number}.JPEG": jpeg(picture(wnid, "train", number))
        for wnid in wnids
        for number in range(counts["train"])
    }
    files |= {f"train/{wnid}/{wnid}_boxes.txt": b"not used" for wnid in wnids}
    lines = []
    for place in range(counts["val"] * len(wnids)):
        wnid, number = wnids[place % len(wnids)], place // len(wnids)
        files[f"val/images/val_{place}.JPEG"] = jpeg(picture(wnid, "val", number))
        lines.append(f"val_{place}.JPEG\t{wnid}\t0\t32\t44\t62\n")
    files |= {"val/val_annotations.txt": "".join(lines).encode(), "words.txt": WORDS.encode()}
    return files | {"wnids.txt": "\n".join(wnids).encode(), "test/images/test_0.JPEG": b"no labels, not used"}


def by_class_files() -> dict[str, bytes]:
    """The same images with a folder for each class in val too, and other names for its list."""
    files = official_files()
    found = {"classes.tsv": files["words.txt"]}
    for path, raw in files.items():
        if path.startswith("train/") and path.endswith("JPEG"):
            found[path.replace("images/", "")] = raw
    for line in files["val/val_annotations.txt"].decode().splitlines():
        name, wnid, *_ = line.split("\t")
        found[f"val/{wnid}/{name}"] = files[f"val/images/{name}"]
    return found


def write_tree(folder: Path, files: dict[str, bytes]) -> None:
    for path, raw in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(raw)


def load(root: Path, **settings):
    return tiny_imagenet(root, **{"classes": 3, "sources": [], "digests": {}} | settings)


def assert_right(dataset) -> None:
    """Classes in the order of their WordNet names, images in that of their numbers."""
    assert dataset.name == "tiny_imagenet"
    assert dataset.image_shape == (3, 64, 64)
    assert dataset.classes == ("goldfish", "n02", "n03")  # two are called black widow
    for split, key in (("train", "train"), ("test", "val")):
        found = getattr(dataset, split)
        np.testing.assert_array_equal(found.labels, np.repeat([0, 1, 2], FEW[key]))
        for index, image in enumerate(found.images):
            label, number = divmod(index, FEW[key])
            expected = np.asarray(picture(f"n0{label + 1}", key, number).convert("RGB")).astype(int)
            assert np.abs(image - expected).max() <= 3, (split, index)
        assert dataset.digests[f"{split}_images"] == content_digest(found.images)
        assert dataset.digests[f"{split}_labels"] == content_digest(found.labels)


@pytest.mark.parametrize("place", ["tiny-imagenet-200", "tiny-imagenet-3", "tiny_imagenet/tiny-imagenet-200", "."])
def test_official_folder_is_read_wherever_it_lies(tmp_path, place):
    write_tree(tmp_path / place, official_files())
    assert_right(load(tmp_path))


def test_a_folder_for_each_class_is_read_too(tmp_path):
    write_tree(tmp_path / "tiny-imagenet-3", by_class_files())
    assert_right(load(tmp_path))


def write_archive(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("elsewhere/train/n09/n09_0.JPEG", b"not looked at")
        for name, raw in reversed(files.items()):
            archive.writestr(f"tiny-imagenet-200/{name}", raw)


def test_the_archive_is_read_and_nothing_unpacked(tmp_path):
    write_archive(tmp_path / "tiny-imagenet-200.zip", official_files())
    assert_right(load(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"tiny-imagenet-200.zip", "cache"}


def test_the_cache_is_used_and_parts_have_their_own(tmp_path):
    write_tree(tmp_path / "tiny-imagenet-200", official_files())
    first = load(tmp_path)
    write_tree(tmp_path / "tiny-imagenet-2", official_files(wnids=["n01", "n02"]))
    assert load(tmp_path, classes=2).num_classes == 2
    (tmp_path / "tiny-imagenet-200").rename(tmp_path / "gone")
    again = load(tmp_path)
    assert_right(again)
    assert again.digests == first.digests


def test_digests_are_checked_where_they_are_given(tmp_path):
    write_tree(tmp_path / "tiny-imagenet-200", official_files())
    right = load(tmp_path).digests
    assert_right(load(tmp_path, digests=right))
    with pytest.raises(DataUnavailable, match=r"content of test_labels has sha256 \w+ instead of 00"):
        load(tmp_path, digests=right | {"test_labels": "00"})


def without(path: str) -> dict[str, bytes]:
    return {name: raw for name, raw in official_files().items() if name != path}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (without("train/n02/images/n02_3.JPEG"), "class n02 has 11 images in train, not 12"),
        (without("val/images/val_4.JPEG"), "class n01 has 2 images in val, not 3"),
        (without("val/val_annotations.txt"), "nothing says of which class val/images/val_"),
        (official_files(wnids=["n01", "n02"]), "there are 2 classes in train and 2 in val, and 3 are asked for"),
        (official_files() | {"train/n01/images/n01_0.JPEG": b"what"}, "n01_0.JPEG is no whole JPEG image"),
        (
            official_files() | {"train/n01/images/n01_0.JPEG": jpeg(Image.new("RGB", (64, 32)))},
            "n01_0.JPEG has 64x32 pixels, not 64x64",
        ),
        (
            official_files() | {"train/n01/images/n01_0.JPEG": official_files()["train/n01/images/n01_0.JPEG"][:-300]},
            "n01_0.JPEG is no whole JPEG image",
        ),
    ],
)
def test_other_content_is_refused_and_leaves_no_cache(tmp_path, files, said):
    write_tree(tmp_path / "tiny-imagenet-200", files)
    with pytest.raises(DataUnavailable, match="tiny_imagenet is not to be had") as raised:
        load(tmp_path)
    assert said in str(raised.value)
    assert not (tmp_path / "cache" / "tiny_imagenet_3").exists()


def test_files_that_are_too_large_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "LARGEST_BYTES", 100)
    write_archive(tmp_path / "tiny-imagenet-200.zip", official_files())
    with pytest.raises(DataUnavailable, match="too large, refused"):
        load(tmp_path)


def test_a_broken_archive_is_one_line(tmp_path):
    (tmp_path / "tiny-imagenet-200.zip").write_bytes(b"PK nothing")
    with pytest.raises(DataUnavailable, match=r"tiny-imagenet-200\.zip is not a whole zip archive"):
        load(tmp_path)


def test_a_broken_file_in_an_archive_is_one_line(tmp_path):
    path = tmp_path / "tiny-imagenet-200.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in official_files().items():
            archive.writestr(f"tiny-imagenet-200/{name}", raw)
        first = archive.infolist()[0]
    raw = bytearray(path.read_bytes())
    begin = first.header_offset + 30 + len(first.filename)
    raw[begin : begin + 20] = b"\xff" * 20
    path.write_bytes(raw)
    with pytest.raises(DataUnavailable, match=r"tiny-imagenet-200\.zip is not a whole zip archive \(.*decompressing"):
        load(tmp_path)


def test_an_image_that_claims_to_be_huge_is_one_line(tmp_path):
    raw = bytearray(jpeg(Image.new("L", (64, 64))))
    begin = raw.index(b"\xff\xc0") + 5  # height and width
    raw[begin : begin + 4] = b"\xff\xdc\xff\xdc"
    write_tree(tmp_path / "tiny-imagenet-200", official_files() | {"train/n01/images/n01_0.JPEG": bytes(raw)})
    with pytest.raises(DataUnavailable, match=r"n01_0\.JPEG is no whole JPEG image \(Image size"):
        load(tmp_path)


def test_where_there_is_nothing_the_remedy_is_told(tmp_path):
    with pytest.raises(DataUnavailable, match=r"tried nothing\. Put the official archive tiny-imagenet-200\.zip"):
        load(tmp_path)
    with pytest.raises(ValueError, match=r"give \{url: ARCHIVE\}"):
        load(tmp_path, sources=[{"npm": "x@1"}])


@pytest.mark.parametrize("classes", [1, 201])
def test_impossible_numbers_of_classes_are_refused(tmp_path, classes):
    with pytest.raises(ValueError, match=f"dataset.classes={classes} is not between 2 and 200"):
        load(tmp_path, classes=classes)
