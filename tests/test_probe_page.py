"""scripts/probes.py: what is on its page, which runs stand together, and one clear line for each mistake."""

import json
import math
import re
import shutil
from pathlib import Path

import pytest
from conftest import compose_tiny
from edited_results import edit_result
from html_of_pages import Page
from made_up_curves import curve

from experiments.compare.naming import arm_names
from experiments.errors import UserError
from experiments.job import perform
from experiments.probe_pages.arms import open_arms
from experiments.probe_pages.docs import parsed
from experiments.probe_pages.sections import probe_sections, scalars
from experiments.report.metrics import read_curves
from scripts import probes as script

PROBES = ("probes=[gradient_depth,modes]", "probe_every=5")


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An outputs folder to be left as it is: bn with seeds 0 and 1, ln and none with seed 0, and bn without probes."""
    outputs = tmp_path_factory.mktemp("probed") / "outputs"
    for words in (
        *(("norm=bn", f"seed={seed}", *PROBES) for seed in (0, 1)),
        *((f"norm={norm}", *PROBES) for norm in ("ln", "none")),
        ("norm=bn",),
    ):
        perform(compose_tiny(outputs, "epochs=1", *words))
    return outputs


@pytest.fixture
def own(probed: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(probed, tmp_path / "own"))


def run_of(outputs: Path, start: str) -> Path:
    """The folder of the run whose name goes on so after the dataset and the model, with probes."""
    found = [
        path
        for path in (outputs / "runs").glob(f"*-{start}-*")
        if "gradient_depth" in (path / "config.yaml").read_text()
    ]
    (folder,) = found
    return folder


def assert_stands_alone(page: Path) -> Page:
    html = page.read_text()
    parsed_page = Page(html)
    assert parsed_page.mistakes == []
    assert re.findall(r"https?://|@import|url\((?!#)", html) == []
    assert parsed_page.all("script") == []
    identifiers = [attributes["id"] for _, attributes in parsed_page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    targets = [str(attributes["href"]) for tag in ("a", "use") for attributes in parsed_page.all(tag)]
    assert {target.removeprefix("#") for target in targets} <= set(identifiers)
    for tag, attribute in (("img", "src"), ("image", "href"), ("link", "href")):
        assert all(str(one[attribute]).startswith("data:") for one in parsed_page.all(tag))
    assert all(one.get("aria-label") and one["role"] == "img" for one in parsed_page.all("svg"))
    return parsed_page


def test_the_page_of_a_run(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_of(own, "bn-seed0")
    assert script.main([folder.name, f"paths.outputs={own}"]) == 0
    made = folder / "probes"
    assert str(made / "index.html") in capsys.readouterr().out
    page = assert_stands_alone(made / "index.html")
    assert [str(one["id"]) for one in page.all("h2")] == ["gradient_depth", "modes", "runs"]
    for words in (
        "How the gradient grows or vanishes from layer to layer", "Thin and dashed: the first measurement (step 0);",
        "solid: the last (step 8)", "finished, 8 steps", f"scripts/probes.py {folder.name}",
        "gradient_depth/slope least-squares slope of these over the depth",
    ):  # fmt: skip
        assert words in page.text
    slope = read_curves(folder)["gradient_depth/slope"].value
    assert f"slope {slope[0]:.4g} {slope[-1]:.4g}".replace("-", "−") in page.text
    seconds = json.loads((folder / "result.json").read_text())["probe_seconds"]["modes"]
    assert f"It took {seconds:.1f} s (" in page.text
    names = {"gradient_depth", "gradient_depth_factor", "gradient_depth_map", "modes_accuracy", "modes_loss"}
    files = {path.name for path in (made / "figures").iterdir()}
    assert files == {f"{name}.{ending}" for name in names for ending in ("svg", "png")}
    assert len(page.all("figure")) == len(page.all("svg")) == len(names)


def test_runs_are_put_together_by_what_they_differ_in_beside_the_seed(
    own: Path, blank_figures: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["*", f"paths.outputs={own}"]) == 0
    assert "had no probes and are left out: synthetic-small_cnn-bn-seed0-" in capsys.readouterr().out
    (folder,) = (own / "probes").iterdir()
    assert folder.name.startswith("bn--ln--none-")
    page = assert_stands_alone(folder / "index.html")
    curves = [read_curves(run_of(own, f"bn-seed{seed}"))["gradient_depth/factor"].value[-1] for seed in (0, 1)]
    ln = read_curves(run_of(own, "ln-seed0"))["gradient_depth/factor"].value[-1]
    spread = float(f"{abs(curves[0] - curves[1]) / math.sqrt(2):.2g}")
    assert f"factor {sum(curves) / 2:.4g} ± {spread:.4g} {ln:.4g}" in page.text
    assert "Lines are means over seeds" in page.text
    assert page.text.count("synthetic-small_cnn-") == 4
    assert "precise/loss" in page.text


def test_the_same_page_again_replaces_the_old_one_whole(own: Path, blank_figures: None) -> None:
    words = [run_of(own, "none-seed0").name, f"paths.outputs={own}", f"out={own / 'page'}"]
    assert script.main(words) == 0
    before = (own / "page" / "index.html").read_bytes()
    (own / "page" / "figures" / "old.svg").write_text("old")
    assert script.main(words) == 0
    assert (own / "page" / "index.html").read_bytes() == before
    assert not (own / "page" / "figures" / "old.svg").exists()
    assert not list(own.glob(".page*"))


def test_a_run_that_goes_on_is_shown_as_far_as_it_is(own: Path, blank_figures: None) -> None:
    folder = run_of(own, "ln-seed0")
    (folder / "result.json").unlink()
    lines = (folder / "metrics.csv").read_text().splitlines(keepends=True)
    kept = [line for line in lines[1:] if int(line.split(",")[0]) <= 5]
    (folder / "metrics.csv").write_text(lines[0] + "".join(kept) + "8,1,gradient_depth/slope,0.1")
    assert script.main([str(folder)]) == 0
    page = assert_stands_alone(folder / "probes" / "index.html")
    assert "not finished, step 5 so far" in page.text
    assert "It took" not in page.text
    assert "0.1 0.1" not in page.text


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["{plain}"], "had no probes; repeat the run with some, as in probes=[gradient_depth]"),
        (["zebra*"], "no run matches 'zebra*'"),
        (["{bn}", "outputs={own}"], "outputs is not a setting of this script. Did you mean paths.outputs?"),
        (["out={own}"], "no run is named"),
        (["{bn}", "out={own}/runs"], "which is not from here"),
        (["{bn}", "{own}/copy"], "are the same run twice"),
        (["{begun}"], "has no measurement of its probes on disk yet; wait for its next checkpoint"),
        (["{damaged}"], "metrics.csv is damaged"),
        (["{future}"], "this version of normlab has no probe telepathy"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    own: Path, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bn = run_of(own, "bn-seed0")
    (plain,) = [path for path in (own / "runs").glob("*-bn-seed0-*") if path != bn]
    shutil.copytree(bn, own / "copy")
    begun, damaged, future = (own / "runs" / name for name in ("begun", "damaged", "future"))
    for folder in (begun, damaged, future):
        shutil.copytree(bn, folder)
    (begun / "result.json").unlink()
    (begun / "metrics.csv").write_text("step,epoch,name,value\n1,1,running/loss,2.0\n")
    (damaged / "metrics.csv").write_text("step,epoch,name,value\n1,1,x\n")
    (future / "config.yaml").write_text(
        (bn / "config.yaml").read_text().replace("gradient_depth", "telepathy").replace("- modes\n", "")
    )
    edit_result(future)
    names = {"own": own, "bn": bn, "plain": plain, "begun": begun, "damaged": damaged, "future": future}
    before = sorted(path.name for path in own.rglob("*"))
    assert script.main([word.format(**names) for word in words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert part in error
    assert sorted(path.name for path in own.rglob("*")) == before


def test_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--help"]) == 0
    assert "python scripts/probes.py RUN" in capsys.readouterr().out


def test_arms_are_called_by_what_sets_them_apart(probed: Path) -> None:
    def configs(*rows: tuple[str, ...]) -> list[dict]:
        return [compose_tiny(probed, *row) for row in rows]

    assert arm_names(configs(("norm=bn",), ("norm=ln", "seed=3"))) == ["bn", "ln"]
    found = arm_names(configs(("norm=bn", "recipe.lr=0.1"), ("norm=ln", "recipe.lr=0.2")))
    assert found == ["bn, lr=0.1", "ln, lr=0.2"]
    assert arm_names(configs(("norm=gn",))) == ["small_cnn, gn"]
    found = arm_names(configs(("norm=bn", "recipe.lr=0.1"), ("norm=bn", "recipe.lr=0.2"), ("norm=ln", "recipe.lr=0.1")))
    assert found == ["bn, lr=0.1", "bn, lr=0.2", "ln, lr=0.1"]
    found = arm_names(configs(("norm=bn",), ("norm=bn", "norm.eps=0.1"), ("norm=ln",)))
    assert len(set(found)) == 3
    assert found[1].startswith("bn, ")
    found = arm_names(configs(("probes=[modes]",), ("probes=[gradient_depth]",)))
    assert len(set(found)) == 2


def test_seeds_of_an_arm_stand_in_order(probed: Path) -> None:
    folders = [run_of(probed, f"bn-seed{seed}") for seed in (1, 0)]
    (arm,) = open_arms(folders)
    assert [run.seed for run in arm.runs] == [0, 1]
    with pytest.raises(UserError, match="the same run twice"):
        open_arms([folders[0], folders[0].parent / "." / folders[0].name])


def test_scalars_are_what_belongs_to_no_layer() -> None:
    point = curve((0, 1.0))
    names = ("modes/running/loss", "modes/distance/first.norm/mean", "gradient_depth/slope", "modes/running/accuracy",
             "modes/distance/007.x/mean", "loss/test")  # fmt: skip
    arms = {"bn": [dict.fromkeys(names[:3], point)], "ln": [dict.fromkeys(names[3:], point)]}
    assert scalars("modes", arms) == ["modes/running/loss", "modes/running/accuracy"]


def test_a_table_has_more_rows_than_columns(blank_figures: None) -> None:
    run = {
        "gradient_depth/slope": curve((0, 1.0), (4, -0.5)),
        "gradient_depth/zeros": curve((0, math.nan), (4, math.nan)),
    }
    (one,) = probe_sections({"bn": [run]}, ["gradient_depth"])
    assert one.table is not None
    assert one.table.columns == ("first", "last")
    assert one.table.rows == (("slope", ("1", "−0.5")), ("zeros", ("NaN", "NaN")))
    arms = {"bn": [run], "ln": [run], "none": [{}]}
    (three,) = probe_sections(arms, ["gradient_depth"])
    assert three.table is not None
    assert three.table.columns == ("slope", "zeros")
    assert three.table.rows[2] == ("none", ("–", "–"))
    (two,) = probe_sections({"bn": [run], "ln": [run]}, ["gradient_depth"])
    assert two.table is not None
    assert two.table.columns == ("bn", "ln")
    (nothing,) = probe_sections({"bn": [{}]}, ["gradient_depth"])
    assert (nothing.table, nothing.drawings, nothing.cost) == (None, (), "")


def test_costs_are_told_as_shares_of_training(blank_figures: None) -> None:
    content = {"probe_seconds": {"modes": 3.0}, "train_seconds": 20.0}
    other = {"probe_seconds": {"modes": 1.0}, "train_seconds": 20.0}
    (section,) = probe_sections({"bn": [{}, {}]}, ["modes"], {"bn": [content, other]})
    assert section.cost.replace("\xa0", " ") == "It took 2.0 s (10 %); in brackets as a share of the training time."
    results = {"bn": [content], "ln": [None]}
    (section,) = probe_sections({"bn": [{}], "ln": [{}]}, ["modes"], results)
    assert section.cost.replace("\xa0", " ").startswith("It took 3.0 s in bn (15 %);")
    many = {f"arm {number}": [{**content, "train_seconds": 10.0 * (1 + number)}] for number in range(7)}
    (section,) = probe_sections({arm: [{}] for arm in many}, ["modes"], many)
    assert section.cost.replace("\xa0", " ") == "It took 3.0 s to 3.0 s a run, 4.3 % to 30 % of the training time."


def test_a_docstring_is_taken_apart() -> None:
    found = parsed("""Looks at x<y.

    It measures `a` and
    more.

        p/one     the first, in nats
                  per image
        p/a_very_long_name/<layer>
                  the second

    The end.
    """)
    assert found.summary == "Looks at x<y."
    assert [block.text for block in found.blocks] == ["It measures <code>a</code> and more.", "", "The end."]
    assert found.blocks[1].rows == (
        ("p/one", "the first, in nats per image"), ("p/a_very_long_name/<layer>", "the second"),
    )  # fmt: skip
    assert parsed("One line.").blocks == ()
