"""A small ledger, the studies that it names, and numbers for them, all made up."""

from experiments.studies.claim import Claim
from experiments.studies.known_studies import KnownMetric, KnownStudy

SCALES = ("smoke", "cpu", "paper")
MARGIN = 0.003


def study(claims=(), arms=("bn", "ln", "no norm"), metrics=None, seeds=5, **more):
    """The same arms and seeds at every scale."""
    return KnownStudy(
        tuple(claims),
        dict.fromkeys(SCALES, tuple(arms)),
        dict.fromkeys(SCALES, seeds),
        metrics or {"accuracy": KnownMetric(MARGIN, better="higher")},
        **more,
    )


def of_study(study="accuracy", arms=("bn", "no norm"), **more):
    fixed = {"metric": "accuracy", "direction": "greater", "margin": MARGIN, "asserts": "bn is more accurate"}
    return {"study": study, "arms": list(arms), **fixed, **more}


def of_check(name="a_check"):
    return {"check": name, "asserts": "it holds"}


def row(*tests, **more):
    """A claim of document 000 as the file has it."""
    kind = "study" if any("study" in test for test in tests) else "check" if tests else "note"
    fixed = {
        "document": "000",
        "line": "L1",
        "claim": "Batch norm does it.",
        "kind": kind,
        "literature": {"verdict": "right", "says": "It does.", "source": "A paper"},
        "tests": list(tests),
        "why": None if tests else "It is a matter of words.",
    }
    return {**fixed, **more}


def ledger(**rows):
    """Claims by id; `c1` stands for 0.1."""
    return {f"0.{key[1:]}": Claim.model_validate({"id": f"0.{key[1:]}", **found}) for key, found in rows.items()}


def summary(arms, name="accuracy", scale="cpu", metric="accuracy", diverged=None, pairs=None, about=None, **more):
    """Of a finished study; `arms` has the values of each by seed, `diverged` how many more diverged without one."""
    found = {}
    for arm, values in arms.items():
        lost = (diverged or {}).get(arm, 0)
        seeds = [str(seed) for seed in range(len(values) + lost)]
        statuses = ["finished"] * len(values) + ["diverged"] * lost
        found[arm] = {
            "overrides": [],
            "runs": {s: {"status": status, "folder": s} for s, status in zip(seeds, statuses, strict=True)},
            "values": {metric: dict(zip(seeds, values, strict=False))},
        }
    fixed = {"label": metric, "percent": True, "better": "higher", "margin": MARGIN, "ratio": False}
    return {
        "schema": 2,
        "study": name,
        "scale": scale,
        "command": f"python train.py study={name} scale={scale}",
        "narrowed": False,
        "complete": True,
        "metrics": {metric: {**fixed, **(about or {})}},
        "runs": {"finished": 1, "diverged": 0, "not finished": 0},
        "code": {"mixed": []},
        "seeds": [0, 1],
        "pairs": pairs or {},
        "arms": found,
        "source": "local",
        **more,
    }


def around(mean, spread=0.001, n=5):
    """n values around a mean."""
    return [mean + spread * (place - (n - 1) / 2) for place in range(n)]
