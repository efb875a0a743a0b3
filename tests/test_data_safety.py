"""Pickles and archives that would do harm are refused, and do none."""

import pickle
import tarfile
from pathlib import Path

import pytest
from data_fixtures import write_folder

from data.archives import read_members
from data.cifar import cifar10
from data.pickles import UnsafePickle, load_arrays
from data.sources import DataUnavailable
from experiments.crashtest.made_up_cifar10 import cifar10_arrays, cifar10_files, digests_of, tar_bytes


class Harmful:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_a_pickle_that_runs_something_is_refused_and_does_not_run_it(tmp_path):
    marker = tmp_path / "marker"
    raw = pickle.dumps({"data": Harmful(marker)}, protocol=2)
    with pytest.raises(UnsafePickle, match="refused"):
        load_arrays(raw)
    arrays = cifar10_arrays()
    write_folder(tmp_path / "cifar-10-batches-py", cifar10_files(arrays) | {"test_batch": raw})
    with pytest.raises(DataUnavailable, match="refused"):
        cifar10(tmp_path, sources=[], digests=digests_of(arrays))
    assert not marker.exists()
    pickle.loads(raw)  # the pickle does work, where nothing stops it
    assert marker.exists()


@pytest.mark.parametrize("name", ["builtins\neval", "numpy\nload", "os\nsystem", "numpy\ncore.multiarray.fromfile"])
def test_no_other_global_is_reachable(name):
    with pytest.raises(UnsafePickle):
        load_arrays(b"\x80\x02c" + name.encode() + b"\n.")


def test_broken_pickle_is_a_value_error():
    with pytest.raises(ValueError, match="not a readable pickle"):
        load_arrays(b"\x80\x02}(")


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (tar_bytes({"a/b": b"x", "../outside": b"y"}), "leads outside, ../outside"),
        (tar_bytes({"a/b": b"x", "/tmp/outside": b"y"}), "leads outside, /tmp/outside"),
        (tar_bytes({"a/b": b"x"}, (link("a/c", "/etc/passwd", tarfile.SYMTYPE),)), "link or device, a/c"),
        (tar_bytes({"a/b": b"x"}, (link("a/c", "a/b", tarfile.LNKTYPE),)), "link or device, a/c"),
        (tar_bytes({"a/c": b"x"}), "lacks a/b"),
        (tar_bytes({"a/b": b"x" * 5000})[:40], "not a whole tar archive"),
        (b"<html>", "not a whole tar archive"),
    ],
    # gzip writes the time into what would be the names
    ids=["upwards", "absolute", "symbolic link", "hard link", "incomplete", "cut off", "a page"],
)
def test_archives_with_links_or_paths_outside_are_refused(tmp_path, raw, reason):
    path = tmp_path / "in" / "archive.tar.gz"
    path.parent.mkdir()
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=reason):
        read_members(path, ["a/b"])
    assert sorted(tmp_path.rglob("*")) == [path.parent, path]
