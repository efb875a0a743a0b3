"""scripts/audit.py: what is vulnerable is listed, and what was not looked up is never called sound."""

import json
import sys
from pathlib import Path

import pytest

from scripts import audit

SOUND = {"name": "numpy", "version": "2.4.0", "vulns": []}
SKIPPED = {"name": "torch", "skip_reason": "Dependency not found and could not be audited: torch (2.15.0)"}
VULNERABLE = {
    "name": "pillow",
    "version": "9.0.0",
    "vulns": [
        {"id": "ADVISORY-1", "fix_versions": ["9.0.1", "9.1"], "aliases": [], "description": "x"},
        {"id": "ADVISORY-2", "fix_versions": [], "aliases": [], "description": "y"},
    ],
}


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """answers(text, code): what the program `pip-audit` says from now on; the words that it was given are in a file."""
    versions = tmp_path / "constraints.txt"
    versions.write_text("numpy==2.4.0\n")

    def write(text, code=0):
        program = tmp_path / "pip-audit"
        kept = f"open({str(tmp_path / 'words')!r}, 'w').write('\\n'.join(sys.argv[1:]))"
        lines = [f"#!{sys.executable}", "import sys", kept, f"print({text!r}, end='')"]
        program.write_text("\n".join([*lines, "print('no such host', file=sys.stderr)", f"sys.exit({code})"]))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return versions

    return write


def said(capsys, path):
    code = audit.main([str(path)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("entries", "code", "words"),
    [
        ([SOUND], 0, ["1 libraries audited, 0 known vulnerabilities"]),
        ([SOUND, VULNERABLE], 1, ["pillow 9.0.0: ADVISORY-1, mended in 9.0.1, 9.1", "ADVISORY-2, mended in no version",
                                  "2 libraries audited, 2 known"]),
        ([SKIPPED], 2, ["NOTHING was audited", "none of the 1 libraries"]),
        ([], 2, ["NOTHING was audited"]),
        ([SOUND, SKIPPED], 2, ["1 of 2 libraries were NOT audited: torch"]),
        ([VULNERABLE, SKIPPED], 1, ["ADVISORY-1", "1 of 2 libraries were NOT audited: torch"]),
    ],
    ids=["sound", "vulnerable", "none known", "nothing asked", "some unknown", "both"],
)  # fmt: skip
def test_what_is_said(answers, capsys, entries, code, words):
    path = answers(json.dumps({"dependencies": entries, "fixes": []}), 1 if VULNERABLE in entries else 0)
    found, out, err = said(capsys, path)
    assert found == code
    for word in words:
        assert word in (out if code == 0 else err)
    assert ("NOT" in err) == (code == 2 or SKIPPED in entries)
    given = (path.parent / "words").read_text().split("\n")
    assert given[given.index("--requirement") + 1] == str(path)
    assert given[given.index("--format") + 1] == "json"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"dependencies": [{}]}', "[" * 100_000])
def test_no_answer_is_no_clean_result(answers, capsys, text):
    code, out, err = said(capsys, answers(text, 1))
    assert (code, out) == (2, "")
    assert err.startswith("error: NOTHING was audited: ")
    assert err.count("\n") == 1
    assert ("no such host" in err) == (text == "")


def test_no_program_and_no_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert said(capsys, tmp_path / "missing.txt")[0] == 2
    code, _, err = said(capsys, Path(__file__))
    assert code == 2
    assert "pip-audit is not installed" in err
    assert "[audit]" in err
    assert audit.main(["one", "two"]) == 2
    assert "name one" in capsys.readouterr().err
    assert audit.main(["--help"]) == 0
    assert "Exit code 0" in capsys.readouterr().out
