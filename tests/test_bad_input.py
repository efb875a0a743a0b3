"""Mistakes: one line that names the value and the remedy, exit code 2, nothing made."""

import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, process, words_of

# what is written, and what the line must name
MISTAKES = {
    # groups and options
    "norm=bnn": ("norm=bnn", "Did you mean bn?", "ln_channels", "none"),
    "model=resnet21": ("model=resnet21", "Did you mean resnet", "small_cnn"),
    "dataset=cifr10": ("dataset=cifr10", "Did you mean cifar10?", "mnist"),
    "recipe=fst": ("recipe=fst", "Did you mean fast?", "he2015"),
    "hydra.launcher.timeout_min=10": ("hydra.launcher.timeout_min is not a setting", "hydra/launcher=slurm"),
    "hydra/launcher=jolib": ("hydra/launcher=jolib", "Did you mean joblib?"),
    "norm=null": ("norm=null", "norm=none", "bn, bn_scratch"),
    "~norm": ("~norm", "norm=none", "bn, bn_scratch"),
    "~dataset": ("~dataset", "Known: cifar10"),
    "norm=bn,ln": ("norm=bn,ln", "-m"),
    # keys
    "nrm=bn": ("nrm", "Did you mean norm?"),
    "epoch=3": ("epoch ", "Did you mean epochs?"),
    "norm.epss=1": ("norm.epss", "Did you mean norm.eps?", "norm.momentum"),
    "recipe.lrr=1": ("recipe.lrr", "Did you mean recipe.lr?"),
    "dataset.augmentation.rotate=1": ("rotate", "rotation"),
    "+foo=1": ("foo",),
    "+norm.num_groups=3": ("norm.num_groups", "Known: affine, eps, momentum"),
    "~seed": ("seed",),
    "a=": ("a ", "Known:"),
    # words that are no settings
    "foo": ("'foo'", "key=value"),
    "=3": ("'=3'", "key=value"),
    "epochs=[1": ("epochs=[1", "key=value"),
    "--bogus": ("--bogus", "--help"),
    "--config-name=other": ("--config-name=other",),
    "--config-dir=/tmp": ("--config-dir=/tmp",),
    # values of another type
    "epochs=abc": ("epochs=abc", "integer"),
    "batch_size=1.5": ("batch_size=1.5", "integer"),
    "norm.momentum=two": ("norm.momentum=two", "number"),
    "model.width=abc": ("model.width=abc", "number"),
    "recipe.nesterov=7": ("recipe.nesterov=7",),
    "recipe.betas=[1,2,3]": ("recipe.betas", "2 items"),
    "precision=float8": ("precision=float8", "Did you mean float", "bfloat16"),
    "compile=maybe": ("compile=maybe", "auto", "true", "false"),
    "recipe.optimizer=sdg": ("recipe.optimizer=sdg", "Did you mean sgd?", "adamw"),
    "recipe.schedule=cosin": ("recipe.schedule=cosin", "Did you mean cosine?", "one_cycle"),
    "model.norm_position=behind": ("model.norm_position=behind", "after", "before"),
    "initialization.scheme=hee": ("initialization.scheme=hee", "Did you mean he?", "xavier"),
    "dataset.kind=nose": ("dataset.kind=nose", "Did you mean noise?"),
    "dataset.scaling=sqrt": ("dataset.scaling=sqrt", "standardized", "unit"),
    "paths.data=": ("paths.data=",),
    "paths.outputs=null": ("paths.outputs=null",),
    # out of bounds
    "epochs=-1": ("epochs=-1", "greater than 0"),
    "epochs=null": ("epochs=null", "steps=null", "epochs=4"),
    "seed=-1": ("seed=-1", "greater than or equal to 0"),
    "seed=9223372036854775808": ("seed=9223372036854775808",),
    "batch_size=0": ("batch_size=0", "greater than 0"),
    "batch_size=68": ("batch_size=68", "67 training images"),
    "evaluation_batch_size=0": ("evaluation_batch_size=0", "greater than 0"),
    "recipe.lr=0": ("recipe.lr=0", "greater than 0"),
    "recipe.lr=nan": ("recipe.lr=nan", "finite"),
    "recipe.momentum=1": ("recipe.momentum=1", "less than 1"),
    "recipe.momentum=0": ("recipe.nesterov=true", "recipe.momentum=0.9"),
    "recipe.milestones=[1.5]": ("recipe.milestones", "1.5"),
    "norm.momentum=2": ("norm.momentum=2", "0 to 1"),
    "norm.eps=0": ("norm.eps=0",),
    "model.dropout=1.5": ("model.dropout=1.5",),
    "model.norms=first:99": ("model.norms=first:99", "3 places"),
    "model.norms=some": ("model.norms=some", "first:K"),
    "dataset.train_size=0": ("dataset.train_size=0", "67"),
    "dataset.train_size=70000": ("dataset.train_size=70000", "67"),
    "dataset.test_size=22": ("dataset.test_size=22", "21"),
    "dataset.validation=1.5": ("dataset.validation=1.5", "fraction"),
    "dataset.num_classes=0": ("dataset.num_classes=0",),
    "dataset.mean=[0.5]": ("dataset.mean=[0.5]", "3 channels"),
    "dataset.std=[0,1,1]": ("dataset.std=[0", "positive"),
    "dataset.augmentation.crop_padding=-1": ("crop_padding=-1",),
    "threads=5000": ("threads=5000", "1024"),
    "norm.eps=inf": ("norm.eps=inf", "finite"),
    "model=lstm model.gamma=1e308": ("model.gamma=1e+308", "finite"),
    "model.width=1e308": ("model.width=1e+308",),
    "model.width=1e9": ("model.width=1000000000.0", "channels"),
    "model=resnet20 model.depth=2147483642": ("model.depth=2147483642", "2,000 layers"),
    "model=transformer model.blocks=2147483647": ("model.blocks=2147483647", "1000"),
    "dataset.num_classes=100000000": ("dataset.num_classes=100000000", "1,000,000"),
    "dataset.image_size=9223372036854775807": ("dataset.image_size=9223372036854775807", "less than 2147483648"),
    "dataset.augmentation.crop_padding=9223372036854775808": ("crop_padding=9223372036854775808",),
    "evaluation_batch_size=9223372036854775808": ("evaluation_batch_size=9223372036854775808", "less than"),
    # names of folders
    "norm.name=../../x": ("norm.name='../../x'", "slash"),
    "dataset.name=a/b": ("dataset.name='a/b'", "slash"),
    "model.name=": ("model.name=''", "printable"),
    # settings taken away, and such as stand for others that are not there
    "~model.norms": ("model.norms is missing",),
    "~dataset.validation": ("dataset.validation is missing",),
    "~norm.eps": ("norm.eps is missing",),
    "~norm.name": ("norm.name='null'",),
    "model.norms=nan": ("model.norms=nan", "first:K"),
    "dataset.num_test=${seed:1}": ("dataset.num_test", "another setting"),
    "seed=${sed}": ("sed",),
    # more than the machine has
    "model.width=1.6e7": ("not enough memory on the CPU", "smaller batch_size, model.width"),
    "dataset.image_size=1000000": ("not enough memory on the CPU", "dataset.image_size"),
    # what does not fit together
    "norm=gn norm.num_groups=7 model.width=0.5": ("norm.num_groups=7", "16 channels", "1, 2, 4, 8, 16"),
    "norm=in dataset.image_size=1 model=mlp": ("InstanceNorm", "norm=ln"),
    "norm=in dataset.image_size=4 model=vgg11": ("InstanceNorm", "(64, 1, 1)", "larger images"),
    "dataset.image_size=2": ("2x2", "small_cnn", "at least 4"),
    "model=resnet20 model.branch=fixup": ("model.branch=fixup", "norm=none"),
    "initialization.zero_gamma=true": ("initialization.zero_gamma=true", "false"),
    "batch_size=1": ("batch_size=1", "norm=ln"),
    "model.padding=2": ("model.padding=2",),
    # devices and code
    "device=gpu": ("device=gpu", "cuda:N"),
    "device=cuda:99": ("device=cuda:99", "CUDA device"),
    "model._target_=os.system": ("model._target_=os.system", "refused"),
    "norm._target_=models.norms.batch_norm.BNN": ("norm._target_=models.norms.batch_norm.BNN", "does not exist"),
    # in a sweep, before any of it is begun
    "-m seed=0,1 norm=bn,lnn": ("norm=lnn", "Did you mean ln?"),
    "-m norm=glob(x*)": ("holds no run",),
    "-m recipe.lr=interval(0,1)": ("name the values",),
    "-m seed=range(0,3,0)": ("name the values",),
    "-m norm=interval(0,1)": ("Interval", "bn, bn_scratch"),
    "-m seed=0,-1": ("seed=-1",),
    "-m seed=range(0,1000000000)": ("100,000 runs",),
    "hydra.mode=MULTIRUN epochs=1,x": ("epochs=x", "integer"),
}


def command(outputs: Path, mistake: str) -> list[str]:
    """A tiny run's words with the mistake; Hydra's own options come first."""
    words = mistake.split()
    options = [word for word in words if word.startswith("-")]
    return [*options, *words_of(outputs, *(word for word in words if word not in options))]


def assert_one_line(err: str, *parts: str) -> None:
    assert err.endswith("\n")
    assert err.count("\n") == 1, err
    assert err.startswith("error: ")
    for part in parts:
        assert part in err


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(train_py, outputs, mistake):
    said = train_py(*command(outputs, mistake))
    assert said.code == 2
    assert_one_line(said.err, *MISTAKES[mistake])
    assert "Traceback" not in said.out
    assert not outputs.exists()


@pytest.mark.parametrize("mistake", ["norm=bnn", "norm=gn norm.num_groups=7", "device=cuda:99"])
def test_the_real_command_does_the_same(outputs, mistake):
    words = process(*command(outputs, mistake))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert_one_line(done.stderr, mistake.split()[-1])
    assert not outputs.exists()


def test_a_setting_before_m(train_py, outputs):
    said = train_py(*words_of(outputs), "-m", "seed=0,1")
    assert said.code == 2
    assert_one_line(said.err, "seed=0,1", "-m before all settings")


@pytest.mark.parametrize("word", ["--x=a\nb", "norm=a\x1bb", "nörm=ｌｎ\udcff", "norm=" + 70_000 * "x"], ids=range(4))
def test_a_line_is_one_that_a_terminal_can_show(train_py, outputs, word):
    said = train_py(*words_of(outputs), word)
    assert said.code == 2
    assert_one_line(said.err)
    assert said.err[:-1].isprintable()
    assert len(said.err) < 2000


def test_hydra_shows_no_settings_with_a_mistake(train_py, outputs):
    said = train_py("--cfg", "job", *words_of(outputs, "norm=bnn"))
    assert said.code == 2
    assert_one_line(said.err, "Did you mean bn?")
    shown = train_py("--cfg", "job", *words_of(outputs))
    assert shown.code == 0
    assert "image_size: 8" in shown.out


def test_a_folder_of_images_whose_name_is_too_long(train_py, outputs, tmp_path):
    words = ("dataset=folder", f"dataset.folder={300 * 'x'}", f"paths.data={tmp_path}", f"paths.outputs={outputs}")
    said = train_py(*words)
    assert said.code == 2
    assert_one_line(said.err, "dataset: File name too long")
    assert not outputs.exists()


@pytest.mark.parametrize("multirun", [(), ("-m",)])
@pytest.mark.parametrize("inside", ["", "/deeper"])
def test_an_outputs_folder_that_is_a_file(train_py, tmp_path, inside, multirun):
    file = tmp_path / "file"
    file.write_text("mine")
    said = train_py(*multirun, *words_of(file / inside.strip("/")))
    assert said.code == 2
    assert_one_line(said.err, f"paths.outputs={file}{inside}", "is a file")
    assert file.read_text() == "mine"


def test_a_run_folder_that_is_a_file(train_py, compose, outputs):
    from experiments import identity

    folder = identity.folder(compose())
    folder.parent.mkdir(parents=True)
    folder.write_text("mine")
    said = train_py(*words_of(outputs))
    assert said.code == 2
    assert_one_line(said.err, str(folder), "paths.outputs")
    assert folder.read_text() == "mine"


@pytest.mark.parametrize("dataset", ["cifar10", "mnist"])
def test_a_dataset_that_is_not_there_and_has_no_source(train_py, outputs, tmp_path, dataset):
    missing = tmp_path / "nowhere"
    said = train_py(
        f"dataset={dataset}", "dataset.sources=[]", f"paths.data={missing}", f"paths.outputs={outputs}", "device=cpu"
    )
    assert said.code == 2
    assert_one_line(said.err, str(missing))
    assert not outputs.exists()


def test_a_data_folder_that_is_a_file(train_py, outputs, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    said = train_py(
        "dataset=cifar10", "dataset.sources=[]", f"paths.data={file}", f"paths.outputs={outputs}", "device=cpu"
    )
    assert said.code == 2
    assert_one_line(said.err, str(file), "paths.data")
    assert not outputs.exists()
