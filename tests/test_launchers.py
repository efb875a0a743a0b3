"""The launcher presets that pack several runs onto one machine."""

import inspect

import hydra
import pytest
from omegaconf import OmegaConf

from experiments import command_line, door
from experiments.command_line import CONF, options, plan
from experiments.errors import UserError


def composed(*overrides: str) -> dict:
    """What Hydra would give to the launcher."""
    with hydra.initialize_config_dir(config_dir=str(CONF), version_base="1.3"):
        config = hydra.compose("config", overrides=list(overrides), return_hydra_config=True)
    launcher = OmegaConf.to_container(config.hydra.launcher, resolve=True)
    assert isinstance(launcher, dict)
    return launcher


def test_ray_packed_shares_a_gpu_among_four_runs_unless_told_otherwise():
    launcher = composed("hydra/launcher=ray_packed")
    assert launcher["_target_"] == "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher"
    assert launcher["ray"]["remote"]["num_gpus"] == 1 / 4
    changed = composed("hydra/launcher=ray_packed", "hydra.launcher.ray.remote.num_gpus=0.5")
    assert changed["ray"]["remote"]["num_gpus"] == 1 / 2


def test_ray_packed_names_its_extra_where_ray_is_missing(monkeypatch):
    monkeypatch.setattr(command_line.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"ray_packed is not installed.*pip install -e '\.\[ray\]'"):
        plan(["-m", "hydra/launcher=ray_packed", "seed=0,1"])


def test_every_launcher_of_an_extra_is_known_to_need_it():
    assert options("hydra/launcher").keys() == command_line.PLUGINS.keys() | {"basic", "joblib"}


def test_ray_takes_what_ray_packed_says():
    ray = pytest.importorskip("ray", exc_type=ImportError)
    launcher = composed("hydra/launcher=ray_packed")
    assert launcher["ray"]["init"].keys() <= inspect.signature(ray.init).parameters.keys()
    ray.remote(**launcher["ray"]["remote"])(lambda: None)  # refuses what is no option, and values out of bounds
    with pytest.raises(ValueError, match="num_gpus"):
        ray.remote(**launcher["ray"]["remote"] | {"num_gpus": -0.25})(lambda: None)


def test_ray_packed_without_a_gpu_is_refused_instead_of_waiting_for_ever(monkeypatch, capsys, outputs):
    monkeypatch.setattr(command_line, "_check_installed", lambda launcher: None)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    words = ["-m", "hydra/launcher=ray_packed", "seed=0,1", f"paths.outputs={outputs}"]
    assert door.main(lambda: pytest.fail("it ran"), words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "hydra/launcher=joblib" in said
    assert not outputs.exists()


def test_gpus_elsewhere_or_announced_are_not_looked_for_here(monkeypatch):
    monkeypatch.setattr(command_line, "_check_installed", lambda launcher: None)
    packed = ["-m", "hydra/launcher=ray_packed", "seed=0,1"]
    assert plan(packed).needs_gpu
    assert not plan([*packed, "hydra.launcher.ray.init.address=auto"]).needs_gpu
    assert not plan([*packed, "hydra.launcher.ray.init.num_gpus=1"]).needs_gpu
    assert not plan([*packed, "hydra.launcher.ray.remote.num_gpus=0"]).needs_gpu
    assert not plan(["-m", "seed=0,1"]).needs_gpu
