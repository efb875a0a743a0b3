"""`python scripts/evaluate.py`: its files, its table, and one clear line for each mistake."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Said
from filelock import FileLock
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

QUICK = ("batch_sizes=[2,4]", "shuffles=2", "precise_images=20")
KEPT = ("metrics.csv", "checkpoint.pt", "predictions.npz", "result.json", "config.yaml")


def load_script():
    spec = importlib.util.spec_from_file_location("evaluate_script", ROOT / "scripts" / "evaluate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def evaluate_py(capsys):
    """evaluate_py(*words): what `python scripts/evaluate.py *words` does, in this process."""
    path = list(sys.path)
    module = load_script()
    sys.path[:] = path

    def run(*words: str) -> Said:
        capsys.readouterr()
        code = module.script.run(module.__doc__, [*words, "device=cpu"], module.evaluate)
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return run


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    """A finished run to write into, in an outputs folder of its own."""
    folder = tmp_path / "outputs" / "runs" / finished.folder.name
    shutil.copytree(finished.folder, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def events(folder: Path) -> list[Path]:
    return sorted(folder.glob("events.out.tfevents.*.modes"))


def test_what_a_killed_process_left_is_removed(evaluate_py, copy):
    (copy / ".modes.x7.tmp").mkdir()
    (copy / ".modes.x7.tmp" / "events.out.tfevents.1").touch()
    (copy / ".modes.png.17.tmp").touch()
    assert evaluate_py(str(copy), "modes=[batch]", *QUICK).code == 0
    assert (copy / "modes.json").exists()
    assert not list(copy.glob(".modes.*"))


def test_a_run_that_is_another_process_s_is_left_to_it(evaluate_py, copy):
    with FileLock(copy / ".lock"):
        said = evaluate_py(str(copy), "modes=[batch]", *QUICK)
    assert said.code == 2
    assert "another process is working on" in said.err
    assert not (copy / "modes.json").exists()


def test_files_beside_the_run_and_nothing_else_touched(evaluate_py, copy):
    before = contents(copy)
    said = evaluate_py(copy.name, f"paths.outputs={copy.parent.parent}", *QUICK)
    assert (said.code, said.err) == (0, "")
    after = contents(copy)
    assert set(after) - set(before) == {"modes.json", "modes.png", "modes.svg", *(path.name for path in events(copy))}
    assert set(KEPT) <= set(before)
    assert all(after[name] == content for name, content in before.items())
    content = json.loads(after["modes.json"])
    assert content["schema"] == 1
    assert content["run"] == copy.name
    assert content["settings"] == {
        "modes": ["running", "precise", "batch", "sorted", "whole"], "batch_sizes": [2, 4, 8], "shuffles": 2,
        "precise_images": 20,
    }  # fmt: skip
    assert content["images"] == {"test": 21, "precise": 20}
    assert content["seconds"] > 0
    assert after["modes.png"].startswith(b"\x89PNG")
    assert b"running statistics" in after["modes.svg"] or b"<svg" in after["modes.svg"]
    for code in ("M1", "M2", "M3(2)", "M3(4)", "M3(8)", "M4(2)", "M5", "inconsistency", "hidden.norm", "modes.json"):
        assert code in said.out
    mean = next(row for row in content["modes"] if row["code"] == "M3(2)")["scores"]["loss"]
    assert f"{mean['mean']:.4f} ± {mean['sd']:.4f}" in said.out


def test_tensorboard_shows_the_scalars_by_batch_size_and_the_picture(evaluate_py, copy):
    evaluate_py(str(copy), *QUICK)
    evaluate_py(str(copy), *QUICK)
    (made,) = events(copy)  # the older one is replaced
    board = EventAccumulator(str(made)).Reload()
    content = json.loads((copy / "modes.json").read_text())
    rows = {row["code"]: row["scores"] for row in content["modes"]}
    for name, code in (("shuffled", "M3"), ("sorted", "M4")):
        points = [(point.step, point.value) for point in board.Scalars(f"modes/by_batch_size/{name}/accuracy")]
        assert points == [(size, pytest.approx(rows[f"{code}({size})"]["accuracy"]["mean"])) for size in (2, 4, 8)]
    (point,) = board.Scalars("modes/final/precise/loss")
    assert (point.step, point.value) == (16, pytest.approx(rows["M2"]["loss"]["mean"]))
    assert board.Tags()["images"] == ["modes"]
    assert board.Images("modes")[0].width > 500


@pytest.mark.parametrize("norm", ["none", "ln"])
def test_a_norm_without_running_statistics(evaluate_py, made, norm):
    run = made(f"norm={norm}", "epochs=1")
    said = evaluate_py(str(run.folder), *QUICK)
    assert said.code == 0
    assert "has no running statistics" in said.out
    assert "= M1" in said.out
    assert "shuffled and sorted by class, against M1 (21 images): equal" in said.out
    assert (run.folder / "modes.png").read_bytes().startswith(b"\x89PNG")


def test_some_modes_of_several_runs(evaluate_py, copy):
    other = copy.with_name(copy.name + "-other")
    shutil.copytree(copy, other)
    said = evaluate_py(f"{copy.name}*", f"paths.outputs={copy.parent.parent}", "modes=precise,whole")
    assert said.code == 0
    for folder in (copy, other):
        content = json.loads((folder / "modes.json").read_text())
        assert [row["code"] for row in content["modes"]] == ["M1", "M2", "M5"]
        assert content["gaps"] is None
        assert str(folder / "modes.png") in said.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["modes=btach"], "modes.0=btach is not known. Did you mean batch? Known: all, batch, precise"),
        (["modes=[]"], "modes=[]: "),
        (["batch_sizes=[2,0]"], "batch_sizes.1=0: "),
        (["shuffles=0"], "shuffles=0: "),
        (["precise_images=1"], "precise_images=1: "),
        (["shufles=3"], "shufles is not a setting of this script. Did you mean shuffles?"),
        (["nothing-*"], "no run matches 'nothing-*'"),
        (["--all"], "--all is not an option here"),
        (["path.data=x"], "Did you mean paths.data?"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(evaluate_py, copy, words, said):
    before = contents(copy)
    names = [] if any(word.startswith("nothing") for word in words) else [str(copy)]
    found = evaluate_py(*names, *words, *([] if "paths" in said else [f"paths.outputs={copy.parent.parent}"]))
    assert found.code == 2
    assert said in found.err
    assert found.err.startswith("error: ")
    assert found.err.count("\n") == 1
    assert contents(copy) == before


def test_runs_that_cannot_be_evaluated(evaluate_py, copy):
    checkpoint = (copy / "checkpoint.pt").read_bytes()
    (copy / "checkpoint.pt").write_bytes(checkpoint[: len(checkpoint) // 2])
    found = evaluate_py(str(copy))
    assert found.code == 2
    assert "no checkpoint in" in found.err
    (copy / "checkpoint.pt").write_bytes(checkpoint)
    predictions = (copy / "predictions.npz").read_bytes()
    (copy / "predictions.npz").write_bytes(predictions[:100])
    found = evaluate_py(str(copy))
    assert found.code == 2
    assert "predictions.npz is damaged" in found.err
    (copy / "result.json").unlink()
    found = evaluate_py(str(copy))
    assert (found.code, found.err.count("\n")) == (2, 1)
    assert "is not finished" in found.err
    assert not (copy / "modes.json").exists()
    found = evaluate_py()
    assert "no run is named" in found.err


def test_help_names_every_setting(capsys):
    from experiments.inference.evaluation import EvaluationSettings

    module = load_script()
    assert module.script.run(module.__doc__, ["--help"], module.evaluate) == 0
    page = capsys.readouterr().out
    for name in EvaluationSettings.model_fields:
        assert f"  {name}=" in page or f"  {name}." in page
