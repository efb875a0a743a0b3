"""Downloads from a server on this machine: resumed, restarted, given up, and verified before they are kept."""

import logging
import socket
import time

import pytest

from data import download as download_module
from data.cifar import cifar10
from data.download import TooSlow, download
from data.sources import DataUnavailable, Source, acquire
from experiments.crashtest.file_server import serving
from experiments.crashtest.made_up_cifar10 import cifar10_archive, cifar10_arrays, digests_of

CONTENT = bytes(range(256)) * 4000  # 1 MB
ARRAYS = cifar10_arrays()
DIGESTS = digests_of(ARRAYS)
ARCHIVE = cifar10_archive(ARRAYS)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return reserved.getsockname()[1]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_is_resumed_or_begun_again(tmp_path, ranges):
    part = tmp_path / "folder" / "file.part"
    with serving({"/file": CONTENT}, ranges=ranges) as server:
        server.cut["/file"] = 300_000
        with pytest.raises(OSError, match="broke off"):
            download(f"{server.url}/file", part, minimum_speed=None)
        assert part.read_bytes() == CONTENT[:300_000]  # what has arrived is kept
        assert download(f"{server.url}/file", part, minimum_speed=None) is ranges
        assert server.requests == [("/file", None), ("/file", "bytes=300000-")]
    assert part.read_bytes() == CONTENT


def test_a_part_that_is_whole_is_not_fetched_again(tmp_path):
    part = tmp_path / "file.part"
    part.write_bytes(CONTENT)
    with serving({"/file": CONTENT}) as server:
        assert download(f"{server.url}/file", part, minimum_speed=None)
    assert part.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_fetched_anew(tmp_path):
    part = tmp_path / "file.part"
    part.write_bytes(b"x" * (len(CONTENT) + 1))
    with serving({"/file": CONTENT}) as server:
        assert not download(f"{server.url}/file", part, minimum_speed=None)
    assert part.read_bytes() == CONTENT


def test_a_missing_file_is_an_error_and_leaves_nothing(tmp_path):
    with serving({}) as server, pytest.raises(OSError, match="404"):
        download(f"{server.url}/file", tmp_path / "folder" / "file.part", minimum_speed=None)
    assert not list(tmp_path.iterdir())


def test_a_closed_port_costs_less_than_a_second(tmp_path, closed_port):
    begun = time.perf_counter()
    with pytest.raises(OSError, match="refused"):
        download(f"http://127.0.0.1:{closed_port}/file", tmp_path / "part", minimum_speed=None)
    assert time.perf_counter() - begun < 1


def test_a_host_that_accepts_and_falls_silent_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(download_module, "READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.perf_counter()
        with pytest.raises(OSError, match="timed out"):
            download(f"http://127.0.0.1:{silent.getsockname()[1]}/file", tmp_path / "part", minimum_speed=None)
    assert time.perf_counter() - begun < 2


def test_a_slow_host_is_left_after_the_grace_and_what_came_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(download_module, "GRACE_SECONDS", 0.0)
    with serving({"/file": CONTENT}) as server:
        with pytest.raises(TooSlow, match="kB/s"):
            download(f"{server.url}/file", tmp_path / "part", minimum_speed=1e15)
        assert 0 < (tmp_path / "part").stat().st_size < len(CONTENT)
        assert download(f"{server.url}/file", tmp_path / "part", minimum_speed=None)
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_slow_sources_come_again_after_the_others_have_failed(caplog):
    asked = []

    def slow(minimum_speed):
        asked.append(("slow", minimum_speed is None))
        if minimum_speed is not None:
            raise TooSlow("only 55 kB/s")
        return "decoded"

    def dead(minimum_speed):
        asked.append(("dead", minimum_speed is None))
        raise OSError("no answer")

    assert acquire("some", [Source("a", slow), Source("b", dead)], remedy="") == "decoded"
    assert asked == [("slow", False), ("dead", False), ("slow", True)]
    assert "55 kB/s" in caplog.text


def test_every_source_that_failed_is_listed_in_one_line(closed_port, tmp_path):
    changed = {key: array.copy() for key, array in ARRAYS.items()}
    changed["test_images"][0, 0, 0, 0] ^= 255
    dead = f"http://127.0.0.1:{closed_port}/cifar.tar.gz"
    with serving({"/wrong.tar.gz": cifar10_archive(changed), "/half.tar.gz": ARCHIVE[:500]}) as server:
        names = ("missing", "wrong", "half")
        urls = [dead, *(f"{server.url}/{name}.tar.gz" for name in names)]
        with pytest.raises(DataUnavailable) as refusal:
            cifar10(tmp_path, sources=[{"url": url} for url in urls], digests=DIGESTS)
    message = str(refusal.value)
    assert "\n" not in message
    assert all(url in message for url in urls)
    for reason in ("connection refused", "404", DIGESTS["test_images"], "not a whole tar archive"):
        assert reason in message
    assert {path.name for path in tmp_path.iterdir()} == {"cache"}  # nothing wrong is kept


def test_the_next_source_is_taken_and_the_archive_kept_once_verified(tmp_path, closed_port, caplog):
    dead = f"http://127.0.0.1:{closed_port}/cifar.tar.gz"
    with serving({"/cifar.tar.gz": ARCHIVE}) as server:
        sources = [{"url": dead}, {"url": f"{server.url}/cifar.tar.gz?download=1"}]
        server.files["/cifar.tar.gz?download=1"] = ARCHIVE
        with caplog.at_level(logging.WARNING):
            dataset = cifar10(tmp_path, sources=sources, digests=DIGESTS)
    assert dataset.digests == DIGESTS
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    assert (tmp_path / "cifar-10-python.tar.gz").read_bytes() == ARCHIVE
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "cifar-10-python.tar.gz"}


def test_a_wrong_archive_of_the_user_is_left_alone(tmp_path):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"mine")
    with serving({"/cifar.tar.gz": ARCHIVE}) as server:
        assert cifar10(tmp_path, sources=[{"url": f"{server.url}/cifar.tar.gz"}], digests=DIGESTS).digests == DIGESTS
    assert (tmp_path / "cifar-10-python.tar.gz").read_bytes() == b"mine"


def test_an_interrupted_archive_is_resumed_on_the_next_run(tmp_path):
    with serving({"/cifar.tar.gz": ARCHIVE}) as server:
        sources = [{"url": f"{server.url}/cifar.tar.gz"}]
        server.cut["/cifar.tar.gz"] = 1000
        with pytest.raises(DataUnavailable, match="broke off"):
            cifar10(tmp_path, sources=sources, digests=DIGESTS)
        assert cifar10(tmp_path, sources=sources, digests=DIGESTS).digests == DIGESTS
        assert [wanted for _, wanted in server.requests] == [None, "bytes=1000-"]


def test_a_part_of_another_file_is_noticed_and_fetched_anew(tmp_path):
    with serving({"/cifar.tar.gz": b"y" * 2000}) as server:
        sources = [{"url": f"{server.url}/cifar.tar.gz"}]
        server.cut["/cifar.tar.gz"] = 1000
        with pytest.raises(DataUnavailable):
            cifar10(tmp_path, sources=sources, digests=DIGESTS)
        server.files["/cifar.tar.gz"] = ARCHIVE  # the file has changed on the server
        assert cifar10(tmp_path, sources=sources, digests=DIGESTS).digests == DIGESTS
        assert [wanted for _, wanted in server.requests] == [None, "bytes=1000-", None]
