"""From words to configurations, and the pages that explain them."""

import ast
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, process

from experiments import probes
from experiments.command_line import CONF, groups, options, plan
from experiments.errors import UserError, known, nearest
from experiments.help import page

OPTIONS = [
    (path.parent.relative_to(CONF).as_posix(), path.stem)
    for path in sorted(CONF.rglob("*.yaml"))
    if path.parent != CONF and not path.stem.startswith("_")
]


def test_groups_are_the_folders_of_conf():
    assert {"norm", "model", "dataset", "recipe", "hydra/launcher"} <= set(groups())
    assert set(groups()) == {group for group, _ in OPTIONS}


@pytest.mark.parametrize("group", sorted({group for group, _ in OPTIONS}))
def test_every_option_is_named_as_its_file_and_described_in_its_first_line(group):
    names = {name for found, name in OPTIONS if found == group}
    found = options(group)
    assert names <= found.keys()
    for name, text in found.items():
        assert text, f"conf/{group}/{name}.yaml does not begin with a comment that describes it"
    if "/" not in group:
        assert names == found.keys()
        for name in names if group != "study" else ():  # a study is no group of Hydra's
            assert yaml.safe_load((CONF / group / f"{name}.yaml").read_text())["name"] == name


def test_defaults():
    (job,) = plan([]).jobs
    config = job.config
    names = [config[group]["name"] for group in ("norm", "model", "dataset", "recipe")]
    assert names == ["bn", "resnet20", "cifar10", "fast"]
    assert (config["seed"], config["device"], config["precision"], config["compile"]) == (0, "auto", "float32", "auto")
    assert config["paths"] == {"data": "data/downloads", "outputs": "outputs"}
    assert config["epochs"] <= 16
    assert config["batch_size"] == 128


def test_a_sweep_is_every_combination_in_order():
    planned = plan(["-m", "norm=bn,ln", "seed=0,1,2", "epochs=1"])
    assert planned.multirun
    found = [(job.config["norm"]["name"], job.config["seed"]) for job in planned.jobs]
    assert found == [(norm, seed) for norm in ("bn", "ln") for seed in (0, 1, 2)]
    assert planned.jobs[4].overrides == ("norm=ln", "seed=1", "epochs=1")


def test_ranges_and_globs_sweep_too():
    assert len(plan(["-m", "seed=range(4)", "norm=glob(ln*)"]).jobs) == 4 * 3


def test_hydras_mode_is_a_sweep_without_m():
    planned = plan(["hydra.mode=MULTIRUN", "seed=0,1"])
    assert planned.multirun
    assert len(planned.jobs) == 2


def test_settings_of_an_option_follow_it_wherever_it_stands():
    (job,) = plan(["norm.num_groups=4", "norm=gn"]).jobs
    assert job.config["norm"]["num_groups"] == 4


def test_nearest_and_known():
    assert nearest("resnet2", ["resnet20", "vgg11"]) == "Did you mean resnet20? "
    assert nearest("zebra", ["resnet20", "vgg11"]) == ""
    assert known(["b", "a"]) == "Known: a, b"


def test_help_names_every_group_option_and_probe_with_its_description():
    text = page()
    for group, name in OPTIONS:
        assert f"\n  {group}\n" in text
        line = next(line for line in text.splitlines() if line.split()[:1] == [name])
        assert options(group)[name] in text
        assert line.startswith("    ")
    for setting in ("seed: 0", "batch_size:", "precision: float32", "device: auto", "outputs: outputs"):
        assert setting in text
    for name, first in probes.descriptions().items():
        assert f"\n    {name}" in text
        assert f"  {first}\n" in text
    for words in ("python train.py -m norm=bn,ln,none seed=0,1,2", "tensorboard --logdir outputs", "exit codes"):
        assert words in text


def test_help_is_quick_because_pytorch_is_not_imported():
    python, script = process()
    command = [python, "-X", "importtime", script, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stdout == page() + "\n"
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "hydra" in imported
    assert not imported & {"torch", "torchvision", "tensorboard", "numpy", "scipy", "PIL"}


def test_mistakes_in_words_are_found_before_pytorch_is_imported():
    code = (
        "import sys\n"
        "from experiments.door import main\n"
        "code = main(None, ['norm=bnn'])\n"
        "print([code, sorted({'torch', 'torchvision', 'numpy'} & set(sys.modules))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert ast.literal_eval(done.stdout) == [2, []]


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_wins_over_everything_else(train_py, flag):
    said = train_py("norm=bnn", flag)
    assert said.code == 0
    assert said.out.startswith("usage: python train.py")
    assert said.err == ""


def test_hydras_view_of_a_configuration(train_py):
    said = train_py("norm=gn", "norm.num_groups=4", "--cfg", "job")
    assert said.code == 0
    assert yaml.safe_load(said.out)["norm"]["num_groups"] == 4


@pytest.mark.parametrize("plugins", ["another plugin of Hydra is installed", "none is"])
def test_a_launcher_that_is_not_installed_says_what_installs_it(monkeypatch, plugins):
    def find_spec(name: str) -> None:
        if plugins == "none is":
            raise ModuleNotFoundError("No module named 'hydra_plugins'")  # as importlib says of a missing parent

    monkeypatch.setattr("experiments.command_line.importlib.util.find_spec", find_spec)
    with pytest.raises(UserError, match=r"hydra/launcher=ray is not installed.*pip install -e '\.\[ray\]'"):
        plan(["-m", "hydra/launcher=ray", "seed=0,1"])
