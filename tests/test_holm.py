"""Holm's correction of a family of verdicts, against numbers found by hand."""

import pytest
from samples import exactly

from experiments.verdicts.criterion import Criterion
from experiments.verdicts.holm import corrected
from experiments.verdicts.judge import judge

ONE = judge(Criterion("greater", 0.3), [exactly(1.5, 0.1)], [exactly(1, 0.1)])


def with_p(p, state="supported"):
    return ONE.__class__(**{**ONE.__dict__, "p": p, "state": state, "sentence": "Found."})


def test_by_hand():
    # sorted: .005 · 4, .01 · 3, .03 · 2 with 1 for the one without a verdict last
    family = {"a": with_p(0.03), "b": with_p(0.005), "c": None, "d": with_p(0.01, "contradicted")}
    found = corrected(family)
    assert list(found) == ["a", "b", "d"]
    assert [found[key].adjusted_p for key in "bda"] == pytest.approx([0.02, 0.03, 0.06])
    assert [found[key].state for key in "bda"] == ["supported", "contradicted", "inconclusive"]
    assert found["a"].tag == "not after Holm's correction over 4 tests"
    assert found["a"].sentence == "Found. Alone it would be supported; corrected over 4 tests its p is 0.06."
    assert (found["a"].p, found["a"].effect) == (0.03, ONE.effect)


def test_a_larger_p_is_never_adjusted_below_a_smaller_one():
    found = corrected({"a": with_p(0.02), "b": with_p(0.026), "c": with_p(0.03)})
    assert [found[key].adjusted_p for key in "abc"] == pytest.approx([0.06, 0.06, 0.06])
    assert {verdict.state for verdict in found.values()} == {"inconclusive"}


def test_inconclusive_members_count_and_stay():
    """One of three that rejects nothing stands last, however small its p of another hypothesis."""
    family = {"a": with_p(0.02), "b": with_p(0.001, "inconclusive"), "c": with_p(None, "inconclusive")}
    found = corrected(family)
    assert found["a"].state == "inconclusive"  # 3 · .02
    assert found["b"] == family["b"]
    assert found["c"] == family["c"]
    assert corrected({"a": with_p(0.02)})["a"].state == "supported"
    assert corrected({}) == {}
