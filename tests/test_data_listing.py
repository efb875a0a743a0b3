"""What is found in a folder of images is kept for the next run, whole, for as long as nothing has changed there."""

import os
import shutil

import pytest
from image_folders import make_folder, write_image
from test_data_folder import load

from data import listing


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "animals")


def test_the_listing_follows_the_folder(folder):
    assert len(load(folder).train) == 24
    write_image(folder / "train" / "cat" / "new.png", 7, 60)
    os.utime(folder / "train" / "cat", ns=(1, 1))
    (folder / "train" / "cat" / "notes.txt").write_text("no image")
    os.utime(folder / "train" / "cat", ns=(2, 2))
    found = load(folder)
    assert len(found.train) == 25
    shutil.copy(folder / "train" / "cat" / "00.JPEG", folder / "train" / "cat" / "99.JPEG")
    os.utime(folder / "train" / "cat", ns=(2, 2))  # as if nothing had changed: then the listing that is kept is taken
    assert load(folder).digests == found.digests


def test_a_listing_that_was_not_finished_is_written_over(folder, monkeypatch):
    kept = folder.parent / "cache" / "animals-files"
    with monkeypatch.context() as patch:
        patch.setattr(listing.np, "savez", lambda file, **arrays: file.write(b"half") and _interrupt())
        with pytest.raises(KeyboardInterrupt):
            load(folder)
    names = {path.name for path in kept.iterdir()}
    load(folder)
    after = {path.name for path in kept.iterdir()}
    assert names == {"train.npz.part", "train.npz.lock"}
    assert after == {f"{name}{end}" for name in ("train.npz", "val.npz", "statistics.json") for end in ("", ".lock")}


def test_without_locks_the_listing_is_kept_too(folder, without_locks):
    assert len(load(folder).train) == 24
    assert (folder.parent / "cache" / "animals-files" / "train.npz").exists()


def _interrupt():
    raise KeyboardInterrupt
