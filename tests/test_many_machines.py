"""A study given to processes of other machines, one of which dies: it comes to its end, and no run is made twice."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, process
from test_sweep import starts_of, table

STUDY = ("study=heterogeneity", "scale=smoke", "device=cpu")  # twelve runs


def killed_at_work(front: subprocess.Popen, outputs: Path) -> str:
    """Kill the first process that is seen making a run, which holds its lock; returns the run's name."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert front.poll() is None, front.communicate()
        for child in psutil.Process().children(recursive=True):
            try:
                locks = [Path(file.path) for file in child.open_files() if file.path.endswith(".lock")]
                runs = [path.parent for path in locks if path.parent.parent == outputs / "runs"]
                if runs and (runs[0] / "train.log").exists() and starts_of(runs[0]):
                    child.send_signal(signal.SIGSTOP)
                    if not (runs[0] / "result.json").exists():
                        child.send_signal(signal.SIGKILL)
                        return runs[0].name
                    child.send_signal(signal.SIGCONT)
            except psutil.Error:  # gone meanwhile
                continue
        time.sleep(0.005)
    raise AssertionError("no run was seen")


def assert_the_study_comes_to_its_end(outputs: Path, *launcher: str) -> None:
    words = process(*STUDY, f"paths.outputs={outputs}", f"paths.data={outputs / 'data'}", *launcher)
    front = subprocess.Popen(
        words,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        killed = killed_at_work(front, outputs)
        out, _ = front.communicate(timeout=400)
    finally:
        front.kill()
        front.wait()
    assert front.returncode == 0, out
    assert [found[0] for found in table(out).values()] == ["finished"] * 12
    for folder in (outputs / "runs").iterdir():
        assert starts_of(folder) == (2 if folder.name == killed else 1), folder.name
    assert (outputs / "studies" / "heterogeneity-smoke" / "index.html").exists()


def test_processes_as_slurm_starts_them(outputs):
    pytest.importorskip("submitit")
    assert_the_study_comes_to_its_end(outputs, "hydra/launcher=slurm_local")


@contextmanager
def ray_cluster(nodes: int) -> Iterator[str]:
    """A cluster of some nodes of one processor each on this machine; gives its address."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=1)
        yield cluster.address
    finally:
        cluster.shutdown()


def test_two_nodes_of_a_ray_cluster(outputs, monkeypatch):
    pytest.importorskip("ray", exc_type=ImportError)
    with ray_cluster(2) as address:
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert_the_study_comes_to_its_end(outputs, "hydra/launcher=ray")
