"""The process: its memory and its threads."""

import ctypes
import os
import platform
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

from experiments import host

HELD = """
import psutil, sys
if sys.argv[1] == "keep":
    from experiments.host import keep_memory
    keep_memory()
import torch
torch.set_num_threads(1)
torch.ones(10)
def resident():
    return psutil.Process().memory_info().rss
before = resident()
blocks = [torch.ones(10_000_000) for _ in range(5)]  # 40 MB each, more than any block that glibc keeps by itself
during = resident()
del blocks
print(during - before, resident() - before)
"""


def test_freed_memory_stays_where_the_c_library_is_glibc():
    def taken_and_held(word: str) -> tuple[int, int]:
        """Bytes resident with the blocks, and after they are freed, over those before."""
        ours = ("THP_MEM_ALLOC_ENABLE", "GLIBC_TUNABLES", "LD_PRELOAD")
        kept = {key: value for key, value in os.environ.items() if key not in ours and not key.startswith("MALLOC_")}
        command = [sys.executable, "-c", HELD, word]
        done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=True, timeout=120)
        taken, held = map(int, done.stdout.split())
        return taken, held

    taken, held = taken_and_held("leave")
    assert taken > 190e6
    by_itself = held
    taken, held = taken_and_held("keep")
    assert taken > 190e6
    if platform.libc_ver()[0] == "glibc":
        assert by_itself < 50e6
        assert held > 190e6


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "0")
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("mallopt was called"))
    host.keep_memory()


def test_a_users_own_settings_of_memory_stand(monkeypatch):
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "0")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("mallopt was called"))
    host.keep_memory()
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "0"


def test_threads_are_what_was_asked_for_and_no_more_than_the_share(monkeypatch):
    before = torch.get_num_threads()
    try:
        host.set_threads(3)
        assert torch.get_num_threads() == 3
        monkeypatch.setattr(host, "processor_share", lambda: 2.0)
        host.set_threads(None)
        assert torch.get_num_threads() == 2
        monkeypatch.setattr(host, "processor_share", lambda: 0.4)
        host.set_threads(None)
        assert torch.get_num_threads() == 1
        monkeypatch.setattr(host, "processor_share", lambda: 8.0)
        host.set_threads(None)
        assert torch.get_num_threads() == 1  # what a launcher granted is not exceeded
        monkeypatch.setattr(host, "processor_share", lambda: None)
        host.set_threads(None)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_the_share_of_a_control_group(tmp_path):
    assert host.processor_share(tmp_path) is None
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert host.processor_share(tmp_path) is None
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("250000\n")
    assert host.processor_share(tmp_path) == 2.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert host.processor_share(tmp_path) is None
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert host.processor_share(tmp_path) == 1.5


def test_a_run_takes_the_threads_that_it_is_given(made):
    before = torch.get_num_threads()
    try:
        assert made("threads=2").result["environment"]["threads"] == 2
        assert made("threads=1", "seed=1").result["environment"]["threads"] == 1
    finally:
        torch.set_num_threads(before)
