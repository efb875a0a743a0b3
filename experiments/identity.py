"""Which run a configuration is: its readable name and the hash of the settings that can change its result.

The same command means the same folder, so that a finished run is not repeated and an interrupted one is resumed
(the idea of open_lth, where a run is the hash of its settings).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from experiments.errors import UserError
from experiments.settings import budget

# Settings that say where and how a run is executed, not what it computes. (Rounding may differ between devices; the
# folder records which one it was.)
EXECUTION = (
    "device",
    "compile",
    "cuda_graphs",
    "threads",
    "workers",
    "evaluation_batch_size",
    "checkpoint_every",
    "paths",
)
# Parts of a leaf group that say where things come from: a moved function or a new mirror is still the same run.
PROVENANCE = ("_target_", "sources", "digests")
# Settings that joined after the first release, with the value that means what older versions did: at that value a
# setting stays out of the hash, so that finished runs keep their folders.
NEUTRAL: dict[str, Any] = {"probes": [], "probe_every": None, "tf32": False}
NEUTRAL_LEAVES: dict[str, dict[str, Any]] = {"norm": {"sync": False}, "model": {"weights": None}, "dataset": {}}
# The same of settings of the execution, which no hash holds.
EARLIER_EXECUTION: dict[str, Any] = {"cuda_graphs": False, "threads": None, "workers": None}


def identity(config: dict) -> dict:
    """The part of a resolved configuration that can change the result."""
    settings = {key: value for key, value in config.items() if key not in EXECUTION}
    for group, neutral in NEUTRAL_LEAVES.items():
        leaf = {key: value for key, value in settings[group].items() if key not in PROVENANCE}
        settings[group] = {key: value for key, value in leaf.items() if not (key in neutral and value == neutral[key])}
    # length, batch size and initialization stand at the top; the recipe's own are only their defaults
    doubled = ("name", "epochs", "steps", "batch_size", "initialization")
    settings["recipe"] = {key: value for key, value in settings["recipe"].items() if key not in doubled}
    settings["epochs"], settings["steps"] = budget(config)
    return {key: value for key, value in settings.items() if not (key in NEUTRAL and value == NEUTRAL[key])}


def digest(settings: dict) -> str:
    """Eight hexadecimal digits of the SHA-256 of `settings`, independent of the order of keys."""
    text = json.dumps(_whole(settings), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _whole(value: Any) -> Any:
    """Whole numbers without their point, so that `recipe.lr=1` and `recipe.lr=1.0` are one run."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def name(config: dict) -> str:
    """`<dataset>-<model>-<norm>-seed<seed>-<hash>`, the name of the run's folder."""
    readable = "-".join(
        (config["dataset"]["name"], config["model"]["name"], config["norm"]["name"], f"seed{config['seed']}")
    )
    return f"{readable}-{digest(identity(config))}"


def group(config: dict) -> str:
    """The same without the seed: runs that differ only in their seed share it."""
    readable = "-".join((config["dataset"]["name"], config["model"]["name"], config["norm"]["name"]))
    return f"{readable}-{digest({**identity(config), 'seed': None})}"


def folder(config: dict) -> Path:
    """The run's folder, `<paths.outputs>/runs/<name>`."""
    return Path(config["paths"]["outputs"]) / "runs" / name(config)


def refuse_other(folder: Path, config: dict) -> None:
    """Refuse a folder that holds another configuration: two configurations whose hashes agree.

    Raises:
        UserError: when it does.
    """
    try:
        other = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    if identity(other) != identity(config):
        raise UserError(f"{folder} holds a run of other settings; remove it or choose another paths.outputs")
