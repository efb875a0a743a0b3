"""What is said of a ledger that does not fit the studies or the checks."""

import pytest
from made_up_ledger import MARGIN, ledger, of_check, of_study, row, study

from experiments.errors import UserError
from experiments.studies.known_studies import KnownMetric, KnownStudy
from experiments.studies.ledger_fits import check_fits

GOOD = {"accuracy": study(["0.1"])}


@pytest.mark.parametrize(
    ("test", "studies", "words"),
    [
        (of_study("acuracy"), GOOD, ["0.1, test 1", "study acuracy", "mean accuracy?"]),
        (of_study(metric="acc"), GOOD, ["no metric acc", "mean accuracy?"]),
        (of_study(arms=["bn", "no norms"]), GOOD, ["no arm no norms", "mean no norm?"]),
        (of_study(minus=["bn", "lnn"]), GOOD, ["no arm lnn", "mean ln?"]),
        (of_study(arms=["bn", ["ln", "x"]]), GOOD, ["no arm x", "Known: bn, ln, no norm"]),
        (of_study(margin=0.01), GOOD, ["margin=0.01", "fixes 0.003"]),
        (of_study(), {"accuracy": study(["0.1"], seeds=1)}, ["1 seed at scale=smoke", "needs two"]),
        (of_study(), {"accuracy": study(["0.1"], metrics={"accuracy": KnownMetric(None)})}, ["no margin"]),
        (
            of_study(arms=["bn", ["ln", "no norm"]]),
            {"accuracy": study(["0.1"], metrics={"accuracy": KnownMetric(MARGIN)})},
            ["neither better high nor low"],
        ),
        (
            of_study(arms=["bn"], reference=0.0, margin=1.25),
            {"accuracy": study(["0.1"], metrics={"accuracy": KnownMetric(1.25, ratio=True)})},
            ["reference=0", "above 0"],
        ),
        (of_study(pairs=True), GOOD, ["no number of pairs", "pairs=False"]),
        (
            of_study(),
            {"accuracy": study(["0.1"], pairs={"accuracy": (("bn", "ln"),)})},
            ["pairs=True"],
        ),
        (
            of_study(pairs=True),
            {"accuracy": study(["0.1"], pairs={"accuracy": (("bn", "ln"),)})},
            ["no pair bn | no norm", "Known: bn | ln"],
        ),
        (of_check("a_chek"), {}, ["check a_chek", "mean a_check?"]),
        (of_study(), {"accuracy": study()}, ["0.1 names the study accuracy", "does not name the claim"]),
        (of_study(), {"accuracy": study(["0.1", "0.2"])}, ["names the claim 0.2", "does not exist"]),
        (of_check(), {"accuracy": study(["0.1"])}, ["names the claim 0.1", "no test of that claim"]),
    ],
)
def test_a_ledger_that_does_not_fit(test, studies, words):
    with pytest.raises(UserError) as error:
        check_fits(ledger(c1=row(test)), studies, ["a_check"])
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "test",
    [
        of_study(),
        of_study(arms=["bn", ["ln", "no norm"]]),
        of_study(arms=["bn"], reference=0.5),
        of_study(minus=["ln", "no norm"]),
        of_study(outcome="divergence", margin=0.2),
    ],
)
def test_a_ledger_that_fits(test):
    check_fits(ledger(c1=row(test), c2=row(of_check())), GOOD, ["a_check"])
    check_fits(ledger(c1=row(test), c2=row(of_check("unknown"))), GOOD)  # without the names of the checks


def test_pairs_in_either_order():
    known = {"accuracy": study(["0.1"], pairs={"accuracy": (("no norm", "bn"),)})}
    check_fits(ledger(c1=row(of_study(pairs=True))), known)


def test_an_arm_of_one_scale_alone_exists():
    known = KnownStudy(
        ("0.1",), {"cpu": ("bn",), "paper": ("bn", "no norm")}, {"cpu": 2, "paper": 5}, GOOD["accuracy"].metrics
    )
    check_fits(ledger(c1=row(of_study())), {"accuracy": known})
