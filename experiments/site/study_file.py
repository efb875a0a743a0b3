"""What the files of studies say of how they are done, for the report's pages."""

from pathlib import Path
from typing import Any

from experiments.paths import CONF
from experiments.studies.study import SCALES, Study, load, names


def files() -> list[Path]:
    """The files of all studies."""
    return sorted((CONF / "study").glob("*.yaml"))


def find(name: str) -> Study | None:
    """A study by its name; None where this version has it no longer, and its numbers are shown all the same.

    Raises:
        UserError: when its file is wrong.
    """
    return load(name) if name in names() else None


def method(study: Study | None, scale: str) -> dict[str, Any]:
    """How the study is done at a scale, as values for a template; of a study that is gone, nothing."""
    if study is None or scale not in study.scales:
        return {"expect": "", "shared": [], "factors": [], "tuning": None, "published": []}
    chosen = study.scales[scale]  # type: ignore[index]
    return {
        "expect": chosen.expect,
        "shared": [*study.settings, *chosen.settings],
        "factors": [
            {"name": one, "levels": [level for (level,) in study.levels(scale, [one])], "nested": one in study.nested}
            for one in study.factors
        ],
        "tuning": study.tuning.setting if study.tuned(scale) and study.tuning else None,
        "published": [one.model_dump() for one in study.published],
    }


def commands(name: str, study: Study) -> list[tuple[str, str]]:
    """The commands that run it at each scale, with the time that each is expected to take."""
    scales = [scale for scale in SCALES if scale in study.scales]
    return [(f"python train.py study={name} scale={scale}", study.scales[scale].expect) for scale in scales]
