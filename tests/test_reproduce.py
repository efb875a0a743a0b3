"""The one command for everything: what claims need, in which order, how long it takes, and what is refused."""

import json
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from conftest import ROOT

from experiments.checks.registry import checks
from experiments.errors import UserError
from experiments.reproduce import command, study_process
from experiments.reproduce.estimate import Estimate
from experiments.reproduce.settings import parse
from experiments.reproduce.study_process import last_line
from experiments.reproduce.work import StudyWork, work
from experiments.studies import ledger
from experiments.studies.claim import CheckTest, StudyTest
from experiments.studies.study import load, names
from scripts.reproduce import main


def studies():
    return {name: load(name) for name in names()}


def test_what_one_claim_needs():
    claims = ledger.select(ledger.load(list(checks())), ("3.14",))
    found = work(claims.values(), studies(), "cpu", False, list(checks()))
    assert [part.name for part in found.studies] == ["mixed_mlp"]
    assert found.studies[0].runs == 8 * 5
    assert found.studies[0].command(["device=cpu"]) == ["study=mixed_mlp", "scale=cpu", "device=cpu"]
    assert list(found.checks) == [test.check for test in claims["3.14"].tests if isinstance(test, CheckTest)]


def test_everything_is_every_study_and_check_the_quickest_first():
    found = work(ledger.load().values(), studies(), "paper", True, list(checks()))
    assert {part.name for part in found.studies} == set(names())
    assert list(found.checks) == list(checks())
    minutes = [part.minutes for part in found.studies]
    assert minutes == sorted(minutes)


def test_runs_of_a_tuned_study_are_counted():
    study = load("accuracy_mnist")
    (part,) = work([claim_on("accuracy_mnist")], {"accuracy_mnist": study}, "cpu", False, []).studies
    assert part.runs == 4 * 10 + 3 * (4 * 1 + 10)


def claim_on(study):
    test = StudyTest(study=study, metric="m", arms=["a", "b"], direction="greater", margin=1.0, asserts="x")
    return next(iter(ledger.load().values())).model_copy(update={"tests": [test]})


def test_notes_need_nothing():
    notes = [claim for claim in ledger.load().values() if claim.kind == "note"]
    with pytest.raises(UserError, match="are notes"):
        work(notes, studies(), "cpu", False, [])


def test_checks_alone_need_no_study():
    there = list(checks())
    claims = ledger.select(ledger.load(there), ("0.8", "3.14"))  # a check and a study; a study
    found = work(claims.values(), studies(), None, False, there)
    assert (found.checks, found.studies) == (("gamma_and_beta_follow_from_the_statistics",), ())
    assert work(claims.values(), studies(), None, True, there).checks == tuple(there)
    with pytest.raises(UserError, match="no check bears on these claims: leave out `checks`"):
        work([claims["3.14"]], studies(), None, False, there)


def test_a_scale_at_which_nothing_is_decided():
    claim = claim_on("accuracy_mnist")
    claim.tests[0] = claim.tests[0].model_copy(update={"scales": ["paper"]})
    with pytest.raises(UserError, match=r"nothing decides these claims at scale=cpu; .* paper"):
        work([claim], studies(), "cpu", False, [])
    assert work([claim], studies(), "paper", False, []).studies


def test_the_rest_is_estimated_at_the_pace_seen_so_far():
    estimate = Estimate([StudyWork("a", "cpu", 10, 10.0), StudyWork("b", "cpu", 5, 20.0)])
    assert (estimate.total, estimate.done) == (15, 0)
    assert estimate.seconds_left(0.0) == 30 * 60
    estimate.found("a", 4)  # made earlier: not of this pace
    assert estimate.seconds_left(100.0) == pytest.approx((6 + 20) * 60)
    estimate.now("a", 6)
    assert estimate.done == 6
    assert estimate.seconds_left(240.0) == pytest.approx((4 + 20) * 120)  # two minutes a stated minute
    estimate.over("a")
    assert estimate.done == 10
    estimate.now("b", 7)  # more than were counted on
    assert estimate.done == 15


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "scale is missing: choose one, as in scale=smoke"),
        (["scale=smol"], "scale=smol does not exist. Did you mean smoke?"),
        (["everything"], "'everything' is not understood"),
        (["scale=smoke", "epochs=3"], "epochs=3 would change what is reproduced"),
        (["scale=smoke", "claim=0.8"], "Did you mean claims?"),
        (["scale=smoke", "claims="], "has no value"),
        (["scale=smoke", "scale=cpu"], "scale is given twice"),
        (["checks", "scale=cpu"], "scale=cpu: checks have no scale"),
    ],
)
def test_words_that_are_not_understood(words, said):
    with pytest.raises(UserError) as found:
        parse(words, "outputs")
    assert said in str(found.value)


def test_ids_stay_as_they_are_written():
    found = parse(["scale=cpu", "claims=0.10,3.1", "documents=[004]", "hydra/launcher=joblib", "threads=1"], "outputs")
    assert found.claims == ("0.10", "3.1")
    assert found.documents == ("004",)
    assert found.passed_on == ("hydra/launcher=joblib", "threads=1")
    assert parse(["checks", "paths.outputs=x"], "outputs").outputs == "x"


def reproduce(*words):
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "reproduce.py"), *words], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_mistakes_are_one_line(tmp_path, capsys):
    for words, said in (
        (["scale=smoke", "claims=0.99"], "claim 0.99 does not exist"),
        (["scale=smoke", "documents=007"], "document 007 does not exist"),
        (["scale=smoke", "claims=3.14", "device=gpu"], "device=gpu is not known"),
        (["checks", "claims=3.14"], "no check bears on these claims"),
    ):
        assert main([*words, f"paths.outputs={tmp_path / 'outputs'}"]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
    assert not (tmp_path / "outputs").exists()


def test_a_claim_from_its_study_to_the_report_stopped_on_the_way(tmp_path):
    """The command is stopped by SIGTERM while its study runs, given again, and given once more."""
    words = ["scale=smoke", "claims=3.14", "device=cpu", f"paths.outputs={tmp_path}"]
    command = [sys.executable, str(ROOT / "scripts" / "reproduce.py"), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("runs/*/result.json")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode in (143, -signal.SIGTERM)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/result.json")}
    code, out, err = reproduce(*words)
    assert code == 0, err
    assert "study 1 of 1: mixed_mlp, 8 runs" in out
    results = sorted(tmp_path.glob("runs/*/result.json"))
    assert len(results) == 8
    assert all(path.stat().st_mtime_ns == made[path] for path in made)
    numbers = json.loads((tmp_path / "studies" / "mixed_mlp-smoke" / "summary.json").read_text())
    assert numbers["complete"]
    assert "3.14" in (tmp_path / "report" / "index.html").read_text()


def test_a_study_that_fails_does_not_stop_the_others(tmp_path, monkeypatch, capsys):
    """Each study's runs are composed once, which takes seconds."""
    ran, composed = [], []

    def run_study(part, words, path, runs, told):
        ran.append((part.name, tuple(words)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("error: no such thing\n")
        return 2 if len(ran) == 1 else 0

    def grid(words):
        composed.append(words[0])
        return real(words)

    real = study_process.grid
    monkeypatch.setattr(command, "run_study", run_study)
    monkeypatch.setattr(study_process, "grid", grid)
    words = ["threads=1", f"paths.outputs={tmp_path}"]
    assert main(["scale=smoke", "claims=3.14,3.19", *words]) == 1
    assert len(ran) == 2
    assert ran == [(name.removeprefix("study="), tuple(words)) for name in composed]
    out = capsys.readouterr().out
    assert out.count(f"{ran[0][0]} failed: error: no such thing (exit code 2; all of it in {tmp_path}") == 2
    assert "studies: 1 done, 1 failed" in out
    assert (tmp_path / "report" / "index.html").exists()


def test_runs_are_counted_and_those_of_a_second_stage_found(tmp_path, monkeypatch):
    def grid(words):
        stage = [tmp_path / name for name in ("a", "b", "c")][: 2 if len(read) == 0 else 3]
        read.append(words)
        plan = SimpleNamespace(jobs=[SimpleNamespace(config=folder) for folder in stage])
        return SimpleNamespace(plan=plan, waiting=len(stage) == 2)

    read = []
    monkeypatch.setattr(study_process, "grid", grid)
    monkeypatch.setattr(study_process.identity, "folder", lambda config: config)
    runs = study_process.Runs(["study=x"])
    counts = []
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text("{}")
        counts.append(runs.over())
    assert counts == [1, 2, 3]
    assert runs.over() == 3
    assert len(read) == 2  # composed again once, when what is tuned is known


def test_a_study_that_fails_is_said(tmp_path):
    log = tmp_path / "x.log"
    log.write_text("one\nerror: no such thing\ntwo\n\n")
    assert last_line(log) == "error: no such thing"
    log.write_text("one\ntwo\n\n")
    assert last_line(log) == "two"
