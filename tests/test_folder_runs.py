"""Runs on image files: the same bits whoever decodes, resumed in the middle of an epoch, broken images counted."""

import pytest
from call_script import assert_refused, call
from image_folders import cut_off, make_folder

from experiments import build, identity
from experiments.command_line import plan
from experiments.errors import UserError
from experiments.job import build_parts, perform
from experiments.run import Run
from experiments.settings import Settings
from experiments.signals import Stopped, StopRequest
from scripts import recalibrate

FOLDER = ("dataset=folder", "dataset.name=animals", "dataset.size=16", "dataset.resize=18")
NETWORK = ("model=resnet8", "model.width=0.25", "batch_size=5", "epochs=2", "log_every=1", "device=cpu")


@pytest.fixture
def config_of(tmp_path):
    """config_of(outputs, *overrides): a run on a small folder of images, the same for all."""
    make_folder(tmp_path / "animals")

    def config(outputs, *overrides):
        paths = (f"paths.data={tmp_path}", f"paths.outputs={tmp_path / outputs}")
        return plan([*FOLDER, *NETWORK, *paths, *overrides]).jobs[0].config

    return config


def trained(config):
    result = perform(config)
    folder = identity.folder(config)
    bits = [(folder / name).read_bytes() for name in ("metrics.csv", "predictions.npz")]
    return result, bits


def stop_after(step, run):
    request = StopRequest()
    for state in run.steps(request):
        if state.step == step:
            request.signal = 15


def test_the_number_of_workers_changes_nothing(config_of):
    one, other = config_of("one", "workers=0"), config_of("other", "workers=2")
    assert identity.name(one) == identity.name(other)
    assert trained(one)[1] == trained(other)[1]


def test_a_run_goes_on_in_the_middle_of_an_epoch_with_other_workers(config_of):
    whole = trained(config_of("whole", "workers=0"))[1]
    config = config_of("stopped", "workers=0")
    settings = Settings.check(config)
    folder = identity.folder(config)
    folder.mkdir(parents=True)
    run = Run(build_parts(config, settings), folder, identity.group(config))
    with pytest.raises(Stopped):
        stop_after(5, run)  # 24 images in batches of 5: four steps an epoch
    assert trained(config_of("stopped", "workers=2"))[1] == whole


def test_augmentation_is_that_of_the_settings(config_of):
    still = config_of("still", "recipe.augment=false")
    assert build.augmentation(still).draw(0, 0, 1, None) is None
    assert build.augmentation(config_of("x")).resized_crop == (0.08, 1.0)
    with pytest.raises(UserError, match=r"dataset\.augmentation.*resized_crop=\[0\.5, 0\.1\]"):
        build.augmentation(config_of("x", "dataset.augmentation.resized_crop=[0.5,0.1]"))


def test_broken_images_are_counted(config_of, tmp_path):
    cut_off(tmp_path / "animals" / "train" / "cat" / "05.JPEG")
    result, _ = trained(config_of("o", "workers=0", "norm=ln"))
    assert result["dataset"]["broken"] == ["train/cat/05.JPEG"]
    assert result["dataset"]["sizes"] == {"train": 24, "test": 10}


def test_a_broken_test_image_is_one_line(config_of, tmp_path):
    cut_off(tmp_path / "animals" / "val" / "dog" / "03.JPEG")
    with pytest.raises(UserError, match=r"val/dog/03\.JPEG cannot be decoded .*replace it, or remove it"):
        perform(config_of("o", "workers=0"))


@pytest.mark.parametrize(
    ("override", "message"),
    [("dataset.size=300", "size=300"), ("dataset.name=nowhere", "nowhere"), ("workers=-1", "workers=-1")],
)
def test_settings_that_are_refused(config_of, override, message):
    with pytest.raises(UserError, match=message):
        perform(config_of("o", override))


def test_a_script_that_finds_a_test_image_broken_says_so_in_a_line(config_of, tmp_path, capsys):
    config = config_of("o", "workers=0", "epochs=1")
    perform(config)
    path = tmp_path / "animals" / "val" / "dog" / "03.JPEG"
    path.write_bytes(bytes(path.stat().st_size))  # of the same length: the listing is what it was
    said = call(capsys, recalibrate, identity.folder(config))
    assert_refused(said, "val/dog/03.JPEG cannot be decoded")
