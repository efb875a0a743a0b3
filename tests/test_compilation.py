"""Whether a run compiles: the choice, what it remembers, and that a resumed run keeps to it."""

import logging
import os
from pathlib import Path

import pytest
import torch

from experiments import checkpoint, compilation
from experiments.benchmark import start_up
from experiments.compilation import Kept, choose, fingerprint
from experiments.private_folder import private_folder
from experiments.settings import Settings
from experiments.step import objective

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run says reaches caplog."""
    monkeypatch.setattr(logging.getLogger("normlab"), "propagate", True)


@pytest.mark.parametrize(
    ("wanted", "device", "steps", "kept", "compiled"),
    [
        ("true", CPU, 1, False, True),
        ("false", CUDA, 10**6, True, False),
        ("auto", CPU, 10**6, True, False),
        ("auto", CUDA, 3999, False, False),
        ("auto", CUDA, 4000, False, True),
        ("auto", CUDA, 399, True, False),
        ("auto", CUDA, 400, True, True),
    ],
)
def test_the_choice(compose, wanted, device, steps, kept, compiled):
    choice = choose(Settings.check(compose(f"compile={wanted}")), device, steps, kept)
    assert choice.compiled is compiled
    assert choice.reason.startswith(f"compile={wanted}")
    if wanted == "auto" and device is CUDA:
        assert f"{steps:,} are to come" in choice.reason


def test_runs_share_compiled_code_where_they_compute_the_same(compose):
    def name(*overrides: str) -> str:
        return fingerprint(compose(*overrides), (3, 8, 8), 3, CPU)

    first = name()
    for same in ("seed=4", "recipe.lr=0.5", "epochs=9", "dataset.num_train=80"):
        assert name(same) == first, same
    for other in ("norm=ln", "model=mlp", "batch_size=9", "precision=bfloat16", "recipe.label_smoothing=0.3"):
        assert name(other) != first, other
    assert fingerprint(compose(), (3, 8, 8), 4, CPU) != first
    assert fingerprint(compose(), (3, 8, 8), 3, CUDA) != first


def test_what_was_compiled_is_remembered(tmp_path, monkeypatch):
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    kept = Kept(tmp_path / "place", "net")
    assert not kept
    kept.use()
    assert str(tmp_path / "place") == compilation.os.environ["TORCHINDUCTOR_CACHE_DIR"]
    assert (tmp_path / "place").stat().st_mode & 0o077 == 0  # code that others could write would be run
    kept.note(12.34)
    assert Kept(tmp_path / "place", "net")
    assert not Kept(tmp_path / "place", "other")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "elsewhere")
    kept.use()
    assert compilation.os.environ["TORCHINDUCTOR_CACHE_DIR"] == "elsewhere"


def test_a_place_that_cannot_be_made_costs_a_warning_alone(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    kept = Kept(tmp_path / "file" / "place", "net")
    kept.use()
    kept.note(1.0)
    assert "cannot be kept" in caplog.text
    assert not kept


@pytest.mark.parametrize("theirs", ["place", "compiled", "normlab"])
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_code_that_others_could_write_is_not_run(tmp_path, monkeypatch, caplog, theirs, mode):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "to be restored")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    place = tmp_path / "normlab" / "compiled" / "place"
    place.mkdir(parents=True)
    for folder in (place.parent.parent, place.parent, place):
        folder.chmod(mode if folder.name == theirs else 0o755)
    Kept(place, "net").use()
    assert f"others may write to {tmp_path}" in caplog.text
    instead = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
    assert not instead.is_relative_to(tmp_path)
    assert instead.stat().st_mode & 0o077 == 0
    instead.rmdir()


def test_a_folder_of_another_user_is_not_used(tmp_path, monkeypatch):
    private_folder(tmp_path / "a" / "b" / "c")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")} == {0o700}
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        private_folder(tmp_path / "a" / "b" / "c")


def test_the_place_follows_the_users_cache_and_the_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    there = compilation.folder(CPU)
    assert there.is_relative_to(tmp_path / "normlab")
    assert torch.__version__ in there.name
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    assert compilation.folder(CPU) != there


def test_a_resumed_run_computes_as_it_began(compose, made, monkeypatch):
    """`auto` may decide otherwise by then: fewer steps are to come, and the code is kept."""
    choices = []

    def choosing(settings, device, steps, kept, processes):
        choices.append(steps)
        return compilation.Choice(False, "compile=auto: as it happens")

    monkeypatch.setattr(compilation, "choose", choosing)
    first = made("epochs=2")
    assert choices == [first.result["steps"]]
    assert first.result["environment"]["compiled"] is False
    assert start_up.FIRST_STEP in (first.folder / "train.log").read_text()  # for which the benchmark waits
    assert checkpoint.load(first.folder)["extra"]["compiled"] is False
    (first.folder / "result.json").unlink()
    made("epochs=2")
    assert len(choices) == 1
    (first.folder / "result.json").unlink()
    made("epochs=2", "compile=false")  # said by the user, it holds
    assert len(choices) == 2


def test_a_compiled_run_says_that_it_is(made, monkeypatch, tmp_path):
    seen = []

    def compiled(*arguments):
        seen.append(arguments)
        return objective(*arguments)

    monkeypatch.setattr(compilation, "_compiled", compiled)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "code"))
    run = made("compile=true")
    assert len(seen) == run.result["steps"]
    assert run.result["environment"]["compiled"] is True
    assert checkpoint.load(run.folder)["extra"]["compiled"] is True
