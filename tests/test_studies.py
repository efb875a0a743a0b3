"""Studies: every file of conf/study for two steps an arm, the grid and what narrows it, numbers, mistakes."""

import json
import math
import re

import pytest
from conftest import ROOT

from experiments import identity
from experiments.command_line import compose_jobs
from experiments.errors import UserError
from experiments.job import perform
from experiments.studies.cells import spread
from experiments.studies.evaluation import evaluate_run
from experiments.studies.grid import grid
from experiments.studies.metric import Metric
from experiments.studies.outcome import numbers_of, table
from experiments.studies.runs import StudyRun, read_runs
from experiments.studies.study import load, names
from experiments.studies.summary import summary
from experiments.studies.value import value

pytestmark = pytest.mark.usefixtures("blank_figures")  # of which none is looked at here


@pytest.mark.parametrize("name", names())
def test_every_study_for_two_steps_an_arm(outputs, name):
    """At scale=smoke: no arm fails, and each metric is a number in some arm."""
    study = load(name)
    own = (f"paths.outputs={outputs}", f"paths.data={outputs / 'data'}", "epochs=null", "steps=2", "device=cpu")
    arms = study.arms("smoke")
    jobs = compose_jobs([[*words, *own, "seed=3"] for words in arms.values()])
    assert len({identity.name(job.config) for job in jobs}) == len(arms), "two arms are one run"
    for job in jobs:
        assert perform(job.config)["steps"] == 2
    if study.evaluation is not None:
        for job in jobs:
            evaluate_run(job, study.evaluation)
    runs = read_runs({arm: [job] for arm, job in zip(arms, jobs, strict=True)})
    numbers = summary(name, "smoke", study, runs, overrides=arms, narrowed=True)
    for key, about in numbers["metrics"].items():
        if key not in {pair.key for pair in study.pairs}:
            assert any(found["values"].get(key) for found in numbers["arms"].values()), about["label"]


@pytest.mark.parametrize("name", names())
def test_every_study_is_described(name):
    study = load(name)
    text = (ROOT / "conf" / "study" / f"{name}.yaml").read_text()
    assert re.match(r"# \S.{20,}\n", text)
    assert set(study.scales) == {"smoke", "cpu", "paper"}
    assert all(re.fullmatch(r"[0-4]\.\d+", claim) for claim in study.claims)
    assert f"\n# python train.py study={name} scale=" in text
    assert len({metric.label for metric in study.metrics}) == len(study.metrics)
    for scale in study.scales:
        assert len(study.arms(scale)) > 1
        assert len(study.scales[scale].seeds) > 1


def test_a_study_by_its_command(small_study, train_py, outputs):
    words = ("study=small", "scale=smoke", f"paths.outputs={outputs}")
    said = train_py(*words)
    assert said.code == 0
    assert "8 runs: 8 finished" in said.out
    numbers = json.loads((outputs / "studies" / "small-smoke" / "summary.json").read_text())
    assert list(numbers["arms"]) == ["bn · slow", "bn · fast", "no norm · slow", "no norm · fast"]
    assert numbers["runs"] == {"finished": 8, "diverged": 0, "not finished": 0}
    assert numbers["command"] == "python train.py study=small scale=smoke"
    folders = sorted(path.name for path in (outputs / "runs").iterdir())
    assert len(folders) == 8
    finals = {}
    for name in folders:
        result = json.loads((outputs / "runs" / name / "result.json").read_text())
        key = (result["config"]["norm"]["name"], result["config"]["recipe"]["lr"])
        finals.setdefault(key, []).append((result["config"]["seed"], result["final"]["test_accuracy"]))
    for arm, key in (("bn · slow", ("bn", 0.01)), ("no norm · fast", ("none", 0.1))):
        found = numbers["arms"][arm]
        values = [accuracy for _, accuracy in sorted(finals[key])]
        assert found["values"]["test_accuracy"] == {"0": values[0], "1": values[1]}
        statuses = {seed: one["status"] for seed, one in found["runs"].items()}
        assert statuses == {"0": "finished", "1": "finished"}
        assert {one["folder"] for one in found["runs"].values()} <= set(folders)
        assert "paths.outputs" not in " ".join(found["overrides"])
    again = train_py(*words)
    assert again.code == 0
    assert again.out.count("is finished already") == 8


def test_narrowing(small_study):
    whole = grid(["study=small", "scale=smoke"])
    assert not whole.narrowed
    assert [job.config["seed"] for job in whole.plan.jobs] == [0] * 4 + [1] * 4  # every arm's first seed comes first
    part = grid(["study=small", "scale=smoke", "norm=bn", "recipe.lr=0.1", "seed=1", "device=cpu"])
    assert part.narrowed
    assert list(part.arms) == ["bn · fast"]
    (job,) = part.plan.jobs
    assert identity.name(job.config) in {identity.name(other.config) for other in whole.plan.jobs}
    assert job.overrides[-1] == "seed=1"
    assert list(grid(["study=small", "scale=cpu"]).arms) == ["bn · fast", "no norm · fast"]
    assert grid(["study=small", "scale=smoke", "norm=bn"]).narrowed
    assert grid(["study=small", "scale=smoke", "seed=0"]).narrowed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("study=smal", "scale=smoke"), "study=smal does not exist. Did you mean small? Known: small"),
        (("study=small",), "scale is missing: choose one, as in scale=smoke. Known: cpu, smoke"),
        (("study=small", "scale=paper"), "scale=paper does not exist for small: choose one"),
        (("study=small", "scale=smoke", "epochs=3"), "epochs=3 would make another study of small"),
        (("study=small", "scale=smoke", "norm=ln"), "small has no arm with norm=ln. Its arms: bn · slow, "),
        (("study=small", "scale=smoke", "seed=7"), "seed=7 is not among the seeds of small at scale=smoke: 0, 1"),
        (("study=small", "study=small", "scale=smoke"), "one study at a time"),
        (("study=small,other", "scale=smoke"), "one study at a time"),
        (("study=small", "scale=smoke", "quickly"), "'quickly' is not understood with study=small"),
        (("study=small", "scale=smoke", "hydra/launcher=jobli"), "hydra/launcher=jobli does not exist"),
        (("study=small", "scale=smoke", "device=gpu"), "device=gpu is not known"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(small_study, train_py, outputs, words, said):
    found = train_py(*words, f"paths.outputs={outputs}")
    assert found.code == 2
    assert said in found.err
    assert found.err.count("\n") == 1
    assert not outputs.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"question": None}, "small.yaml: question=null"),
        ({"metrics": [{"key": "k", "label": "x", "of": "y", "at": "middle"}]}, "at=middle is not known"),
        ({"colour": "red"}, "colour is not a setting"),
        (
            {"factors": {"norm": {"bn": ["norm=bm"]}, "rate": {"fast": ["recipe.lr=0.1"]}}},
            "norm=bm does not exist. Did you mean bn?",
        ),
        (
            {"scales": {"smoke": {"minutes": 1, "expect": "x", "seeds": [0], "levels": {"depth": ["8"]}}}},
            "scales.smoke.levels.depth is no factor. Known: norm, rate",
        ),
        (
            {"scales": {"smoke": {"minutes": 1, "expect": "x", "seeds": [0], "levels": {"norm": ["ln"]}}}},
            "scales.smoke.levels keeps norm: ln, which is no level. Known: bn, no norm",
        ),
    ],
)
def test_mistakes_in_a_file(small_study, changes, said):
    small_study(**changes)
    with pytest.raises(UserError, match=re.escape(said)):
        grid(["study=small", "scale=smoke"])


def test_a_metric_that_no_result_has_is_said_when_the_runs_are_there(small_study, train_py, outputs):
    small_study(metrics=[{"key": "k", "label": "x", "of": "accuracy", "at": "result"}])
    words = ("study=small", "scale=smoke", "norm=bn", "recipe.lr=0.1", "seed=0", f"paths.outputs={outputs}")
    said = train_py(*words)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "the metric 'accuracy' is no key of result.json. " in said.err
    assert len(list((outputs / "runs").glob("*/result.json"))) == 1  # nothing is lost


def test_metrics_of_a_run(made):
    run = made("probes=[gradient_depth]", "probe_every=4")
    one = StudyRun(None, run.folder, run.result)
    losses = [number for _, _, name, number in run.metrics if name == "running/loss"]
    for at, number in (("first", losses[0]), ("last", losses[-1]), ("mean", sum(losses) / len(losses))):
        assert value(one, Metric(key="k", label="x", of="running/loss", at=at)) == pytest.approx(number)
    assert value(one, Metric(key="k", label="x", of="running/loss", at="max")) == max(losses)
    assert value(one, Metric(key="k", label="x", of="running/loss", at="min")) == min(losses)
    assert value(one, Metric(key="k", label="x", of="nothing", at="last")) is None
    by_layer = [n for step, _, name, n in run.metrics if name.startswith("gradient_depth/log_norm/") and step == 16]
    for over, number in (("mean", sum(by_layer) / 3), ("max", max(by_layer)), ("min", min(by_layer))):
        metric = Metric(key="k", label="x", of="gradient_depth/log_norm/*", over=over, at="last")
        assert value(one, metric) == pytest.approx(number)
    diverged = StudyRun(None, run.folder, {**run.result, "status": "diverged"})
    for at in ("last", "mean", "max", "min"):
        assert value(diverged, Metric(key="k", label="x", of="running/loss", at=at)) is None
    assert value(diverged, Metric(key="k", label="x", of="test_accuracy", at="result")) is None
    assert (
        value(one, Metric(key="k", label="x", of="test_accuracy", at="result")) == run.result["final"]["test_accuracy"]
    )
    assert value(diverged, Metric(key="k", label="x", of="running/loss", at="first")) == losses[0]
    with pytest.raises(UserError, match=r"accuracy. is no key of result\.json"):
        value(one, Metric(key="k", label="x", of="accuracy", at="result"))


def test_spread_and_its_table(small_study):
    assert spread({"0": 1.0, "1": 2.0, "2": 6.0}) == (3.0, pytest.approx(math.sqrt(7)))
    assert (spread({}), spread({"0": 1.0})) == ((None, None), (1.0, None))
    found = grid(["study=small", "scale=cpu"])
    numbers = numbers_of(found, read_runs(found.arms))
    lines = table(numbers)
    assert not numbers["complete"]
    assert numbers["runs"] == {"finished": 0, "diverged": 0, "not finished": 6}
    assert "6 not finished" in lines[-1]
    assert any(line.startswith("bn · fast") and line.split()[3:] == ["0", "–", "–"] for line in lines)


def test_table_shows_shares_in_percent_as_its_page_does(small_study):
    found = grid(["study=small", "scale=cpu"])
    numbers = numbers_of(found, read_runs(found.arms))
    key, other = numbers["metrics"]
    numbers["metrics"][key] |= {"percent": True}
    numbers["arms"]["bn · fast"]["values"] = {key: {"0": 0.59, "1": 0.61}, other: {"0": 2.0}}
    [line] = [line for line in table(numbers) if line.startswith("bn · fast")]
    assert line.split()[4:] == ["60.0", "±", "1.4", "%", "2"]


def test_table_gives_what_two_arms_have_together_a_line_and_no_column(small_study):
    found = grid(["study=small", "scale=cpu"])
    numbers = numbers_of(found, read_runs(found.arms))
    numbers["metrics"]["churn"] = {"label": "disagreement (%)", "percent": True}
    numbers["pairs"] = {"churn": {"bn | ln": {"0": 0.1, "1": 0.3}}}
    lines = [" ".join(line.split()) for line in table(numbers)]
    assert "arm n [1] [2]" in lines
    assert "bn | ln: disagreement (%) 20 ± 14 % (n = 2)" in lines
