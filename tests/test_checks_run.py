"""Running checks: a file each, read again while nothing changed, run again when the code did."""

import json

import pytest
import torch

from data.sealed import seal
from experiments import code_versions
from experiments.checks import registry, run
from experiments.checks.evidence import Evidence
from experiments.checks.run import read, run_checks, version
from experiments.errors import UserError


@pytest.fixture
def calls(monkeypatch):
    """Two made-up checks in place of all; the list says which ones ran."""
    ran = []

    def one() -> Evidence:
        ran.append("one")
        return Evidence(True, f"One drew {torch.rand(()).item()}.", {"number": 1, "draw": torch.rand(()).item()})

    def two() -> Evidence:
        ran.append("two")
        return Evidence(False, "Two is √4.", {"number": 2.5})

    monkeypatch.setattr(registry, "checks", lambda: {"one": one, "two": two})
    return ran


def test_files_say_what_was_found(outputs, calls):
    contents = run_checks(None, outputs)
    assert [content["check"] for content in contents] == ["one", "two"]
    for content in contents:
        path = outputs / "checks" / f"{content['check']}.json"
        assert json.loads(path.read_text(encoding="utf-8")) == seal(content)
        assert content["schema"] == 1
        assert set(content) == set(run.KEYS)
        assert content["seconds"] >= 0
        assert content["torch"] == torch.__version__
    assert contents[1]["holds"] is False
    assert contents[1]["sentence"] == "Two is √4."
    assert contents[1]["numbers"] == {"number": 2.5}
    assert isinstance(contents[0]["numbers"]["number"], float)
    assert not list((outputs / "checks").glob(".*"))  # nothing temporary stays


def test_only_those_named_in_their_order(outputs, calls):
    assert [content["check"] for content in run_checks(["two"], outputs)] == ["two"]
    assert not (outputs / "checks" / "one.json").exists()
    assert [content["check"] for content in run_checks(["two", "one", "two"], outputs)] == ["two", "one"]


def test_what_is_current_is_read(outputs, calls):
    first = run_checks(None, outputs)
    assert run_checks(None, outputs) == first
    assert calls == ["one", "two"]


def test_draws_are_the_same_every_time(outputs, calls):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = run_checks(["one"], outputs)[0]["numbers"]
    (outputs / "checks" / "one.json").unlink()
    assert run_checks(["one"], outputs)[0]["numbers"] == first
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "change", [{"code": "00000000"}, {"torch": "2.0.0"}, {"schema": 0}, {"sentence": None}], ids=lambda c: next(iter(c))
)
def test_what_is_not_current_runs_again(outputs, calls, change):
    first = run_checks(None, outputs)[0]
    path = outputs / "checks" / "one.json"
    kept = {key: value for key, value in (first | change).items() if value is not None}
    path.write_text(json.dumps(kept))
    assert run_checks(None, outputs)[0]["code"] == first["code"]
    assert calls == ["one", "two", "one"]
    assert set(read(path)) == set(run.KEYS)


def test_a_damaged_file_is_written_anew(outputs, calls):
    run_checks(None, outputs)
    path = outputs / "checks" / "two.json"
    path.write_text('{"schema": 1, "che')
    assert read(path) is None
    run_checks(None, outputs)
    assert read(path)["check"] == "two"


def test_an_unknown_name_is_refused_before_anything_runs(outputs, calls):
    with pytest.raises(UserError, match=r"no check 'tow'\. Did you mean two\? Known: one, two"):
        run_checks(["one", "tow"], outputs)
    assert calls == []
    assert not outputs.exists()


def test_outputs_that_are_a_file_are_refused(tmp_path, calls):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        run_checks(None, tmp_path / "file")


def test_the_version_follows_the_code_that_computes(monkeypatch):
    check, other = (registry.checks()[name] for name in ("gamma_starts_random", "batch_norm_splits_the_batch"))
    files = {path.name for path in registry.sources(check)}
    assert {"affine_map.py", "layers.py", "evidence.py", "batch_norm.py"} <= files
    assert not {"axes.py", "run.py", "registry.py"} & files
    before, digest = (version(check), version(other)), code_versions.digest

    def changed(*names: str) -> tuple[bool, bool]:
        """Whether the two versions change when the files of these names do."""
        monkeypatch.setattr(code_versions, "digest", lambda path: "new" if path.name in names else digest(path))
        return version(check) != before[0], version(other) != before[1]

    assert changed() == (False, False)
    assert changed("affine_map.py") == (True, False)
    assert changed("axes.py") == (False, True)
    assert changed("layers.py") == (True, True)
    assert changed("batch_norm.py") == (True, True)
    assert changed("run.py") == (False, False)


def test_two_checks_of_one_name_are_refused(monkeypatch):
    monkeypatch.setattr(registry, "checks_of", lambda module: {"same": lambda: Evidence(True, "So.", {})})
    with pytest.raises(ValueError, match="two checks are called same"):
        registry.checks()
