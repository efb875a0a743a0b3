"""What comes of claims: by scale, by what is there, by checks and studies together, and after Holm's correction."""

import pytest
from made_up_ledger import around, ledger, of_check, of_study, row, summary

from experiments.studies.decide import decide
from experiments.studies.ledger import read

BETTER = {"bn": around(0.92), "no norm": around(0.90)}
WORSE = {"bn": around(0.90), "no norm": around(0.92)}
UNCLEAR = {"bn": around(0.92, 0.02), "no norm": around(0.90, 0.02)}
HOLDS = {"a_check": {"check": "a_check", "holds": True, "sentence": "It does.", "numbers": {}, "source": "saved"}}
FAILS = {"a_check": {**HOLDS["a_check"], "holds": False}}


def decided(found, *summaries, evidence=None):
    by_scale = {(one["study"], one["scale"]): one for one in summaries}
    return {one.claim.id: one for one in decide(found, by_scale, evidence or {})}


def one(found, *summaries, evidence=None):
    return decided(ledger(c1=found), *summaries, evidence=evidence)["0.1"]


@pytest.mark.parametrize(("arms", "state"), [(BETTER, "supported"), (WORSE, "contradicted"), (UNCLEAR, "inconclusive")])
def test_a_claim_of_one_test(arms, state):
    found = one(row(of_study()), summary(arms))
    assert (found.state, found.scale) == (state, "cpu")
    (part,) = found.parts
    assert (part.state, part.verdict.state, part.scale, part.source) == (state, state, "cpu", "local")
    assert part.sentence == part.verdict.sentence
    assert part.verdict.arms == ("bn", "no norm")
    assert (found.smoke_state, found.smoke_parts) == (None, ())


def test_a_claim_is_the_conjunction_of_its_tests():
    second = of_study("other")
    for arms, state in ((BETTER, "supported"), (WORSE, "contradicted"), (UNCLEAR, "inconclusive")):
        assert one(row(of_study(), second), summary(BETTER), summary(arms, "other")).state == state
        assert one(row(second, of_study()), summary(BETTER), summary(arms, "other")).state == state
    both = one(row(of_study(), second), summary(UNCLEAR), summary(WORSE, "other"))
    assert both.state == "contradicted"


def test_checks_belong_to_every_scale():
    found = one(row(of_check(), of_study()), summary(BETTER, scale="paper"), evidence=HOLDS)
    assert (found.state, found.scale) == ("supported", "paper")
    check, test = found.parts
    assert (check.scale, check.source, check.sentence, check.verdict) == (None, "saved", "It does.", None)
    assert (check.evidence, test.evidence) == (HOLDS["a_check"], None)
    assert one(row(of_check()), evidence=HOLDS).state == "supported"
    alone = one(row(of_check()), evidence=FAILS)
    assert (alone.state, alone.scale) == ("contradicted", None)
    missing = one(row(of_check()))
    assert (missing.state, missing.parts[0].state) == ("not run", "not run")
    assert "a_check has not been run" in missing.parts[0].sentence


def test_a_check_that_contradicts_does_so_whatever_is_missing():
    found = one(row(of_check(), of_study()), evidence=FAILS)
    assert (found.state, found.scale) == ("contradicted", None)
    assert [part.state for part in found.parts] == ["contradicted", "not run"]
    assert one(row(of_check(), of_study()), evidence=HOLDS).state == "not run"
    # a study at one scale alone is not enough: at another one it may come out otherwise
    assert one(row(of_study(), of_study("other")), summary(WORSE)).state == "not run"


def test_the_best_scale_at_which_everything_is_there():
    cpu, paper = summary(WORSE), summary(BETTER, scale="paper")
    found = one(row(of_study()), cpu, paper)
    assert (found.state, found.scale) == ("supported", "paper")
    other = summary(BETTER, "other")
    mixed = one(row(of_study(), of_study("other")), cpu, paper, other)  # other was not run at the scale paper
    assert (mixed.state, mixed.scale) == ("contradicted", "cpu")
    assert {part.scale for part in mixed.parts} == {"cpu"}
    neither = one(row(of_study(), of_study("other")), paper, other)
    assert (neither.state, neither.scale) == ("not run", None)
    assert len({part.scale for part in neither.parts}) == 1
    assert {part.state for part in neither.parts} == {"supported", "not run"}


def test_smoke_does_not_count():
    found = one(row(of_study()), summary(BETTER, scale="smoke"))
    assert (found.state, found.scale, found.smoke_state) == ("not run", None, "supported")
    assert (
        found.parts[0].sentence == "accuracy has not been run at scale=cpu: python train.py study=accuracy scale=cpu."
    )
    assert [(part.scale, part.state) for part in found.smoke_parts] == [("smoke", "supported")]
    counted = one(row(of_study()), summary(WORSE, scale="smoke"), summary(BETTER))
    assert (counted.state, counted.smoke_state) == ("supported", None)
    by_check = one(row(of_check(), of_study()), summary(BETTER, scale="smoke"), evidence=FAILS)
    assert (by_check.state, by_check.smoke_state, by_check.smoke_parts) == ("contradicted", None, ())


@pytest.mark.parametrize(
    ("change", "state", "tag", "words"),
    [
        ({"narrowed": True, "complete": False}, "not run", "a part of it", ["scale=cpu` without more words"]),
        (
            {"complete": False, "runs": {"finished": 9, "diverged": 0, "not finished": 3}},
            "not run",
            "incomplete",
            ["3 runs are not finished", "`python train.py study=accuracy scale=cpu`"],
        ),
        ({"code": {"mixed": ["models.norms.bn"]}}, "refused", "mixed code", ["models.norms.bn", "older ones"]),
        ({"schema": 1}, "refused", "old numbers", ["repeat"]),
        ({"metrics": {}}, "refused", "old numbers", ["no accuracy"]),
    ],
)
def test_numbers_that_are_not_judged(change, state, tag, words):
    found = one(row(of_study()), summary(BETTER, **change))
    assert (found.state, found.scale) == ("not run", None)
    (part,) = found.parts
    assert (part.state, part.tag, part.verdict, part.scale) == (state, tag, None, "cpu")
    assert all(word in part.sentence for word in words), part.sentence


def test_another_margin_is_another_question():
    (part,) = one(row(of_study()), summary(BETTER, about={"margin": 0.01})).parts
    assert (part.state, part.tag) == ("refused", "another margin")
    assert "0.01" in part.sentence
    assert "0.003" in part.sentence


def test_an_arm_that_the_scale_leaves_out():
    cpu, paper = summary({"bn": around(0.9)}), summary(BETTER, scale="paper")
    found = one(row(of_study()), cpu)
    assert found.parts[0].scale == "paper"  # where it can be run; at cpu there will never be more
    assert "scale=paper" in found.parts[0].sentence
    assert one(row(of_study()), cpu, paper).scale == "paper"
    (part,) = one(row(of_study()), cpu, summary({"bn": [1.0]}, scale="paper")).parts
    assert part.sentence == "accuracy leaves no norm out at scale=cpu."
    best_of = row(of_study(arms=["bn", ["no norm", "no norm, He"]]))
    assert one(best_of, summary(BETTER)).state == "supported"  # one of those of which the best is meant is enough
    assert one(best_of, cpu).state == "not run"


def test_tests_of_some_scales():
    small = of_study(arms=["bn", "no norm"], scales=["smoke", "cpu"])
    large = of_study(arms=["large bn", "large no norm"], scales=["paper"])
    of_large = {"large bn": around(0.90), "large no norm": around(0.95)}
    assert one(row(small, large), summary(BETTER)).scale == "cpu"
    found = one(row(small, large), summary(BETTER), summary(of_large, scale="paper"))
    assert (found.state, found.scale, len(found.parts)) == ("contradicted", "paper", 1)
    assert one(row(large), summary(BETTER | of_large)).state == "not run"  # no test of it belongs to cpu
    assert one(row(large, of_check()), summary(BETTER | of_large), evidence=HOLDS).state == "not run"


def test_diverged_runs():
    lost = one(row(of_study()), summary({"bn": around(0.9), "no norm": []}, diverged={"no norm": 5}))
    assert (lost.state, lost.parts[0].tag) == ("inconclusive", "runs were lost in one arm")
    assert lost.parts[0].verdict.divergence.p == pytest.approx(2 / 252)
    asked = row(of_study(arms=["no norm", "bn"], outcome="divergence", margin=0.2))
    found = one(asked, summary({"bn": around(0.9), "no norm": [0.1]}, diverged={"no norm": 5}))
    assert found.state == "supported"
    assert found.parts[0].verdict.divergence.lost == (5, 0)
    some = one(row(of_study()), summary({"bn": around(0.9), "no norm": around(0.8, n=4)}, diverged={"no norm": 1}))
    assert (some.state, some.parts[0].verdict.divergence.lost) == ("supported", (0, 1))


def test_finished_runs_without_a_number_are_not_lost():
    """As where no learning rate brought the loss below a level: nothing diverged."""
    numbers = summary({"bn": around(0.9), "no norm": around(0.1)})
    numbers["arms"]["no norm"]["values"] = {}
    (part,) = one(row(of_study()), numbers).parts
    assert (part.state, part.tag, part.verdict.divergence) == ("inconclusive", "runs have no number in one arm", None)
    assert "No number from no norm (of 5 runs 5 finished without one)" in part.sentence
    numbers["arms"]["no norm"]["runs"]["0"]["status"] = "diverged"
    (part,) = one(row(of_study()), numbers).parts
    assert (part.tag, part.verdict.divergence.lost) == ("runs have no number in one arm", (0, 1))


def test_a_diverged_run_that_counts_as_a_number():
    """Where the metric says what it counts as, the run is not lost."""
    numbers = summary({"bn": around(0.9), "no norm": around(0.1, 0)})
    for run in numbers["arms"]["no norm"]["runs"].values():
        run["status"] = "diverged"
    found = one(row(of_study()), numbers)
    assert (found.state, found.parts[0].verdict.divergence) == ("supported", None)
    del numbers["arms"]["no norm"]["values"]["accuracy"]["4"]
    verdict = one(row(of_study()), numbers).parts[0].verdict
    assert (verdict.state, verdict.divergence.lost) == ("supported", (0, 1))
    asked = row(of_study(arms=["no norm", "bn"], outcome="divergence", margin=0.2))
    assert one(asked, numbers).parts[0].verdict.divergence.lost == (5, 0)


def test_what_the_metric_says_is_used():
    steps = {"ratio": True, "better": "lower", "margin": 1.25, "percent": False}
    asked = row(of_study(arms=["bn", ["no norm", "ln"]], direction="less", margin=1.25))
    arms = {"bn": [100, 101, 102], "no norm": [300, 301, 302], "ln": [200, 201, 202]}
    verdict = one(asked, summary(arms, about=steps)).parts[0].verdict
    assert (verdict.state, verdict.effect, verdict.arms) == ("supported", pytest.approx(0.5, rel=0.01), ("bn", "ln"))
    against = row(of_study(arms=["bn"], reference=50.0, margin=1.25))
    assert one(against, summary(arms, about=steps)).parts[0].verdict.effect == pytest.approx(2, rel=0.02)
    points = one(row(of_study()), summary(BETTER)).parts[0].sentence
    assert "2.00 points" in points


def test_a_difference_of_differences():
    asked = row(of_study(minus=["bn small", "no norm small"]))
    arms = BETTER | {"bn small": around(0.85), "no norm small": around(0.84)}
    verdict = one(asked, summary(arms)).parts[0].verdict
    assert (verdict.state, verdict.effect) == ("supported", pytest.approx(0.01))


@pytest.mark.parametrize("name", ["bn | no norm", "no norm | bn"])
def test_pairs(name):
    asked = row(of_study(metric="churn", pairs=True))
    arms = {"bn": [1.0] * 3, "no norm": [1.0] * 3}
    numbers = summary(arms, metric="churn", pairs={"churn": {name: {"0": 0.05, "1": 0.06, "2": 0.055}}})
    verdict = one(asked, numbers).parts[0].verdict
    assert (verdict.state, verdict.effect, verdict.n) == ("supported", pytest.approx(0.055), (3,))
    for there in ({}, arms):  # arms that the scale leaves out, or too few seeds for pairs
        (part,) = one(asked, summary(there, metric="churn", pairs={"churn": {"bn | ln": {"0": 1.0}}})).parts
        assert part.state == "not run"


def test_seeds_of_a_pair_that_diverged_in_one_arm_are_lost():
    asked = row(of_study(metric="churn", pairs=True))
    arms, values = {"bn": [1.0] * 6, "no norm": [1.0] * 4}, {"0": 0.05, "1": 0.06, "2": 0.055, "3": 0.055}
    some = summary(arms, metric="churn", pairs={"churn": {"bn | no norm": values}}, diverged={"no norm": 2})
    (part,) = one(asked, some).parts
    assert (part.state, part.tag, part.verdict.divergence.lost) == ("inconclusive", "runs were lost in one arm", (2,))
    assert "bn | no norm (of 6 runs 2 diverged)" in part.sentence
    (part,) = one(asked, summary({"bn": [1.0] * 5, "no norm": [1.0]}, metric="churn", diverged={"no norm": 4})).parts
    assert (part.state, part.tag, part.verdict.divergence.lost) == ("inconclusive", "runs were lost in one arm", (4,))


def test_notes():
    found = one(row())
    assert (found.state, found.parts, found.scale) == ("note", (), None)


def family(size, differences):
    """Claims with a primary test each, of as many studies."""
    rows = {f"c{n}": row(of_study(f"s{n}", primary=True)) for n in range(1, size + 1)}
    arms = {n: {"bn": around(0.9 + d, 0.004), "no norm": around(0.9, 0.004)} for n, d in differences.items()}
    return ledger(**rows), [summary(found, f"s{n}") for n, found in arms.items()]


def test_holms_correction_over_the_primary_tests_of_a_scale():
    """D = .015 with n = 5 and sd .0063 has p = .0057: enough among 8, where the smaller p of D = .03 goes first."""
    claims, numbers = family(8, {1: 0.015, 2: 0.03})
    found = decided(claims, *numbers)
    verdicts = [found[f"0.{n}"].parts[0].verdict for n in (1, 2)]
    assert [verdict.state for verdict in verdicts] == ["supported", "supported"]
    assert [verdict.adjusted_p for verdict in verdicts] == pytest.approx([7 * verdicts[0].p, 8 * verdicts[1].p])
    claims, numbers = family(12, {1: 0.015, 2: 0.03})
    found = decided(claims, *numbers)
    assert (found["0.1"].state, found["0.2"].state) == ("inconclusive", "supported")
    (part,) = found["0.1"].parts
    assert part.tag == part.verdict.tag == "not after Holm's correction over 12 tests"
    assert part.sentence == part.verdict.sentence


def test_other_scales_are_other_families_and_other_tests_are_none():
    claims, numbers = family(12, {1: 0.015})
    claims |= ledger(c13=row(of_study("s13")))
    third = summary(BETTER, "s13")
    found = decided(claims, numbers[0], third)
    assert (found["0.1"].state, found["0.13"].state) == ("inconclusive", "supported")
    assert found["0.13"].parts[0].verdict.adjusted_p is None
    only_paper = {f"c{n}": row(of_study(f"s{n}", primary=True, scales=["paper"])) for n in range(2, 13)}
    found = decided(ledger(c1=row(of_study("s1", primary=True)), **only_paper), numbers[0])
    assert found["0.1"].state == "supported"
    assert found["0.1"].parts[0].verdict.adjusted_p == found["0.1"].parts[0].verdict.p


def test_a_test_that_two_claims_share_has_one_verdict():
    claims, numbers = family(12, {1: 0.015})
    claims |= ledger(c13=row(of_study("s1", asserts="in other words")), c14=row(of_study("s1", primary=True)))
    found = decided(claims, *numbers)
    assert {found[key].state for key in ("0.1", "0.13", "0.14")} == {"inconclusive"}
    assert "over 12 tests" in found["0.13"].parts[0].tag  # asked once
    assert found["0.13"].parts[0].test.asserts == "in other words"


def test_the_ledger_without_any_numbers():
    found = decide(read(), {}, {})
    assert [one.claim.id for one in found] == list(read())
    assert {one.state for one in found} == {"not run", "note"}
    assert all("\n" not in part.sentence for one in found for part in one.parts)
