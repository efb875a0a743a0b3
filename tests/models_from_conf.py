"""Networks and norms made from the settings in conf/, for the tests of the models."""

import importlib
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import nn

from models.build import build_model
from models.initialize import Initialization

CONF = Path(__file__).resolve().parents[1] / "conf"
HE = Initialization(scheme="he", gain=1.0, std=0.01, zero_gamma=False)


def names_in(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("[!_]*.yaml"))


# the others differ from one of these in their depth (ResNet-50 in its blocks too, but it is slow)
SHALLOW = [
    name for name in names_in("model") if not name.endswith(("32", "34", "44", "50", "56", "110", "net8", "plain8"))
]
SEQUENCE = ["lstm", "transformer"]  # whose norms stand elsewhere than between a layer and its activation
TORCHVISION = [name for name in names_in("model") if name in ("resnet18", "resnet34", "resnet50")]


@cache
def _settings(group: str, name: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(compose(overrides=[f"+{group}={name}"])[group])
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def settings(group: str, name: str) -> tuple[Any, dict[str, Any]]:
    """The target of an entry of conf/ and its settings."""
    values = dict(_settings(group, name))
    assert values.pop("name") == name
    module, attribute = values.pop("_target_").rsplit(".", 1)
    return getattr(importlib.import_module(module), attribute), values


def make_norm(name: str, **changes: Any) -> Any:
    target, values = settings("norm", name)
    assert changes.keys() <= values.keys()
    return target(**values | changes)


def build(
    model: str = "resnet20",
    norm: Any = "bn",
    *,
    image_shape: tuple[int, int, int] = (3, 32, 32),
    num_classes: int = 10,
    initialization: Initialization = HE,
    seed: int = 0,
    **changes: Any,
) -> nn.Module:
    function, values = settings("model", model)
    assert changes.keys() <= values.keys()
    values |= changes
    return build_model(
        function,
        values,
        make_norm(norm) if isinstance(norm, str) else norm,
        image_shape=image_shape,
        num_classes=num_classes,
        keep=values.pop("norms"),
        initialization=initialization,
        seed=seed,
    )
