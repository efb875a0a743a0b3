"""The ledger's file: that it is whole, that it fits the studies, and what is said of one that is not."""

import pytest
import yaml
from made_up_ledger import of_check, of_study, row, study

from experiments.checks.registry import checks
from experiments.errors import UserError
from experiments.studies import ledger as ledger_file
from experiments.studies.claim import CheckTest, StudyTest
from experiments.studies.known_studies import KnownMetric, known_studies
from experiments.studies.ledger import load, read, select

CLAIMS_OF = {"0": 18, "1": 20, "2": 14, "3": 20, "4": 25}  # documents


@pytest.fixture(scope="module")
def claims():
    return read()


def asked_in(claims, kind):
    return [test for claim in claims.values() for test in claim.tests if isinstance(test, kind)]


def test_every_claim_is_there_in_order(claims):
    assert list(claims) == [f"{document}.{n}" for document, count in CLAIMS_OF.items() for n in range(1, count + 1)]


def test_the_words_of_a_claim(claims):
    for key, claim in claims.items():
        texts = [claim.claim, claim.literature.says, *([claim.why] if claim.why else [])]
        assert all(text.endswith(".") and "\n" not in text for text in texts), key
        assert claim.line.startswith("L") or claim.kind == "note", key
        assert all(not test.asserts.endswith(".") for test in claim.tests), key


def test_primary_tests_are_few_and_asked_once(claims):
    primary = [test for test in asked_in(claims, StudyTest) if test.primary]
    assert len({test.question for test in primary}) == len(primary)
    assert 15 <= len(primary) <= 30


def test_no_claim_asserts_the_same_twice(claims):
    for key, claim in claims.items():
        asked = [test.question if isinstance(test, StudyTest) else test.check for test in claim.tests]
        assert len(set(asked)) == len(asked), key


def test_every_scale_has_a_test_of_a_study(claims):
    """Otherwise a claim could not be decided at it whatever was run."""
    for key, claim in claims.items():
        studies = [test for test in claim.tests if isinstance(test, StudyTest)]
        for scale in ("smoke", "cpu", "paper"):
            assert not studies or any(test.belongs_to(scale) for test in studies), (key, scale)


def test_the_ledger_fits_the_studies_and_the_checks():
    load(checks())


def test_every_check_decides_a_claim(claims):
    assert {test.check for test in asked_in(claims, CheckTest)} == set(checks())


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (row(of_study(), of_study(x=1)), ["tests.1.study.x", "not permitted"]),
        (row(of_study(arms=["bn"])), ["needs a reference"]),
        (row(of_study(reference=0.5)), ["needs a reference"]),
        (row(of_study(arms=["bn", "ln", "gn"])), ["arms"]),
        (row(of_study(arms=["bn", ["ln"]])), ["arms"]),
        (row(of_study(arms=["bn", ["ln", "gn"]], minus=["a", "b"])), ["minus needs two single arms"]),
        (row(of_study(arms=["bn", ["ln", "gn"]], pairs=True)), ["pairs needs two single arms"]),
        (row(of_study(arms=["bn"], reference=0.0, outcome="divergence", margin=0.2)), ["divergence needs two"]),
        (row(of_study(outcome="divergence")), ["divergence is 0.2"]),
        (row(of_study(margin=0)), ["margin"]),
        (row(of_study(direction="more")), ["direction"]),
        (row(of_study(), kind="check"), ["kind: check needs a test by a check"]),
        (row(of_check(), kind="study"), ["kind: study needs a test of a study"]),
        (row(kind="study", why=None), ["a note has no tests"]),
        (row(of_check(), why="?"), ["a note says why"]),
        (row(why=None), ["a note says why"]),
        (row(of_check(), document="001"), ["of document 001"]),
        (row(of_check()) | {"literature": {"verdict": "maybe", "says": "", "source": ""}}, ["literature.verdict"]),
    ],
)
def test_a_malformed_row(tmp_path, found, words):
    path = tmp_path / "ledger.yaml"
    path.write_text(yaml.safe_dump({"schema": 1, "0.1": row(of_check()), "0.7": found}, allow_unicode=True))
    with pytest.raises(UserError) as error:
        read(path)
    assert f"{path}: claim 0.7" in str(error.value)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"0.1": {a: 1}\n"0.1": {a: 1}', "0.1 stands there twice"),
        ('"0.1": {a: 1, a: 2}', "a stands there twice"),
        ("schema: 1\n0.10: {a: 1}", "0.1 must be an id in quotation marks"),
        ("- a", "must hold claims by id"),
        ("a: [", "cannot be read"),
        ("schema: 0", "has schema 0, this version of normlab reads 1"),
        ('"0.1": {a: 1}', "has schema None, this version of normlab reads 1"),
    ],
)
def test_a_file_that_is_no_ledger(tmp_path, text, words):
    path = tmp_path / "ledger.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=words) as error:
        read(path)
    assert "\n" not in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "ledger.yaml")


def test_load_reads_the_file_and_checks_that_it_fits(tmp_path, monkeypatch):
    path = tmp_path / "ledger.yaml"
    path.write_text(yaml.safe_dump({"schema": 1, "0.1": row(of_study())}, allow_unicode=True))
    monkeypatch.setattr(ledger_file, "LEDGER", path)
    monkeypatch.setattr(ledger_file, "known_studies", lambda: {"accuracy": study(["0.1"])})
    assert list(ledger_file.load()) == ["0.1"]
    monkeypatch.setattr(ledger_file, "known_studies", dict)
    with pytest.raises(UserError, match="study accuracy"):
        ledger_file.load()


def test_what_a_study_is_known_by():
    """The arms over which nothing is nested, the reduced and the tuned ones; margins; the pairs."""
    known = known_studies()
    assert set(known["max_learning_rate"].arms["cpu"]) >= {"plain8 · bn", "plain8 · bn · 0.1"}
    assert "small_cnn · bn · tuned" in known["accuracy_cifar10"].arms["cpu"]
    assert "resnet20 · bn" not in known["accuracy_cifar10"].arms["cpu"]
    assert known["convergence_speed"].metrics["steps_to_level"] == KnownMetric(1.25, ratio=True, better="lower")
    assert ("bn", "no norm") in known["train_vs_eval"].pairs["excess_churn"]
    assert known["accuracy_cifar10"].seeds == {"smoke": 2, "cpu": 5, "paper": 5}


def test_select(claims):
    assert select(claims) == claims
    assert list(select(claims, ["3.19", "0.8"])) == ["0.8", "3.19"]
    assert len(select(claims, documents=["002"])) == CLAIMS_OF["2"]
    assert len(select(claims, ["0.8"], ["002"])) == CLAIMS_OF["2"] + 1
    with pytest.raises(UserError, match=r"claim 3\.91 does not exist\. Did you mean 3\.1?9"):
        select(claims, ["3.91"])
    with pytest.raises(UserError, match=r"document 005 does not exist\..*Known: 000, 001, 002, 003, 004"):
        select(claims, documents=["005"])


def test_a_question_is_what_is_asked(claims):
    first = StudyTest.model_validate(of_study(primary=True, scales=["cpu"]))
    assert first.question == StudyTest.model_validate(of_study(asserts="other words")).question
    for other in (of_study(direction="less"), of_study(arms=["no norm", "bn"]), of_study(minus=["a", "b"])):
        assert first.question != StudyTest.model_validate(other).question
    assert {test.question for test in asked_in(claims, StudyTest)}  # they can all be keys
    assert len(asked_in(claims, CheckTest)) > 50
