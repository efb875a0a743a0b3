"""Metrics of a study's runs: points of curves, crossings, modes, what is taken over nested levels, pairs of arms."""

from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

from experiments.errors import UserError
from experiments.report.metrics import Curve
from experiments.studies.metric import Metric, Pair
from experiments.studies.pairs import pair_values
from experiments.studies.value import over_levels, value


def made_up(status="finished", modes=None, **curves):
    """A run with curves at the steps 0, 10, 20, … of the given values."""
    found = {
        name.replace("__", "/"): Curve(10 * np.arange(len(v)), np.zeros(len(v), int), np.array(v, float))
        for name, v in curves.items()
    }
    result = {"status": status, "final": {"test_accuracy": 0.5}, "train_seconds": 8.0, "steps": 40, "parameters": 7}
    return SimpleNamespace(result=result, status=status, curves=found, modes=modes)


def metric(**words):
    return Metric(**{"key": "k", "label": "x", **words})


def test_a_crossing_is_interpolated():
    run = made_up(acc=[0.1, 0.3, 0.7, 0.6], other=[0.0, 10.0, 20.0, 30.0])
    half = {"curve": "acc", "reaches": 0.5}
    assert value(run, metric(of="step", at="crossing", when=half)) == pytest.approx(15)
    assert value(run, metric(of="seconds", at="crossing", when=half)) == pytest.approx(15 * 8 / 40)
    assert value(run, metric(of="other", at="crossing", when=half)) == pytest.approx(15)
    assert value(run, metric(of="other", minus="acc", at="crossing", when=half)) == pytest.approx(14.5)
    share = {"curve": "acc", "share_of_last": 0.5}  # of 0.6: 0.3, which the second point has exactly
    assert value(run, metric(of="step", at="crossing", when=share)) == 10
    assert value(run, metric(of="step", at="crossing", when={"curve": "acc", "reaches": 0.05})) == 0
    assert value(run, metric(of="step", at="crossing", when={"curve": "acc", "reaches": 0.9})) is None
    assert value(run, metric(of="step", at="crossing", when={"curve": "nothing", "reaches": 0.9})) is None
    falling = {"curve": "loss", "reaches": 1.0, "falls": True}
    assert value(made_up(loss=[3, 2, 0.5]), metric(of="step", at="crossing", when=falling)) == pytest.approx(
        10 + 20 / 3
    )


def test_points_of_a_curve():
    run = made_up(loss=[5.0, 1.0, 4.0, 2.0], other=[1.0, 1.0, 1.0, 5.0])
    assert value(run, metric(of="loss", at="sd", points=3)) == pytest.approx(np.std([1, 4, 2], ddof=1))
    assert value(run, metric(of="loss", at="mean", points=2)) == 3
    assert value(run, metric(of="loss", minus="other", at="last")) == -3
    assert value(run, metric(of="loss", minus="other", at="last", absolute=True)) == 3
    assert value(run, metric(of="loss", minus="nothing", at="last")) is None
    assert value(made_up(loss=[1.0]), metric(of="loss", at="sd")) is None
    assert value(run, metric(of="parameters", at="result")) == 7


def test_a_diverged_run_counts_as_what_the_metric_says():
    run = made_up("diverged", loss=[5.0])
    assert value(run, metric(of="test_accuracy", at="result")) is None
    assert value(run, metric(of="test_accuracy", at="result", diverged=0.1)) == 0.1
    assert value(run, metric(of="loss", at="first", diverged=0.1)) == 5.0
    assert value(SimpleNamespace(result=None), metric(of="loss", at="first", diverged=0.1)) is None


def test_modes():
    def row(mode, size, accuracy):
        return {"mode": mode, "batch_size": size, "scores": accuracy and {"accuracy": {"mean": accuracy}}}

    rows = [
        row("running", None, 0.9),
        row("batch", 4, 0.5),
        row("batch", 32, 0.8),
        row("sorted", 4, None),
        row("whole", 99, 0.7),
    ]
    run = made_up(modes={"batch_size": 32, "modes": rows})
    assert value(run, metric(of="running/accuracy", at="modes")) == 0.9
    assert value(run, metric(of="running/accuracy", minus="batch:4/accuracy", at="modes")) == pytest.approx(0.4)
    assert value(run, metric(of="batch:train/accuracy", at="modes")) == 0.8
    assert value(run, metric(of="sorted:4/accuracy", at="modes")) is None
    assert value(run, metric(of="batch:8/accuracy", at="modes")) is None
    assert value(run, metric(of="whole/accuracy", at="modes")) == 0.7
    assert value(made_up(), metric(of="running/accuracy", at="modes")) is None


def test_what_is_taken_over_levels():
    def take(what, levels, **words):
        return over_levels(metric(of="x", at="last", take={"what": what, **words}, better="higher"), levels)

    levels = [("0.1", 2.0), ("1", 2.2), ("10", 5.0)]
    assert [take(what, levels) for what in ("range", "mean", "best", "worst")] == [
        3.0,
        pytest.approx(9.2 / 3),
        5.0,
        2.0,
    ]
    assert take("largest_level", levels) == 10
    assert take("largest_level", levels, below=2.2) == 0.1  # below, not at
    assert take("largest_level", [("0.1", 2.0), ("10", None)]) == 0.1  # the larger one diverged
    assert take("largest_level", [("0.1", None)]) is None
    assert take("range", [("0.1", 2.0), ("10", None)]) is None
    lower = metric(of="x", at="last", take={"what": "worst"}, better="lower")
    assert over_levels(lower, levels) == 5.0
    with pytest.raises(UserError, match="levels that are numbers"):
        take("largest_level", [("He", 1.0)])


@pytest.mark.parametrize(
    "words",
    [
        {"of": "step", "at": "crossing"},
        {"of": "step", "at": "last", "when": {"curve": "x", "reaches": 1.0}},
        {"of": "step", "at": "crossing", "when": {"curve": "x"}},
        {"of": "step", "at": "crossing", "when": {"curve": "x", "reaches": 1.0, "share_of_last": 0.9}},
        {"of": "x", "at": "last", "points": 3},
        {"of": "x", "at": "last", "margin": 0.0},
        {"of": "x", "at": "last", "margin": 0.5, "ratio": True},
        {"of": "x", "at": "last", "take": {"what": "worst"}},
        {"of": "x", "at": "last", "take": {"what": "largest_level"}, "diverged": 0.1},
        {"of": "x", "at": "last", "margin": 1.25, "ratio": True, "diverged": 0.0},
    ],
)
def test_a_metric_that_does_not_fit_together(words):
    with pytest.raises(ValidationError):
        metric(**words)


def test_excess_churn(tmp_path):
    """Against the definition written out, and against arms whose disagreement is known."""
    generator = np.random.default_rng(0)

    def run(arm, seed, classes):
        folder = tmp_path / f"{arm}{seed}"
        folder.mkdir()
        np.savez(folder / "predictions.npz", logits=np.eye(5)[classes], labels=classes)
        return SimpleNamespace(seed=seed, status="finished", folder=folder, result=None)

    labels = {arm: [generator.integers(5, size=40) for _ in range(4)] for arm in "ab"}
    runs = {arm: [run(arm, seed, one) for seed, one in enumerate(found)] for arm, found in labels.items()}
    pair = Pair(key="k", label="x", of="excess_churn", arms=["a", "b"])
    found = pair_values(pair, runs)

    def excess(seeds):
        def churn(one, other):
            return np.mean(labels[one[0]][one[1]] != labels[other[0]][other[1]])

        terms = [
            churn(("a", i), ("b", j)) - (churn(("a", i), ("a", j)) + churn(("b", i), ("b", j))) / 2
            for i in seeds
            for j in seeds
            if i != j
        ]
        return np.mean(terms)

    for left in range(4):
        rest = [seed for seed in range(4) if seed != left]
        assert found[str(left)] == pytest.approx(4 * excess(range(4)) - 3 * excess(rest))
    assert np.mean(list(found.values())) == pytest.approx(excess(range(4)))
    same = {
        "c": [run("c", seed, labels["a"][0]) for seed in range(3)],
        "d": [run("d", s, 0 * labels["a"][0]) for s in range(3)],
    }
    always = pair_values(Pair(key="k", label="x", of="excess_churn", arms=["c", "d"]), same)
    assert list(always.values()) == pytest.approx([np.mean(labels["a"][0] != 0)] * 3)
    assert pair_values(pair, {"a": runs["a"][:2], "b": runs["b"]}) is None
