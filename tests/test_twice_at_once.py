"""The same thing asked for twice at once: one works, the other waits or says so; what a dead process held is free."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import compose_tiny, words_of
from data_fixtures import write_folder
from image_folders import make_folder
from test_data_cache import ARRAYS, assert_right, load
from test_data_packs import made as make_pack_of

from data.packs import NoPack
from experiments import identity
from experiments.crashtest.made_up_cifar10 import cifar10_files
from experiments.errors import UserError
from experiments.folders import replaced
from experiments.job import perform

HOLDER = """
import sys, time, filelock
with filelock.FileLock(sys.argv[1], fallback_to_soft=False):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def held(lock: Path) -> Iterator[subprocess.Popen]:
    """Another process holds a lock, as normlab's own do, until it is killed."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_run_that_another_process_makes_is_left_to_it(outputs, train_py):
    config = compose_tiny(outputs)
    folder = identity.folder(config)
    with held(folder / ".lock") as other:
        said = train_py(*words_of(outputs))
        assert said.code == 2
        assert f"another process is working on {folder}; wait for it, or stop it first" in said.err
        assert said.err.count("\n") == 1
        other.kill()  # what the dead process held is free, without a word of anybody
        other.wait()
        assert perform(config)["status"] == "finished"


def test_a_pack_that_another_process_makes_is_left_to_it(tmp_path):
    folder, target = make_folder(tmp_path / "animals"), tmp_path / "packs" / "animals8"
    with held(target.with_name("animals8.lock")) as other:
        with pytest.raises(NoPack, match="another process is making"):
            make_pack_of(folder, target)
        other.kill()
        other.wait()
        assert make_pack_of(folder, target)["images"] == {"train": 24, "test": 10}


def waits_for(lock: Path, work: Callable[[], object]) -> None:
    """See that `work` does not come to its end while another process holds the lock, and does once that is dead."""
    thread = threading.Thread(target=work)
    with held(lock) as other:
        thread.start()
        time.sleep(0.5)
        assert thread.is_alive()
        other.kill()
        thread.join(60)
        assert not thread.is_alive()


def test_a_dataset_that_another_process_prepares_is_waited_for(tmp_path, caplog):
    write_folder(tmp_path / "cifar-10-batches-py", cifar10_files(ARRAYS))
    found = []
    with caplog.at_level("INFO"):
        waits_for(tmp_path / "cache" / "cifar10.lock", lambda: found.append(load(tmp_path)))
    assert "waiting for another process that prepares" in caplog.text
    assert_right(found[0])


def test_a_page_that_another_process_writes_is_waited_for(tmp_path):
    def write() -> None:
        with replaced(tmp_path / "page") as fresh:
            (fresh / "index.html").write_text("new")

    waits_for(tmp_path / ".page.lock", write)
    assert (tmp_path / "page" / "index.html").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_pages_that_are_written_at_once_are_one_of_them(tmp_path):
    """Without the lock one finds the folder that it moved away in its place again."""
    failures: list[Exception] = []

    def write(number: int) -> None:
        try:
            for _ in range(20):
                with replaced(tmp_path / "page") as fresh:
                    for name in "abc":
                        (fresh / name).write_text(str(number))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len({path.read_text() for path in (tmp_path / "page").iterdir()}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_what_a_killed_process_left_is_put_in_order(tmp_path):
    """Killed between the two moves: the old page is back, or the new one in its place, and nothing lies beside it."""
    for name in ("tmp", "old"):
        (tmp_path / f".page.{name}").mkdir()
        (tmp_path / f".page.{name}" / "index.html").write_text(name)

    def fail() -> None:
        with replaced(tmp_path / "page"):
            assert (tmp_path / "page" / "index.html").read_text() == "old"
            raise UserError("half-way")

    with pytest.raises(UserError, match="half-way"):
        fail()
    assert (tmp_path / "page" / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["page"]
