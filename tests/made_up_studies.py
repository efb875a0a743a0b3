"""Studies, checks and claims made up for the tests of the report: any number of runs, without training one."""

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.studies.claim import CheckTest, Claim, Literature, StudyTest
from experiments.studies.decided import Decided, Part
from experiments.verdicts.verdict import Verdict

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ARMS = ("bn", "ln", "no norm")
NORMS = {"bn": "bn", "ln": "ln", "no norm": "none"}
ACCURACY = {"label": "test accuracy (%)", "percent": True, "better": "higher", "margin": 0.003, "ratio": False}
STEPS = {"label": "steps to 60 %", "percent": False, "better": "lower", "margin": 1.25, "ratio": True}
METRICS = {"test_accuracy": ACCURACY, "steps": STEPS}


def summary(study: str = "moments", scale: str = "cpu", seeds: int = 3, **changes: Any) -> dict[str, Any]:
    """The content of a summary.json, with `changes` of its keys."""
    arms = {arm: _arm(study, scale, arm, seeds) for arm in changes.pop("names", ARMS)}
    return {
        "schema": 2,
        "study": study,
        "scale": scale,
        "command": f"python train.py study={study} scale={scale}",
        "question": f"What does <{study}> show?",
        "claims": ["0.3"],
        "narrowed": False,
        "complete": True,
        "metrics": METRICS,
        "runs": {"finished": len(arms) * seeds, "diverged": 0, "not finished": 0},
        "environments": [
            {"commit": COMMIT, "clean": "True", "device_name": "a machine", "threads": "1", "torch": "2.15.0"}
        ],
        "code": {"mixed": []},
        "train_seconds": 123.4,
        "seeds": list(range(seeds)),
        "pairs": {},
        "tuning": {},
        "arms": arms,
        **changes,
    }


def _arm(study: str, scale: str, arm: str, seeds: int) -> dict[str, Any]:
    draw = random.Random(f"{study} {arm}")
    norm = NORMS.get(arm.split(" · ")[-1], "bn")
    folders = {str(seed): f"{study}-{scale}-{arm.replace(' ', '_')}-seed{seed}" for seed in range(seeds)}
    best = draw.uniform(0.6, 0.9)
    return {
        "overrides": ["epochs=3", f"norm={norm}"],
        "runs": {seed: {"status": "finished", "folder": folder} for seed, folder in folders.items()},
        "values": {
            "test_accuracy": {seed: best + draw.gauss(0, 0.01) for seed in folders},
            "steps": {seed: draw.uniform(100, 300) for seed in folders},
        },
    }


def write_summary(outputs: Path, content: dict[str, Any], curves: bool = True) -> Path:
    """The summary where its study leaves it, and the curves of its runs."""
    path = outputs / "studies" / f"{content['study']}-{content['scale']}" / "summary.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    for arm in content["arms"].values() if curves else ():
        for seed, run in arm["runs"].items():
            if run["status"] == "finished" and run["folder"]:
                write_curves(outputs / "runs" / run["folder"], arm["values"].get("test_accuracy", {}).get(seed, 0.5))
    return path


def write_curves(folder: Path, best: float, points: int = 20) -> None:
    """A metrics.csv whose accuracy ends near `best`, with curves beside it that the report does not draw."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["step,epoch,name,value"]
    for epoch in range(points):
        step, done = 50 * epoch, 1 - math.exp(-4 * epoch / points)
        lines.append(f"{step},{epoch},accuracy/test,{0.1 + (best - 0.1) * done:.6f}")
        lines.append(f"{step},{epoch},loss/train,{2.3 - 1.9 * done:.6f}")
        lines += [f"{step},{epoch},moments/y_mean/{layer:03d}.conv,{done:.6f}" for layer in range(20)]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")


def evidence(check: str = "some_check", holds: bool = False, **changes: Any) -> dict[str, Any]:
    """The content of a check's file."""
    numbers = {"largest": 4.5, "of_a_hundred": 12.0, "parameters": 269722.0}
    content = {"schema": 1, "check": check, "holds": holds, "sentence": "It is 4.5.", "numbers": numbers}
    return {**content, "commit": COMMIT, "clean": True, "seconds": 0.1, **changes}


def write_evidence(outputs: Path, content: dict[str, Any]) -> Path:
    """The evidence where its check leaves it."""
    path = outputs / "checks" / f"{content['check']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def claim(number: str, kind: str = "study", tests: Sequence[Any] = (), claim: str = "Norms help.") -> Claim:
    """A row of the ledger."""
    says = Literature(verdict="imprecise", says="They do, mostly.", source="Somebody 2015, §1")
    why = "There is nothing to run." if kind == "note" else None
    document = f"00{number.split('.')[0]}"
    return Claim(
        id=number, document=document, line="L7", claim=claim, kind=kind, literature=says, tests=list(tests), why=why
    )  # type: ignore[arg-type]


def study_test(study: str = "moments", **changes: Any) -> StudyTest:
    """A test of bn against no norm."""
    fields: dict[str, Any] = {"metric": "test_accuracy", "arms": ["bn", "no norm"], "direction": "greater"}
    fields |= {"margin": 0.003, "asserts": "bn is more accurate than no norm", "study": study}
    return StudyTest(**{**fields, **changes})


def verdict(state: str = "supported", effect: float = 0.0312, **changes: Any) -> Verdict:
    """A verdict on such a test."""
    numbers: dict[str, Any] = {"low": effect - 0.01, "high": effect + 0.01, "level": 0.95, "margin": 0.003}
    numbers |= {"ratio": False, "arms": ("bn", "no norm"), "n": (3, 3), "mean": (0.8, 0.77), "sd": (0.01, 0.01)}
    numbers |= {"tag": None, "df": 4.0, "p": 0.012, "power": 0.83, "divergence": None, "sentence": "It is."}
    return Verdict(state=state, effect=effect, **{**numbers, **changes})  # type: ignore[arg-type]


def decided(scale: str = "cpu") -> list[Decided]:
    """Claims of every state: of studies, of a check, and a note."""
    study, other = (
        study_test(),
        study_test(metric="steps", margin=1.25, direction="less", asserts="it takes fewer steps"),
    )
    fewer = verdict("contradicted", 1.1, low=1.02, high=1.19, margin=1.25, ratio=True, tag="real but negligible")
    found = CheckTest(check="some_check", asserts="it is in a fixed range")
    parts = (
        Part(study, "supported", None, "It is.", verdict(), scale=scale, source="local"),
        Part(other, "contradicted", "real but negligible", "It is not.", fewer, scale=scale, source="local"),
    )
    lacking = Part(study_test("dropout"), "not run", None, "run python train.py study=dropout scale=cpu")
    checked = Part(found, "contradicted", None, "It is 4.5.", evidence=evidence(), source="local")
    return [
        Decided(claim("0.2", tests=[study, other]), "contradicted", scale, parts),
        Decided(claim("0.10", tests=[study], claim="Batch norm is exact."), "supported", scale, parts[:1]),
        Decided(claim("1.1", "check", [found], claim="The range is fixed."), "contradicted", None, (checked,)),
        Decided(claim("2.1", tests=[study_test("dropout")]), "not run", None, (lacking,)),
        Decided(claim("3.1", "note"), "note", None, ()),
    ]  # fmt: skip
