"""Finished runs read back: found by path, name and pattern; refused in one line where something is missing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import Made
from edited_results import edit_result, of_schema_1

from experiments import identity
from experiments.errors import UserError
from experiments.evaluate import evaluation_mode, predict
from experiments.finished import find_run, find_runs, open_run, restore


@pytest.fixture
def copied(finished: Made, tmp_path: Path) -> Path:
    """A finished run's folder that a test may damage."""
    return Path(shutil.copytree(finished.folder, tmp_path / "outputs" / "runs" / finished.folder.name))


def test_a_run_is_found_by_its_path_its_name_and_a_pattern(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = copied.parents[1]
    assert find_run(str(copied), Path("nowhere")) == copied
    assert find_run(f"{copied}/", Path("nowhere")) == copied
    assert find_run(copied.name, outputs) == copied
    assert find_runs("synthetic-*", outputs) == [copied]
    monkeypatch.chdir(copied.parent)
    assert [path.name for path in find_runs("synthetic-*", outputs)] == [copied.name]  # once, though named twice


def test_what_is_no_run_is_named_with_a_remedy(copied: Path) -> None:
    outputs = copied.parents[1]
    with pytest.raises(UserError, match=f"no run matches .*Did you mean {copied.name}"):
        find_run(copied.name.replace("seed0", "seed1"), outputs)
    with pytest.raises(UserError, match="no run matches 'mnist-"):
        find_runs("mnist-*", outputs)
    with pytest.raises(UserError, match="holds no run"):
        find_run(str(copied.parent), outputs)
    shutil.copytree(copied, copied.with_name(copied.name + "-2"))
    with pytest.raises(UserError, match="matches 2 runs"):
        find_run("synthetic-*", outputs)


def test_a_run_holds_its_predictions_and_settings(finished: Made) -> None:
    run = open_run(finished.folder)
    assert (run.name, run.seed, run.group) == (finished.folder.name, 0, identity.group(finished.config))
    assert run.outputs == finished.folder.parents[1]
    assert run.test.accuracy == finished.result["final"]["test_accuracy"]
    assert run.test.loss == pytest.approx(finished.result["final"]["test_loss"])
    assert run.validation is None


def test_held_out_predictions_are_read_back(made: Callable[..., Made]) -> None:
    found = made("dataset.validation=0.2", "epochs=1")
    run = open_run(found.folder)
    assert run.validation is not None
    assert run.validation.accuracy == found.result["final"]["validation_accuracy"]
    assert len(run.validation.labels) == found.result["dataset"]["sizes"]["validation"] > 0


def test_the_network_is_restored_with_its_weights(finished: Made) -> None:
    run = open_run(finished.folder)
    live = restore(run, device="cpu")
    for name, tensor in live.model.state_dict().items():
        assert torch.equal(tensor, finished.checkpoint["model"][name]), name
    with evaluation_mode(live.model):
        images = live.splits["test"]
        again = predict(live.model, [images.batch(torch.arange(len(images)), None)], "float32")
    torch.testing.assert_close(again.logits, run.test.logits, atol=1e-5, rtol=1e-5)


def test_settings_that_joined_later_are_filled_in(copied: Path) -> None:
    path = copied / "config.yaml"
    config = yaml.safe_load(path.read_text())
    later = {**identity.NEUTRAL, **identity.EARLIER_EXECUTION}
    path.write_text(yaml.safe_dump({key: value for key, value in config.items() if key not in later}))
    of_schema_1(copied)
    assert open_run(copied).config == {**config, **later}


def test_settings_of_a_norm_that_joined_later_mean_what_was_done(copied: Path) -> None:
    path = copied / "config.yaml"
    config = yaml.safe_load(path.read_text())
    del config["norm"]["sync"]
    path.write_text(yaml.safe_dump(config))
    of_schema_1(copied)
    assert identity.folder(config) == identity.folder(open_run(copied).config)
    restore(open_run(copied), device="cpu")


def truncate(name: str, keep: float) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * keep)])

    return damage


def rewrite_predictions(**arrays: np.ndarray) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        np.savez(folder / "predictions.npz", **arrays)
        edit_result(folder)

    return damage


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "result.json").unlink(), "is not finished"),
        (lambda folder: edit_result(folder, status="diverged", diverged_at=7), "has diverged at step 7"),
        (lambda folder: edit_result(folder, schema=99), "has schema 99, this version of normlab reads 1 and 2"),
        (truncate("result.json", 0.5), "result.json cannot be read"),
        (lambda folder: (folder / "result.json").write_text("[]"), "has schema None"),
        (lambda folder: (folder / "config.yaml").unlink(), "config.yaml is missing"),
        (lambda folder: (folder / "predictions.npz").unlink(), "predictions.npz is missing; remove"),
        (truncate("predictions.npz", 0.6), "predictions.npz is damaged"),
        (truncate("predictions.npz", 0.0), "predictions.npz is damaged"),
        (rewrite_predictions(logits=np.zeros((3, 2))), "no test logits and labels that fit"),
        (rewrite_predictions(logits=np.zeros((3, 2)), labels=np.zeros(4)), "no test logits and labels that fit"),
    ],
)
def test_a_run_that_cannot_be_read_is_refused_in_one_line(
    copied: Path, damage: Callable[[Path], None], says: str
) -> None:
    damage(copied)
    with pytest.raises(UserError, match=says) as refused:
        open_run(copied)
    assert "\n" not in str(refused.value)
    assert str(copied) in str(refused.value)


def test_a_network_that_cannot_be_restored_is_refused_in_one_line(copied: Path) -> None:
    run = open_run(copied)
    content = torch.load(copied / "checkpoint.pt", weights_only=True)
    del content["model"]["classifier.bias"]
    torch.save(content, copied / "checkpoint.pt")
    with pytest.raises(UserError, match="does not fit the run's network"):
        restore(run, device="cpu")
    (copied / "checkpoint.pt").unlink()
    with pytest.raises(UserError, match="has no checkpoint"):
        restore(run, device="cpu")
