"""Names that are markup, formulas, templates or orders to a terminal: shown as they stand, and obeyed nowhere.

Classes are folders' names and arms are whatever a study calls them: none is an element or an attribute of a page.
"""

import base64
import hashlib
import io
import logging
import re
import shutil

import made_up_studies as made
import pytest
from conftest import compose_tiny
from edited_results import of_schema_1
from html_of_pages import Page
from image_folders import write_image
from matplotlib.figure import Figure

from experiments import identity
from experiments.command_line import plan
from experiments.errors import UserError, say
from experiments.job import perform
from experiments.printable import one_line, printable
from experiments.progress import console_log, file_log
from experiments.report.figure_words import LONGEST_AT_A_TICK, make_plain
from experiments.report.figures import draw
from experiments.site.build import build
from scripts import compare, probes

IMAGE, SCRIPT = "<img src=x onerror=alert(1)>", '"><script>alert(2)<%2Fscript><svg onload=alert(3)>'
FORMULA, TEMPLATE = r"$\frac{$", "{{ 7 * 7 }}{% raw %}"
CONTROL, LONG = "a\x1b[31mred\u202egnol\n", "long " * 40 + "end"
NAMES = (IMAGE, SCRIPT, FORMULA, TEMPLATE, CONTROL, LONG)
RUN = (
    "dataset=folder", "dataset.name=named", "dataset.size=8", "dataset.resize=8", "model=small_cnn", "model.width=0.25",
    "batch_size=6", "epochs=null", "steps=2", "device=cpu", "workers=0",
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """What the runs say is not looked at here."""
    logging.getLogger("normlab").setLevel(logging.WARNING)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Images of classes with such names, and a run with batch norm and one without a norm on them."""
    root = tmp_path_factory.mktemp("names")
    for split, count in (("train", 2), ("val", 3)):
        for number, name in enumerate(NAMES):
            for image in range(count):
                write_image(
                    root / "named" / split / name / f"{image}.png", 10 * number + image, 40 * number, size=(9, 9)
                )
    for norm in ("bn", "none"):
        perform(plan([*RUN, f"norm={norm}", f"paths.data={root}", f"paths.outputs={root / 'outputs'}"]).jobs[0].config)
    return root


def assert_ours_alone(text: str, script: str | None = None) -> Page:
    """No element, attribute or address on a page comes from a name, and its policy would stop one that did."""
    page = Page(text)
    assert page.mistakes == []
    assert len(page.all("script")) == (script is not None)
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for name in ("href", "src", "action", "formaction", "xlink:href"):
            assert "script:" not in (attributes.get(name) or ""), (tag, attributes)
    assert all(str(image["src"]).startswith("data:image/png") for image in page.all("img"))
    (policy,) = [str(meta["content"]) for meta in page.all("meta") if "http-equiv" in meta]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert [parts[key] for key in ("default-src", "base-uri", "form-action")] == ["'none'"] * 3
    assert parts["img-src"] == "data:"
    assert parts.get("script-src") == script
    return page


def words(text: str) -> str:
    return " ".join(text.split())


def test_classes_on_the_page_of_two_runs(place, capsys):
    out = place / "comparison"
    given = ["norm=bn,none", f"paths.outputs={place / 'outputs'}", f"paths.data={place}", f"out={out}"]
    assert compare.main(given) == 0
    page = assert_ours_alone((out / "index.html").read_text())
    for name in NAMES:
        assert words(name) in page.text
    said = [str(image["alt"]) for image in page.all("img")]
    assert {name for name in NAMES if any(words(name) in words(one) for one in said)}
    drawn = {path.name for path in (out / "figures").iterdir()}
    assert {"classes.svg", "confusion.svg", "classes.png", "images.png"} <= drawn
    assert "\x1b" not in capsys.readouterr().out


def test_arms_and_questions_in_the_report(tmp_path):
    names = [*NAMES[:4], CONTROL]
    content = made.summary(names=names, question=f"{IMAGE} {SCRIPT}?", command=f"python {SCRIPT}")
    content["metrics"] = {"test_accuracy": {**made.ACCURACY, "label": IMAGE}, "steps": {**made.STEPS, "label": FORMULA}}
    for number, arm in enumerate(content["arms"].values()):
        arm["overrides"] = [f"norm={IMAGE}"]
        for run in arm["runs"].values():
            run["folder"] = re.sub(r"[/\\\n]", "_", f"run-{names[number]}-{run['folder'][-5:]}")
    content["environments"] = [dict.fromkeys(content["environments"][0], f"{IMAGE}{SCRIPT}")]
    outputs = tmp_path / "outputs"
    made.write_summary(outputs, content)
    made.write_evidence(outputs, made.evidence(check=IMAGE.replace("/", ""), sentence=f"It is {SCRIPT}."))
    build(outputs, outputs / "report", tmp_path / "kept", lambda sources: made.decided())
    report = outputs / "report"
    study = assert_ours_alone((report / "studies" / "moments-cpu.html").read_text())
    for name in names:
        assert words(name) in study.text
    assert words(IMAGE) in assert_ours_alone((report / "checks.html").read_text()).text
    text = (report / "index.html").read_text()
    script = text[text.index("<script>") + len("<script>") : text.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert_ours_alone(text, f"'sha256-{digest}'")


def test_runs_that_were_renamed(place, tmp_path):
    """The page of probes calls runs by their folders, and by settings that anyone may have written."""
    outputs = tmp_path / "outputs"
    config = compose_tiny(outputs, "epochs=null", "steps=2", "probes=[gradient_depth]")
    perform(config)
    of_schema_1(identity.folder(config))
    folders = []
    for number, name in enumerate(NAMES[:4]):
        folders.append(shutil.copytree(identity.folder(config), tmp_path / f"{number}{name}"))
        settings = folders[-1] / "config.yaml"
        settings.write_text(settings.read_text().replace("schedule: one_cycle", f"schedule: '{name}'"))
    assert probes.main([*map(str, folders), f"paths.outputs={outputs}", f"out={tmp_path / 'page'}"]) == 0
    page = assert_ours_alone((tmp_path / "page" / "index.html").read_text())
    assert IMAGE in page.text
    assert FORMULA in page.text


def test_a_summary_that_leads_elsewhere(tmp_path):
    content = made.summary()
    content["arms"]["bn"]["runs"]["0"]["folder"] = "../../elsewhere"
    made.write_summary(tmp_path / "outputs", content, curves=False)
    with pytest.raises(UserError, match="folder"):
        build(tmp_path / "outputs", tmp_path / "report", tmp_path / "kept", lambda sources: made.decided())


def test_a_figures_words_are_words():
    """Its numbers at logarithmic ticks are formulas all the same."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([1, 10, 1000], [1, 2, 3], label=FORMULA)
        axes.set_xscale("log")
        axes.set(xlabel=FORMULA, title=CONTROL.strip(), ylabel=LONG)
        axes.set_yticks([1, 2], [FORMULA, LONG])
        figure.legend()

    drawing = draw("names", FORMULA, IMAGE, paint)
    assert 'aria-label="$\\frac{$. &lt;img' in drawing.inline
    figure = Figure()
    paint(figure)
    with pytest.raises(ValueError, match="frac"):  # without our care
        figure.savefig(io.BytesIO(), format="svg")
    make_plain(figure)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == r"\$\frac{\$"
    assert len(labels[1]) == LONGEST_AT_A_TICK
    assert axes.get_title(loc="center") == r"a\x1b[31mred\u202egnol"
    assert "mathdefault{10^" in axes.get_xticklabels()[1].get_text()


def test_a_terminal_is_given_no_orders(capsys, tmp_path):
    say(UserError(f"norm={CONTROL} does not exist"))
    assert capsys.readouterr().err == "error: norm=a\\x1b[31mred\\u202egnol\\n does not exist\n"
    with console_log("run"), file_log(tmp_path / "log"):
        logging.getLogger("normlab").warning("%s is broken", CONTROL)
    assert "[run] a\\x1b[31mred\\u202egnol\n is broken" in capsys.readouterr().out
    assert "a\\x1b[31mred" in (tmp_path / "log").read_text()
    assert printable("ä ✓ 漢\t\n") == "ä ✓ 漢\t\n"
    assert one_line("ä\r\n") == "ä\\r\\n"
