"""Which run a configuration is: its readable name and the hash of the settings that can change its result.

The same command means the same folder, so that a finished run is not repeated and an interrupted one is resumed
(the idea of open_lth, where a run is the hash of its settings).
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from data import plain_files
from experiments import result
from experiments.errors import UserError
from experiments.printable import one_line
from experiments.settings import budget

# Settings that say where and how a run is executed, not what it computes. (Rounding may differ between devices; the
# folder records which one it was.)
EXECUTION = (
    "device",
    "compile",
    "cuda_graphs",
    "deterministic",
    "threads",
    "workers",
    "evaluation_batch_size",
    "checkpoint_every",
    "paths",
)
# Parts of a leaf group that say where things come from: a moved function or a new mirror is still the same run.
PROVENANCE = ("_target_", "sources", "digests")
NAME = re.compile(r"\w[\w .+=,()-]{0,99}")
# Settings that joined after the first release, with the value that means what older versions did: at that value a
# setting stays out of the hash, so that finished runs keep their folders.
NEUTRAL: dict[str, Any] = {"probes": [], "probe_every": None, "tf32": False}
NEUTRAL_LEAVES: dict[str, dict[str, Any]] = {"norm": {"sync": False}, "model": {"weights": None}, "dataset": {}}
# The same of settings of the execution, which no hash holds.
EARLIER_EXECUTION: dict[str, Any] = {
    "cuda_graphs": False,
    "deterministic": False,
    "threads": None,
    "workers": None,
}


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
    """`<dataset>-<model>-<norm>-seed<seed>-<hash>`, the name of the run's folder.

    Raises:
        UserError: when one of the names is none of a folder.
    """
    return f"{_readable(config)}-seed{config['seed']}-{digest(identity(config))}"


def group(config: dict) -> str:
    """The same without the seed: runs that differ only in their seed share it."""
    return f"{_readable(config)}-{digest({**identity(config), 'seed': None})}"


def _readable(config: dict) -> str:
    """`<dataset>-<model>-<norm>`; a name that would lead to another folder, or be no name of one, is refused."""
    for one in ("dataset", "model", "norm"):
        name = config[one]["name"]
        if not isinstance(name, str) or not NAME.fullmatch(name):
            shown = one_line(str(name)[:100])
            raise UserError(
                f"{one}.name={shown} cannot be a part of a folder's name: a letter or a digit comes first, then those, "
                "spaces and ._+=,()-, 100 at most"
            )
    return "-".join(config[one]["name"] for one in ("dataset", "model", "norm"))


def folder(config: dict) -> Path:
    """The run's folder, `<paths.outputs>/runs/<name>`."""
    return Path(config["paths"]["outputs"]) / "runs" / name(config)


def written(folder: Path) -> dict[str, Any] | None:
    """The settings in a run's folder, as they were written; None where there are none.

    Raises:
        UserError: when they are damaged.
    """
    path = folder / "config.yaml"
    if not path.exists():
        return None
    content = result.file_of(folder, path.name, result.read(folder))
    try:
        config = plain_files.parse_yaml(content.decode())
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); {result.REMEDIES[path.name]}") from None
    if not isinstance(config, dict):
        raise UserError(f"{path} is damaged (it holds no settings); {result.REMEDIES[path.name]}")
    return config


def refuse_other(folder: Path, config: dict) -> None:
    """Refuse a folder that holds another configuration: two configurations whose hashes agree.

    Raises:
        UserError: when it does, or when its settings are damaged.
    """
    other = written(folder)
    if other is None:
        return
    try:
        same = identity(other) == identity(config)
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{folder / 'config.yaml'} is damaged; {result.REMEDIES['config.yaml']}") from None
    if not same:
        raise UserError(f"{folder} holds a run of other settings; remove it or choose another paths.outputs")
