"""One thread, kinds of tests that stay out unless they can run or are asked for, and small runs to look at."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # also of the processes that tests start; read when torch is imported

import errno
import fcntl
import io
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from edited_results import of_schema_1
from PIL import Image

from experiments import identity
from experiments.command_line import plan
from experiments.door import main
from experiments.job import perform
from experiments.report import figures
from experiments.studies import study as study_file

EXAMPLES = 50  # command lines that are made up, unless --examples says how many
ROOT = Path(__file__).resolve().parents[1]
# 64 training images in 8 steps an epoch, 21 test images, both awkward for batches of 8
TINY = (
    "model=small_cnn",
    "model.width=0.25",
    "dataset=synthetic",
    "dataset.kind=noise",
    "dataset.num_train=67",
    "dataset.num_test=21",
    "dataset.num_classes=3",
    "dataset.image_size=8",
    "batch_size=8",
    "epochs=2",
    "device=cpu",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--network", action="store_true", help="also run the tests that fetch from other machines")
    parser.addoption("--examples", type=int, default=EXAMPLES, help="made-up command lines in test_any_command_line.py")
    parser.addoption("--whole", action="store_true", help="every combination in test_same_bits.py, not one of each")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that cannot run here are left out of the selection, and counted as such, rather than skipped one by one."""
    left_out = {
        "network": not config.getoption("--network"),
        "whole": not config.getoption("--whole"),
        "gpu": not torch.cuda.is_available(),
    }
    marks = [mark for mark, out in left_out.items() if out]
    out = [item for item in items if any(item.get_closest_marker(mark) for mark in marks)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


def words_of(outputs: Path, *overrides: str) -> list[str]:
    """The words of a command for a tiny run; later ones win."""
    return [*TINY, f"paths.outputs={outputs}", f"paths.data={outputs / 'data'}", *overrides]


def compose_tiny(outputs: Path, *overrides: str) -> dict[str, Any]:
    return plan(words_of(outputs, *overrides)).jobs[0].config


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Where the runs of a test go; does not exist yet."""
    return tmp_path / "outputs"


@pytest.fixture
def compose(outputs: Path) -> Callable[..., dict[str, Any]]:
    """compose(*overrides): the resolved configuration of a tiny run."""
    return lambda *overrides: compose_tiny(outputs, *overrides)


@dataclass(frozen=True)
class Made:
    """A run that is over."""

    config: dict[str, Any]
    folder: Path
    result: dict[str, Any]

    @property
    def checkpoint(self) -> dict[str, Any]:
        return torch.load(self.folder / "checkpoint.pt", weights_only=True)

    @property
    def metrics(self) -> list[tuple[int, int, str, float]]:
        """(step, epoch, name, value) of each line of metrics.csv."""
        header, *lines = (self.folder / "metrics.csv").read_text().splitlines()
        assert header == "step,epoch,name,value"
        rows = [line.split(",") for line in lines]
        return [(int(step), int(epoch), name, float(value)) for step, epoch, name, value in rows]

    def assert_same_bits(self, other: "Made") -> None:
        """Weights, optimizer, numbers and predictions are equal bit for bit."""
        assert (self.folder / "metrics.csv").read_bytes() == (other.folder / "metrics.csv").read_bytes()
        self.assert_same_training(other)

    def assert_same_training(self, other: "Made") -> None:
        """The same but for what was recorded on the way."""
        assert (self.folder / "predictions.npz").read_bytes() == (other.folder / "predictions.npz").read_bytes()
        one, two = self.checkpoint, other.checkpoint
        assert one["step"] == two["step"]
        assert one["model"].keys() == two["model"].keys()
        for name, tensor in one["model"].items():
            assert torch.equal(tensor, two["model"][name]), name
        states = [content["optimizer"]["state"] for content in (one, two)]
        assert states[0].keys() == states[1].keys()
        for index, state in states[0].items():
            for name, value in state.items():
                assert torch.equal(torch.as_tensor(value), torch.as_tensor(states[1][index][name])), name
        assert torch.equal(one["generator"], two["generator"])


@pytest.fixture
def made(compose: Callable[..., dict[str, Any]]) -> Callable[..., Made]:
    """made(*overrides): a tiny run, trained here and now."""

    def make(*overrides: str) -> Made:
        config = compose(*overrides)
        result = perform(config)
        return Made(config, identity.folder(config), result)

    return make


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One finished tiny run, to be looked at and left as it is."""
    config = compose_tiny(tmp_path_factory.mktemp("finished") / "outputs", "log_every=3", "dataset.train_size=64")
    result = perform(config)
    return Made(config, identity.folder(config), result)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Is there when something was run that should not have been."""
    return tmp_path / "marker"


@pytest.fixture
def strange_run(finished: Made, tmp_path: Path) -> Path:
    """A finished run's folder, whose result vouches for nothing: who would do harm leaves that out."""
    folder = Path(shutil.copytree(finished.folder, tmp_path / "outputs" / "runs" / finished.folder.name))
    of_schema_1(folder)
    return folder


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An outputs folder to be left as it is: bn and none with seeds 0 and 1, and bn in batches of 4 with seed 0."""
    outputs = tmp_path_factory.mktemp("lab") / "outputs"
    for words in (
        *((f"norm={norm}", f"seed={seed}") for norm in ("bn", "none") for seed in (0, 1)),
        ("norm=bn", "seed=0", "batch_size=4"),
    ):
        perform(compose_tiny(outputs, *words))
    return outputs


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems know no locks, as Lustre does where it is mounted without them."""

    def missing(file: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", missing)


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are painted and left blank: drawing them takes longer than all else that a comparison does."""
    blank = io.BytesIO()
    Image.new("L", (1, 1)).save(blank, "PNG")
    monkeypatch.setattr(figures, "svg", lambda _: '<svg viewBox="0 0 1 1"></svg>')
    monkeypatch.setattr(figures, "png", lambda _: blank.getvalue())


@pytest.fixture
def small_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """small_study(**changes): a study called `small`, in place of those of conf/study."""
    folder = tmp_path / "conf" / "study"
    folder.mkdir(parents=True)
    monkeypatch.setattr(study_file, "CONF", tmp_path / "conf")

    def write(**changes: Any) -> None:
        content = {
            "question": "Does a norm help?",
            "claims": ["0.3"],
            "settings": [word for word in TINY if not word.startswith("epochs")],
            "factors": {
                "norm": {"bn": ["norm=bn"], "no norm": ["norm=none"]},
                "rate": {"slow": ["recipe.lr=0.01"], "fast": ["recipe.lr=0.1"]},
            },
            "metrics": [
                {
                    "key": "test_accuracy",
                    "label": "test accuracy (%)",
                    "of": "test_accuracy",
                    "at": "result",
                    "percent": True,
                    "better": "higher",
                    "margin": 0.003,
                },
                {"key": "loss", "label": "loss at the end", "of": "running/loss", "at": "last"},
            ],
            "scales": {
                "smoke": {"minutes": 0.1, "expect": "seconds", "seeds": [0, 1], "settings": ["epochs=null", "steps=2"]},
                "cpu": {
                    "minutes": 1,
                    "expect": "x",
                    "seeds": [0, 1, 2],
                    "settings": ["epochs=1"],
                    "levels": {"rate": ["fast"]},
                },
            },
        }
        (folder / "small.yaml").write_text(yaml.safe_dump({**content, **changes}, allow_unicode=True, sort_keys=False))

    write()
    return write


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def train_py(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """train_py(*words): what `python train.py *words` does in a folder, in this process."""
    import train

    def run(*words: str, folder: Path = ROOT) -> Said:
        monkeypatch.setattr(sys, "argv", [str(ROOT / "train.py"), *words])
        monkeypatch.setenv("HYDRA_MAIN_MODULE", "__main__")  # Hydra looks for conf/ beside train.py
        monkeypatch.chdir(folder)
        capsys.readouterr()
        code = main(train.job, list(words))
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return run


def hearing_ctrl_c(*words: str) -> list[str]:
    """The command of a Python program that hears Ctrl-C, though what started the tests may ignore it."""
    starting = "import os, signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    starting += "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    return [sys.executable, "-c", starting, *words]


def process(*words: str) -> list[str]:
    """The real command line."""
    return [sys.executable, str(ROOT / "train.py"), *words]
