"""The same command gives the same bits, whether it ran straight through or was killed and resumed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from conftest import Made, compose_tiny, words_of
from killed_runs import Killed
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiments import checkpoint, identity, loop, run
from experiments.errors import UserError
from experiments.job import perform
from experiments.step import State

# Dropout draws from the global generator, whose state a checkpoint inside an epoch must carry.
LONG = (
    "model.dropout=0.3",
    "dataset.augmentation.crop_padding=1",
    "dataset.augmentation.horizontal_flip=true",
    "checkpoint_every=3",
    "log_every=5",
    "epochs=3",
)


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Made]:
    """interrupted(step, *overrides): a run that was killed when it had done that step and recorded it."""

    def interrupt(step: int, *overrides: str) -> Made:
        config = compose_tiny(tmp_path / "interrupted", *LONG, *overrides)

        def train_and_die(*arguments) -> Iterator[State]:
            for state in loop.train(*arguments):
                yield state
                if state.step == step:
                    raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(run, "train", train_and_die)
            with pytest.raises(Killed):
                perform(config)
        killed = Made(config, identity.folder(config), {})
        make_older(killed.folder)
        torch.manual_seed(99)  # another process begins with another state
        return killed

    return interrupt


def make_older(folder: Path) -> None:
    """As if the run had been killed a minute ago: TensorBoard reads files in the order of the second in their names."""
    for path in folder.glob("events.out.tfevents.*"):
        parts = path.name.split(".")
        parts[3] = str(int(parts[3]) - 60)
        path.rename(path.with_name(".".join(parts)))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The run of LONG, straight through."""
    config = compose_tiny(tmp_path_factory.mktemp("undisturbed"), *LONG)
    return Made(config, identity.folder(config), perform(config))


def assert_each_step_once(folder: Path) -> None:
    """TensorBoard forgets the points that the resumed run writes again."""
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    lines = (folder / "metrics.csv").read_text().splitlines()[1:]
    for name in {line.split(",")[2] for line in lines}:
        expected = [int(line.split(",")[0]) for line in lines if line.split(",")[2] == name]
        assert [point.step for point in accumulator.Scalars(name)] == expected, name


def test_the_same_command_twice_gives_the_same_bits(undisturbed, made):
    torch.rand(1)  # whatever the generator's state was before
    again = made(*LONG)
    assert again.folder.parent != undisturbed.folder.parent
    again.assert_same_bits(undisturbed)


@pytest.mark.parametrize(
    "norm",
    [
        ("norm=shared_bn",),
        ("norm=brn", "norm.warmup=2", "norm.r_full=6", "norm.d_full=8"),
        ("norm=frozen_bn", "norm.freeze_after=5"),
        ("norm=as_written", "norm.formula=min_max"),
    ],
)
def test_norms_with_more_state_than_batch_norm_continue_with_the_same_bits(made, interrupted, norm):
    """Parameters under several names, counters on which training depends, further running statistics."""
    killed = interrupted(4, *norm)
    assert killed.checkpoint["step"] == 3
    Made(killed.config, killed.folder, perform(killed.config)).assert_same_bits(made(*LONG, *norm))


def test_how_often_it_is_saved_and_evaluated_does_not_matter(undisturbed, made):
    made(*LONG, "checkpoint_every=100", "evaluation_batch_size=100").assert_same_bits(undisturbed)


def test_another_seed_gives_other_bits(undisturbed, made):
    other = made(*LONG, "seed=1")
    name = "classifier.weight"
    assert not torch.equal(other.checkpoint["model"][name], undisturbed.checkpoint["model"][name])


def test_a_finished_run_is_not_repeated(made, train_py, outputs):
    run = made("epochs=1")
    before = {path: path.stat().st_mtime_ns for path in run.folder.iterdir()}
    said = train_py(*words_of(outputs, "epochs=1"))
    assert said.code == 0
    assert f"{run.folder.name} is finished already" in said.out
    assert "test accuracy" in said.out
    assert {path: path.stat().st_mtime_ns for path in run.folder.iterdir()} == before


# Checkpoints at each third step and at the ends of epochs, 8, 16 and 24; points of the curves at each fifth as well.
@pytest.mark.parametrize(
    ("step", "resumed"), [(2, None), (4, 3), (5, 3), (7, 6), (8, 8), (11, 9), (16, 16), (23, 21), (24, 24)]
)
def test_a_killed_run_continues_with_the_same_bits(undisturbed, interrupted, step, resumed):
    killed = interrupted(step)
    trained = killed.checkpoint["extra"]["train_seconds"] if resumed else 0
    assert perform(killed.config)["train_seconds"] >= trained
    killed.assert_same_bits(undisturbed)
    assert_each_step_once(killed.folder)
    log = (killed.folder / "train.log").read_text()
    assert ("resuming at step" in log) == (resumed is not None)
    assert resumed is None or f"resuming at step {resumed} of 24" in log


def test_a_run_killed_again_and_again_too(undisturbed, interrupted):
    for step in (5, 7, 13, 13, 20):
        killed = interrupted(step)
    perform(killed.config)
    killed.assert_same_bits(undisturbed)
    assert_each_step_once(killed.folder)
    assert (killed.folder / "train.log").read_text().count("resuming at step") == 5


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    path.write_bytes(b"<html>not found</html>")


def change_a_weight(path: Path) -> None:
    """One bit of one weight, as a failing disk would: the file reads well."""
    content = torch.load(path, weights_only=True)
    weight = content["model"]["hidden.layer.weight"].numpy().tobytes()
    raw = bytearray(path.read_bytes())
    raw[raw.index(weight) + 100] ^= 4
    path.write_bytes(raw)


@pytest.mark.parametrize("damage", [truncate, empty, garble, change_a_weight])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(undisturbed, interrupted, damage):
    killed = interrupted(13)
    assert torch.load(killed.folder / checkpoint.PREVIOUS, weights_only=True)["step"] == 9
    damage(killed.folder / checkpoint.CURRENT)
    perform(killed.config)
    killed.assert_same_bits(undisturbed)
    assert_each_step_once(killed.folder)
    log = (killed.folder / "train.log").read_text()
    assert "trying an older one" in log
    assert "resuming at step 9 of 24" in log


def test_where_no_checkpoint_can_be_read_nothing_is_deleted(interrupted, train_py):
    killed = interrupted(13)
    for name in (checkpoint.CURRENT, checkpoint.PREVIOUS):
        truncate(killed.folder / name)
    before = {path.name: path.read_bytes() for path in killed.folder.iterdir() if path.name != "train.log"}
    said = train_py(*words_of(Path(killed.config["paths"]["outputs"]), *LONG))
    assert said.code == 2
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert str(killed.folder) in errors[0]
    assert "remove the folder" in errors[0]
    assert "Traceback" not in said.err
    after = {path.name: path.read_bytes() for path in killed.folder.iterdir() if path.name != "train.log"}
    assert after == before


def test_a_checkpoint_of_another_version_is_refused(interrupted):
    killed = interrupted(7)
    path = killed.folder / checkpoint.CURRENT
    content = torch.load(path, weights_only=True)
    torch.save(content | {"schema": 99}, path)
    with pytest.raises(UserError, match="schema 99"):
        perform(killed.config)


def test_a_folder_of_other_settings_is_refused(made, compose):
    run = made("epochs=1")
    (run.folder / "result.json").unlink()  # which vouches for the other files
    path = run.folder / "config.yaml"
    path.write_text(path.read_text().replace("batch_size: 8", "batch_size: 16"))
    with pytest.raises(UserError, match="holds a run of other settings"):
        perform(compose("epochs=1"))


def test_a_run_at_work_is_not_started_twice(compose):
    from filelock import FileLock

    config = compose()
    folder = identity.folder(config)
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"), pytest.raises(UserError, match="another process is working on"):
        perform(config)
    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_a_file_system_without_locks_is_refused(compose, without_locks):
    with pytest.raises(UserError, match=r"cannot be locked \(Function not implemented\); choose a paths.outputs"):
        perform(compose())


# Real processes and real signals
