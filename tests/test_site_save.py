"""Results that are kept: what they hold, and which are refused."""

import json

import made_up_studies as made
import pytest

from experiments.checks import run as checks_run
from experiments.errors import UserError
from experiments.site import sources
from experiments.site.save import save
from experiments.studies import summary
from scripts import report as report_script

DIRTY = [{"commit": made.COMMIT, "clean": "False", "device_name": "x", "threads": "1", "torch": "2.15.0"}]
NOWHERE = [{"commit": "None", "clean": "None", "device_name": "x", "threads": "1", "torch": "2.15.0"}]


def test_what_is_kept_is_read_again(tmp_path):
    outputs, kept = tmp_path / "outputs", tmp_path / "kept"
    content = made.summary()
    content["arms"]["bn"]["overrides"] = ["norm=bn", f"paths.data={tmp_path}/data", "recipe.lr=0.1"]
    made.write_summary(outputs, content)
    made.write_evidence(outputs, made.evidence())
    found = save(outputs, kept)
    assert {path.relative_to(kept).as_posix() for path in found.written} == {
        "moments/cpu.json",
        "checks/some_check.json",
    }
    assert found.refused == ()
    text = (kept / "moments" / "cpu.json").read_text()
    assert str(tmp_path) not in text
    again = json.loads(text)
    assert again["arms"]["bn"]["overrides"] == ["norm=bn", "paths.data=data", "recipe.lr=0.1"]
    content["arms"]["bn"]["overrides"] = again["arms"]["bn"]["overrides"]
    assert again == content
    read = sources.read(tmp_path / "none", kept)
    assert read.summaries["moments", "cpu"] == {**content, "source": "saved"}
    assert read.evidence["some_check"] == {**made.evidence(), "source": "saved"}
    twice = save(outputs, kept)
    assert (twice.written, len(twice.same)) == ((), 2)
    made.write_summary(outputs, made.summary(train_seconds=7.0))
    assert [path.name for path in save(outputs, kept).written] == ["cpu.json"]
    assert json.loads((kept / "moments" / "cpu.json").read_text())["train_seconds"] == 7.0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"scale": "smoke"}, "moments at scale=smoke is not kept: the scale smoke shows"),
        ({"complete": False, "runs": {"finished": 5, "not finished": 4}}, "4 of its runs are not finished; go on with"),
        ({"narrowed": True}, "only a part of it was asked for"),
        ({"code": {"mixed": ["experiments.loop"]}}, "different versions of experiments.loop"),
        ({"environments": DIRTY}, "made by commit 0123456789 with uncommitted changes"),
        ({"environments": NOWHERE}, "outside of a repository"),
    ],
)
def test_what_is_refused_has_a_line(tmp_path, changes, says):
    outputs, kept = tmp_path / "outputs", tmp_path / "kept"
    made.write_summary(outputs, made.summary(**changes), curves=False)
    with pytest.raises(UserError, match=says):  # nothing can be kept
        save(outputs, kept)
    made.write_evidence(outputs, made.evidence())
    found = save(outputs, kept)
    assert len(found.written) == 1
    (line,) = found.refused
    assert says in line
    assert not (kept / "moments").exists()


def test_checks_of_uncommitted_code_are_refused(tmp_path):
    made.write_evidence(tmp_path / "outputs", made.evidence(clean=False))
    with pytest.raises(UserError, match=r"the check some_check is not kept: .*uncommitted"):
        save(tmp_path / "outputs", tmp_path / "kept")


def test_what_is_written_now_is_read():
    """The report names the numbers of the forms itself, so that reading takes no PyTorch."""
    assert (summary.SCHEMA, checks_run.SCHEMA) == (sources.SUMMARY_SCHEMA, sources.EVIDENCE_SCHEMA)


def test_nothing_there(tmp_path):
    with pytest.raises(UserError, match="no study and no check"):
        save(tmp_path / "outputs", tmp_path / "kept")


def test_the_script_keeps_with_dashes_and_without(tmp_path, capsys):
    outputs, kept = tmp_path / "outputs", tmp_path / "kept"
    made.write_summary(outputs, made.summary(), curves=False)
    assert report_script.main(["--save", str(kept), f"paths.outputs={outputs}"]) == 0
    assert f"kept: {kept / 'moments' / 'cpu.json'}" in capsys.readouterr().out
    assert report_script.main([f"save={kept}", f"paths.outputs={outputs}"]) == 0
    assert "1 were kept before" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["moments"], "'moments' is no setting"),
        (["out=a", "save=b"], "one at a time|in turn"),
        (["--force"], "--force is not an option"),
        (["outputs=a"], "outputs is not a setting"),
    ],
)
def test_mistakes(words, says, capsys):
    import re

    assert report_script.main(words) == 2
    assert re.search(says, capsys.readouterr().err)
