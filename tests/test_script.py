"""The command line of the scripts."""

import pytest
from pydantic import BaseModel, ConfigDict

from experiments.errors import UserError
from experiments.script import Words, as_setting, run, settings, split


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    images: int = 10
    modes: list[str] | str = "all"


def test_names_and_settings_are_told_apart() -> None:
    words = split(["run-a", "outputs/a=b/run", "images=3", "modes=[running,batch]"])
    assert words == Words(("run-a", "outputs/a=b/run"), {"images": "3", "modes": "[running,batch]"})
    found = settings(words.values, Asked)
    assert (found.images, found.modes) == (3, ["running", "batch"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--images", "3"], "--images is not an option"),
        (["images="], "'images=' is not a setting"),
        (["=3"], "'=3' is not a setting"),
        (["images=3", "images=4"], "images is given twice"),
        (["image=3"], "image is not a setting of this script. Did you mean images"),
        (["images=many"], "images=many"),
        (["modes=[a"], "modes=.* cannot be read"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run("what it does", arguments, lambda words: settings(words.values, Asked) and None)
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    with pytest.raises(UserError, match=says):
        settings(split(arguments).values, Asked)


def test_an_option_of_a_script_may_be_written_with_dashes() -> None:
    assert as_setting(["quick=true", "--compare", "a=b.json"], "compare") == ["quick=true", "compare=a=b.json"]
    assert as_setting(["--compare=a.json"], "compare") == ["compare=a.json"]
    assert as_setting(["--compare"], "compare") == ["--compare"]
    assert as_setting(["--compare=a.json", "--save", "b"], "save") == ["--compare=a.json", "save=b"]


def test_help_is_the_description(capsys: pytest.CaptureFixture[str]) -> None:
    def never(words: Words) -> None:
        raise AssertionError

    assert run("what it does", ["--help"], never) == 0
    assert run("what it does", [], never) == 2
    assert capsys.readouterr().out == "what it does\nwhat it does\n"


def test_a_script_may_need_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    def command(words: Words) -> None:
        assert words == Words((), {})
        print("worked")

    assert run("what it does", [], command, needs_words=False) == 0
    assert run("what it does", ["-h"], command, needs_words=False) == 0
    assert capsys.readouterr().out == "worked\nwhat it does\n"


def test_a_bug_is_not_hidden() -> None:
    def broken(words: Words) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run("", ["x"], broken)
