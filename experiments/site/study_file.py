"""What a study's file says of how it is done, for the report's pages."""

from pathlib import Path
from typing import Any

import yaml

from experiments.errors import UserError
from experiments.paths import CONF

Settings = dict[str, Any]


def names() -> list[str]:
    """The studies that there are."""
    return sorted(path.stem for path in files())


def files() -> list[Path]:
    """Their files."""
    return sorted((CONF / "study").glob("*.yaml"))


def read(name: str) -> Settings:
    """A study's file; empty where there is none, as of a study that this version no longer has.

    It is checked when the study is run (experiments/studies/study.py); here it is shown.

    Raises:
        UserError: when it cannot be read.
    """
    path = CONF / "study" / f"{name}.yaml"
    if not path.exists():
        return {}
    try:
        return yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
    except yaml.YAMLError as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from None


def expected_time(study: Settings, scale: str) -> str:
    """How long the study takes on what; empty where its file does not say."""
    return study.get("scales", {}).get(scale, {}).get("expect", "")


def shared_settings(study: Settings, scale: str) -> list[str]:
    """The overrides of every run."""
    return [*study.get("settings", []), *study.get("scales", {}).get(scale, {}).get("settings", [])]


def factors(study: Settings, scale: str) -> list[dict[str, Any]]:
    """Each factor with its levels at a scale, and whether its levels are compared or put together."""
    kept = study.get("scales", {}).get(scale, {}).get("levels", {})
    nested = study.get("nested") or []
    return [
        {
            "name": factor,
            "levels": [level for level in levels if level in kept.get(factor, levels)],
            "nested": factor in nested,
        }
        for factor, levels in study.get("factors", {}).items()
    ]
