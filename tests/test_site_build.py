"""The report is made anew only where something changed, and touches nothing else."""

import json
import sys
import threading
import time

import made_up_studies as made
import pytest
from filelock import FileLock
from jinja2 import Environment, FileSystemLoader, meta

from experiments.errors import UserError
from experiments.site import build as build_file
from experiments.site.build import EXPERIMENTS, PAGE_CODE, build
from experiments.site.pages import TEMPLATES
from experiments.site.state import NAME
from experiments.site.write import alone


@pytest.fixture
def make(tmp_path):
    """make(): the report of `tmp_path / "outputs"`, with claims that no computation is needed for."""
    outputs = tmp_path / "outputs"
    made.write_summary(outputs, made.summary())
    made.write_summary(outputs, made.summary("dropout"))
    made.write_evidence(outputs, made.evidence())
    calls = []

    def judge(sources):
        calls.append(sources)
        return made.decided()

    def run():
        calls.clear()
        found = build(outputs, outputs / "report", tmp_path / "kept", judge)
        return {*found.pages.written}, len(calls), found

    return run


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_unchanged_is_not_even_judged(make, tmp_path):
    folder = tmp_path / "outputs" / "report"
    first, judged, report = make()
    assert judged == 1
    assert len(first) == len(list(folder.rglob("*.html")))
    assert report.counts == {"supported": 1, "contradicted": 2, "inconclusive": 0, "not run": 1, "note": 1}
    before = stamps(folder)
    assert make()[:2] == (set(), 0)
    assert stamps(folder) == before


def test_what_a_killed_process_left_is_removed(make, tmp_path):
    make()
    folder = tmp_path / "outputs" / "report"
    left = [folder / ".index.html.17.tmp", folder / "norms" / ".bn.html.17.tmp"]
    for path in left:
        path.touch()
    (folder / NAME).unlink()  # it was killed before it had kept its state
    make()
    assert not [path for path in left if path.exists()]


def test_one_process_at_a_time_writes(tmp_path):
    done, held = [], threading.Event()

    def first():
        with FileLock(tmp_path / ".lock"):
            held.set()
            time.sleep(0.3)
            done.append("the first")

    thread = threading.Thread(target=first)
    thread.start()
    held.wait()
    with alone(tmp_path):
        done.append("the second")
    thread.join()
    assert done == ["the first", "the second"]


def test_a_file_system_without_locks_is_refused(make, without_locks):
    with pytest.raises(UserError, match="cannot be locked"):
        make()


def test_a_touched_input_changes_nothing(make, tmp_path):
    make()
    for path in [*tmp_path.rglob("summary.json"), *tmp_path.rglob("metrics.csv")]:
        path.write_bytes(path.read_bytes())
    assert make()[:2] == (set(), 0)


def test_a_changed_summary_changes_its_pages_alone(make, tmp_path):
    make()
    content = made.summary("dropout")
    content["arms"]["bn"]["values"]["test_accuracy"]["0"] = 0.123
    made.write_summary(tmp_path / "outputs", content, curves=False)
    written, judged, _ = make()
    assert judged == 1
    assert written == {"studies/dropout-cpu.html", "norms/bn.html"}  # bn has its mean among its results
    assert "0.123" not in (tmp_path / "outputs" / "report" / "studies" / "moments-cpu.html").read_text()


def test_changed_curves_change_the_page_of_their_study(make, tmp_path):
    make()
    made.write_curves(tmp_path / "outputs" / "runs" / "moments-cpu-ln-seed1", 0.3)
    assert make()[0] == {"studies/moments-cpu.html"}


def test_curves_that_come_later_are_found(make, tmp_path):
    folder = tmp_path / "outputs" / "runs" / "moments-cpu-ln-seed1"
    (folder / "metrics.csv").rename(tmp_path / "away.csv")
    make()
    (tmp_path / "away.csv").rename(folder / "metrics.csv")
    assert make()[0] == {"studies/moments-cpu.html"}


def test_changed_evidence(make, tmp_path):
    make()
    made.write_evidence(tmp_path / "outputs", made.evidence(sentence="It is 5."))
    assert make()[0] == {"checks.html"}


def test_other_code_makes_every_page_anew(make, monkeypatch, tmp_path):
    first, _, _ = make()
    extra = tmp_path / "code"
    (extra / "site").mkdir(parents=True)
    (extra / "site" / "new.py").write_text("")
    monkeypatch.setattr(build_file, "EXPERIMENTS", extra)
    assert make()[0] == first


def test_every_template_of_a_page_is_code_that_makes_it():
    loader = FileSystemLoader([*TEMPLATES, EXPERIMENTS / "report" / "templates"])
    environment = Environment(loader=loader)
    waiting, found = ["ledger.html", "checks.html", "norm.html", "study_report.html"], set()
    while waiting:
        text, path, _ = loader.get_source(environment, waiting.pop())
        found.add(path)
        waiting += meta.find_referenced_templates(environment.parse(text))
    assert {path.rpartition("/")[2] for path in found} >= {"site.html", "study_parts.html", "parts.html", "base.html"}
    assert found <= {str(path) for pattern in PAGE_CODE for path in EXPERIMENTS.glob(pattern)}


def test_a_page_that_was_removed_or_changed_comes_back(make, tmp_path):
    report = tmp_path / "outputs" / "report"
    make()
    (report / "norms" / "ln.html").unlink()
    text = (report / "checks.html").read_text()
    (report / "checks.html").write_text(text + "<p>mine</p>")
    assert make()[0] == {"norms/ln.html", "checks.html"}
    assert (report / "checks.html").read_text() == text


def test_stale_pages_go_and_nothing_else(make, tmp_path):
    report = tmp_path / "outputs" / "report"
    make()
    (report / "studies" / "notes.html").write_text("mine")
    (tmp_path / "outputs" / "studies" / "dropout-cpu" / "summary.json").unlink()
    _, _, found = make()
    assert found.pages.removed == ("studies/dropout-cpu.html",)
    assert not (report / "studies" / "dropout-cpu.html").exists()
    assert (report / "studies" / "notes.html").read_text() == "mine"


def test_a_stale_page_that_someone_replaced_stays(make, tmp_path):
    make()
    page = tmp_path / "outputs" / "report" / "studies" / "dropout-cpu.html"
    page.write_text("mine")
    (tmp_path / "outputs" / "studies" / "dropout-cpu" / "summary.json").unlink()
    make()
    assert page.read_text() == "mine"


def test_a_page_of_ones_own_is_not_written_over(make, tmp_path):
    place = tmp_path / "outputs" / "report" / "norms"
    place.mkdir(parents=True)
    (place / "bn.html").write_text("mine")
    with pytest.raises(UserError, match=r"norms/bn\.html is not from here"):
        make()
    assert [path.name for path in tmp_path.rglob("*.html")] == ["bn.html"]
    assert (place / "bn.html").read_text() == "mine"


def test_a_folder_of_something_else_is_refused(make, tmp_path):
    (tmp_path / "outputs" / "report").mkdir(parents=True)
    (tmp_path / "outputs" / "report" / "thesis.tex").write_text("")
    with pytest.raises(UserError, match=r"holds thesis\.tex"):
        make()


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"schema": 99, "inputs": 3}', '{"schema": 1, "inputs": {}}'])
def test_a_damaged_state_is_as_none(make, tmp_path, content):
    first, _, _ = make()
    (tmp_path / "outputs" / "report" / NAME).write_text(content)
    assert make()[0] == first
    assert make()[0] == set()


@pytest.mark.parametrize(
    ("place", "content", "says"),
    [
        ("studies/moments-cpu/summary.json", "{", "summary.json cannot be read"),
        ("studies/moments-cpu/summary.json", "[]", "no object in it"),
        ("studies/moments-cpu/summary.json", json.dumps({**made.summary(), "arms": {"bn": {}}}), "arms.bn.overrides"),
        ("checks/some_check.json", json.dumps({**made.evidence(), "holds": "yes"}), "holds"),
    ],
)
def test_damaged_inputs_are_one_line(make, tmp_path, place, content, says):
    (tmp_path / "outputs" / place).write_text(content)
    with pytest.raises(UserError, match=says) as found:
        make()
    assert str(tmp_path / "outputs" / place) in str(found.value)
    assert not (tmp_path / "outputs" / "report").exists()


def test_files_of_other_versions_are_left_out_and_named(make, tmp_path):
    made.write_summary(tmp_path / "outputs", made.summary("placement", schema=1), curves=False)
    (tmp_path / "outputs" / "studies" / "moments-cpu").rename(tmp_path / "outputs" / "studies" / "moments-old")
    _, _, found = make()
    assert [line.partition(" ")[2][:14] for line in found.left_out] == ["is not the stu", "was written by"]
    assert not list(tmp_path.rglob("studies/placement*.html"))


def test_kept_numbers_stand_in_for_those_that_are_not_whole(make, tmp_path):
    outputs, kept = tmp_path / "outputs", tmp_path / "kept" / "moments"
    kept.mkdir(parents=True)
    (kept / "cpu.json").write_text(json.dumps(made.summary(train_seconds=7200.0)))
    page = outputs / "report" / "studies" / "moments-cpu.html"
    make()
    assert "Kept result" not in page.read_text()  # those made here go first
    made.write_summary(outputs, made.summary(complete=False), curves=False)
    make()
    assert "Kept result" in page.read_text()
    (kept / "cpu.json").unlink()
    make()
    assert "Kept result" not in page.read_text()
    assert "Not complete" in page.read_text()
    assert '>cpu</a> <span class="ci">not complete</span>' in (outputs / "report" / "index.html").read_text()


def test_checks_made_here_go_before_kept_ones(make, tmp_path):
    for check in ("some_check", "another_check"):
        made.write_evidence(tmp_path / "kept", made.evidence(check, sentence=f"{check} as it was kept."))
    make()
    text = (tmp_path / "outputs" / "report" / "checks.html").read_text()
    assert "another_check as it was kept." in text
    assert "some_check as it was kept." not in text
    assert "It is 4.5." in text


def test_no_pytorch_and_no_matplotlib(tmp_path):
    """A process of its own: here both are loaded already."""
    import subprocess

    program = (
        "import sys; from pathlib import Path; from experiments import script; from experiments.site import command\n"
        "from experiments.site.build import build\n"
        f"build(Path({str(tmp_path)!r}), Path({str(tmp_path / 'report')!r}), Path('nowhere'), lambda sources: [])\n"
        "print(sorted({'torch', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
