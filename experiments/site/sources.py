"""Where the report's numbers come from: the summaries of studies and the evidence of checks, made here or kept.

What was made here stands in the outputs folder; what is kept was made once, by a clean commit on a known machine, and
comes with normlab. Numbers made here go first; kept ones stand in for those that are not there or not complete.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.sealed import SEAL
from experiments import plain_files
from experiments.errors import UserError
from experiments.settings import explain
from experiments.studies import study

KEPT = Path(__file__).resolve().parent.parent / "results"
CHECKS = "checks"  # the folder of evidence, in both places
SCALES = study.SCALES[::-1]  # the best first
SUMMARY_SCHEMA, EVIDENCE_SCHEMA = 2, 1  # of those who write these files, and who bring PyTorch in
Summary = dict[str, Any]
Evidence = dict[str, Any]


class _Loose(BaseModel):
    """Checks what the pages read; other keys pass."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Metric(_Loose):
    label: str
    percent: bool
    better: Literal["higher", "lower", "neither"]
    ratio: bool


class _Run(_Loose):
    status: str
    folder: Annotated[str, Field(pattern=r"^[^/\\.][^/\\]*$")] | None  # the name of one, and no way to elsewhere


class _Arm(_Loose):
    overrides: list[str]
    runs: dict[str, _Run]
    values: dict[str, dict[str, float]]


class _Summary(_Loose):
    study: str
    scale: Literal["smoke", "cpu", "paper"]
    command: str
    question: str
    narrowed: bool
    complete: bool
    metrics: dict[str, _Metric]
    runs: dict[str, int]
    environments: list[dict[str, Any]]
    code: dict[str, Any]
    train_seconds: float
    seeds: list[int]
    arms: dict[str, _Arm] = Field(min_length=1)


class _Evidence(_Loose):
    check: str
    holds: bool
    sentence: str
    numbers: dict[str, float | int | None]
    commit: str | None
    clean: bool | None


@dataclass(frozen=True)
class Sources:
    """All that the report is made of, each with its "source": "local" or "saved"."""

    summaries: dict[tuple[str, str], Summary]  # by study and scale
    evidence: dict[str, Evidence]  # by check
    left_out: tuple[str, ...]  # a line for each file that is of another version, or not where it belongs


def files(outputs: Path, kept: Path = KEPT) -> list[Path]:
    """Every file that `read` reads, whether it is there or not yet."""
    found = (_local_summaries(outputs), _kept_summaries(kept), _evidence(outputs), _evidence(kept))
    return [path for paths in found for path in paths]


def read(outputs: Path, kept: Path = KEPT) -> Sources:
    """The summaries and the evidence, those made here first.

    Raises:
        UserError: naming the first file that is damaged.
    """
    left_out: list[str] = []
    local = dict(_summaries(_local_summaries(outputs), "local", left_out))
    saved = dict(_summaries(_kept_summaries(kept), "saved", left_out))
    summaries = {
        key: local[key] if key in local and (whole(local[key]) or key not in saved) else saved[key]
        for key in sorted({*local, *saved})
    }
    evidence = dict(_checks(_evidence(kept), "saved", left_out))
    evidence |= dict(_checks(_evidence(outputs), "local", left_out))
    return Sources(summaries, dict(sorted(evidence.items())), tuple(left_out))


def whole(summary: Mapping[str, Any]) -> bool:
    """Whether every run of the study at that scale is over."""
    return summary["complete"] and not summary["narrowed"]


def _local_summaries(outputs: Path) -> list[Path]:
    return sorted(outputs.glob("studies/*/summary.json"))


def _kept_summaries(kept: Path) -> list[Path]:
    return sorted(path for scale in SCALES for path in kept.glob(f"*/{scale}.json") if path.parent.name != CHECKS)


def _evidence(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{CHECKS}/*.json"))


def _summaries(paths: list[Path], source: str, left_out: list[str]) -> Iterator[tuple[tuple[str, str], Summary]]:
    for path in paths:
        content = read_json(path)
        named = path.parent.name if source == "local" else f"{path.parent.name}-{path.stem}"
        if content.get("schema") != SUMMARY_SCHEMA:
            left_out.append(f"{path} was written by another version of normlab: repeat its study for this one")
        elif f"{content.get('study')}-{content.get('scale')}" != named:
            left_out.append(f"{path} is not the study that its place says: {content.get('study')}")
        else:
            _check(_Summary, content, path)
            yield (content["study"], content["scale"]), {**content, "source": source}


def _checks(paths: list[Path], source: str, left_out: list[str]) -> Iterator[tuple[str, Evidence]]:
    for path in paths:
        content = read_json(path)
        if content.get("schema") != EVIDENCE_SCHEMA:
            left_out.append(f"{path} was written by another version of normlab: repeat the check for this one")
        else:
            _check(_Evidence, content, path)
            yield content["check"], {**content, "source": source}


def read_json(path: Path) -> dict[str, Any]:
    """A file's object.

    Raises:
        UserError: when it cannot be read.
    """
    content = plain_files.read_json(path, "remove it and repeat what wrote it")
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged (no object in it); remove it and repeat what wrote it")
    return {key: value for key, value in content.items() if key != SEAL}


def _check(kind: type[BaseModel], content: dict[str, Any], path: Path) -> None:
    try:
        kind.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path} is damaged ({explain(error)}); remove it and repeat what wrote it") from None
