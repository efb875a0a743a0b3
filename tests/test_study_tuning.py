"""Settings tuned on held-out images, and nested factors, from a study's file to its numbers."""

import json

import pytest

from experiments import identity, result
from experiments.errors import UserError
from experiments.studies.claim import StudyTest
from experiments.studies.grid import grid
from experiments.studies.parts import of_study

pytestmark = pytest.mark.usefixtures("blank_figures")
TUNING = {"setting": "recipe.lr", "only": {"norm": ["bn"]}, "settings": ["dataset.validation=0.3"]}
PLAIN = {"minutes": 1, "expect": "x", "seeds": [0, 1], "settings": ["epochs=null", "steps=2"]}
SMOKE = {**PLAIN, "tuned": {"recipe.lr": [0.001, 0.01, 0.1]}, "tuning_seeds": [5]}
NORMS = {"norm": {"bn": ["norm=bn"], "no norm": ["norm=none"]}}


def held_out(outputs):
    """The results of the runs that held images out, by learning rate."""
    found = [result.read(path) for path in (outputs / "runs").iterdir()]
    return {one["config"]["recipe"]["lr"]: one for one in found if one["config"]["dataset"]["validation"]}


def test_a_rate_is_chosen_on_held_out_images_and_run_in_a_second_stage(small_study, train_py, outputs):
    small_study(tuning=TUNING, scales={"smoke": SMOKE}, factors=NORMS)
    words = ["study=small", "scale=smoke", f"paths.outputs={outputs}"]
    before = grid(words)
    assert before.waiting
    assert list(before.arms) == ["bn", "no norm"]
    assert len(before.plan.jobs) == 4 + 3
    said = train_py(*words)
    assert said.code == 0, said.err
    tried = held_out(outputs)
    assert set(tried) == {0.001, 0.01, 0.1}
    assert {one["config"]["seed"] for one in tried.values()} == {5}
    best = max(tried, key=lambda rate: (tried[rate]["final"]["validation_accuracy"], -rate))
    after = grid(words)
    assert not after.waiting
    assert list(after.arms) == ["bn", "no norm", "bn · tuned"]
    assert {job.config["recipe"]["lr"] for job in after.arms["bn · tuned"]} == {best}
    assert {job.config["dataset"]["validation"] for job in after.arms["bn · tuned"]} == {0.0}
    numbers = json.loads((outputs / "studies" / "small-smoke" / "summary.json").read_text())
    assert numbers["complete"]
    assert numbers["arms"]["bn · tuned"]["overrides"][-1] == f"recipe.lr={best}"
    assert len(numbers["arms"]["bn · tuned"]["values"]["test_accuracy"]) == 2
    means = {float(rate): mean for rate, mean in numbers["tuning"]["bn"]["means"].items()}
    assert means == {rate: one["final"]["validation_accuracy"] for rate, one in tried.items()}
    assert numbers["tuning"]["bn"]["chosen"] == best
    assert numbers["tuning"]["bn"]["at_edge"] == (best != 0.01)
    assert f"bn: recipe.lr={best} is best on held-out images" in said.out


def test_a_value_that_diverged_is_not_chosen(small_study, train_py, outputs):
    smoke = {**SMOKE, "tuned": {"recipe.lr": [1.0e12, 0.01]}, "settings": ["epochs=null", "steps=2", "norm=none"]}
    small_study(
        tuning={**TUNING, "only": {}},
        scales={"smoke": smoke},
        factors={"size": {"one": ["model.width=0.25"], "two": ["model.width=0.5"]}},
    )
    words = ["study=small", "scale=smoke", "model.width=0.25", f"paths.outputs={outputs}"]
    assert train_py(*words).code == 0
    found = grid(words)
    assert found.tuning["one"].means[1.0e12] is None
    assert found.tuning["one"].chosen == 0.01
    assert list(found.arms) == ["one", "one · tuned"]


def test_nested_levels_are_taken_together(small_study, train_py, outputs):
    metrics = [
        {"key": "accuracy", "label": "a", "of": "test_accuracy", "at": "result"},
        {"key": "range", "label": "r", "of": "test_accuracy", "at": "result", "take": {"what": "range"}},
        {"key": "rate", "label": "l", "of": "train_loss", "at": "result", "take": {"what": "largest_level"}},
    ]
    rates = {"0.01": ["recipe.lr=0.01"], "0.1": ["recipe.lr=0.1"]}
    small_study(metrics=metrics, nested=["rate"], factors={**NORMS, "rate": rates}, scales={"smoke": PLAIN})
    assert train_py("study=small", "scale=smoke", f"paths.outputs={outputs}").code == 0
    numbers = json.loads((outputs / "studies" / "small-smoke" / "summary.json").read_text())
    assert list(numbers["arms"]) == ["bn · 0.01", "bn · 0.1", "no norm · 0.01", "no norm · 0.1", "bn", "no norm"]
    cells = [numbers["arms"][f"bn · {rate}"]["values"] for rate in rates]
    assert set(cells[0]) == {"accuracy"}
    for seed in ("0", "1"):
        low, high = sorted(cell["accuracy"][seed] for cell in cells)
        assert numbers["arms"]["bn"]["values"]["range"][seed] == pytest.approx(high - low)
    assert numbers["arms"]["bn"]["values"]["rate"] == {"0": 0.1, "1": 0.1}
    assert numbers["arms"]["bn"]["runs"]["0"] == {"status": "finished", "folder": None}
    assert numbers["complete"]


def test_a_seed_has_diverged_where_all_of_its_levels_did(small_study, train_py, outputs):
    """Where no level qualifies and only some diverged, it is finished without a number, and the verdict says so."""
    margin = {"better": "higher", "ratio": True, "margin": 2.0}
    taken = {"what": "largest_level", "below": -1.0}
    small_study(
        metrics=[{"key": "rate", "label": "l", "of": "train_loss", "at": "result", "take": taken, **margin}],
        nested=["rate"],
        factors={
            "size": {"one": ["model.width=0.25"], "two": ["model.width=0.5"]},
            "rate": {"0.01": ["recipe.lr=0.01"], "1.0e12": ["recipe.lr=1.0e12"]},
        },
        leave_out=[["two", "0.01"]],
        scales={"smoke": {**PLAIN, "settings": ["epochs=null", "steps=2", "norm=none"]}},
    )
    assert train_py("study=small", "scale=smoke", f"paths.outputs={outputs}").code == 0
    numbers = json.loads((outputs / "studies" / "small-smoke" / "summary.json").read_text())
    arms = {name: [run["status"] for run in found["runs"].values()] for name, found in numbers["arms"].items()}
    assert arms == {
        "one · 0.01": ["finished"] * 2,
        "one · 1.0e12": ["diverged"] * 2,
        "two · 1.0e12": ["diverged"] * 2,
        "one": ["finished"] * 2,
        "two": ["diverged"] * 2,
    }
    asked = {"study": "small", "metric": "rate", "arms": ["one", "two"], "direction": "greater", "margin": 2.0}
    part = of_study(StudyTest(**asked, asserts="x"), "smoke", numbers)
    assert part.verdict.divergence.lost == (0, 2)
    assert "one (of 2 runs 2 finished without one) and two (of 2 runs 2 diverged)" in part.sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nested": ["depth"]}, "nested: depth is no factor. Known: norm"),
        ({"leave_out": [["ln"]]}, "leave_out names ln, which is no level"),
        ({"tuning": {**TUNING, "only": {"norm": ["ln"]}}}, "tuning.only keeps norm: ln, which is no level"),
        ({"tuning": {**TUNING, "setting": "batch_size"}}, "names a setting that tuning does not"),
        (
            {"published": [{"arm": "bm", "metric": "test_accuracy", "value": 0.9, "source": "x"}]},
            "the arm bm does not exist. Did you mean bn?",
        ),
        (
            {"published": [{"arm": "bn", "metric": "accuracy", "value": 0.9, "source": "x"}]},
            "published names the metric accuracy. Did you mean test_accuracy?",
        ),
    ],
)
def test_mistakes_in_a_file(small_study, changes, said):
    small_study(**{"factors": NORMS, "tuning": TUNING, "scales": {"smoke": SMOKE}, **changes})
    with pytest.raises(UserError) as found:
        grid(["study=small", "scale=smoke"])
    assert said in str(found.value)


def test_combinations_that_are_left_out(small_study):
    factors = {**NORMS, "rate": {"slow": ["recipe.lr=0.01"], "fast": ["recipe.lr=0.1"]}}
    small_study(factors=factors, leave_out=[["no norm", "fast"]])
    found = grid(["study=small", "scale=smoke"])
    assert list(found.arms) == ["bn · slow", "bn · fast", "no norm · slow"]
    assert len({identity.name(job.config) for job in found.plan.jobs}) == 6
