"""The pages of the report: what stands on them, that they hold together, and that they ask nobody for anything."""

import itertools
import json
import re
from pathlib import Path
from urllib.parse import unquote

import made_up_studies as made
import pytest
from html_of_pages import Page

from experiments.report import page as page_file
from experiments.site import build as build_file
from experiments.site import study_file, study_page
from experiments.site.build import build
from experiments.site.rows import STATES
from experiments.site.sources import SCALES

SITE = Path(build_file.__file__).parent
TWO = [f"{network} · {norm}" for network in ("small_cnn", "resnet20") for norm in made.ARMS]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of three studies, of which one is kept and one is of the smoke scale, of a check, and of claims."""
    outputs, kept = tmp_path_factory.mktemp("report") / "outputs", tmp_path_factory.mktemp("kept")
    made.write_summary(outputs, made.summary())
    made.write_summary(outputs, made.summary(scale="smoke", seeds=2))
    content = made.summary("accuracy_cifar10", names=TWO)
    content["arms"]["resnet20 · bn"]["runs"]["1"]["status"] = "diverged"
    (kept / "accuracy_cifar10").mkdir()
    made.write_summary(kept, content, curves=False).rename(kept / "accuracy_cifar10" / "cpu.json")
    made.write_evidence(outputs, made.evidence())
    build(outputs, outputs / "report", kept, lambda sources: made.decided())
    return outputs / "report"


def pages(report):
    return {path.relative_to(report).as_posix(): path.read_text() for path in sorted(report.rglob("*.html"))}


def test_a_page_for_everything(report):
    found = set(pages(report))
    assert {"index.html", "checks.html", "norms/bn.html", "norms/ln_chw.html"} <= found
    studies = {"accuracy_cifar10-cpu", "moments-cpu", "moments-smoke"}
    assert {path for path in found if path.startswith("studies/")} == {f"studies/{name}.html" for name in studies}


def test_pages_are_sound_and_stand_alone(report):
    for path, text in pages(report).items():
        page = Page(text)
        assert page.mistakes == [], path
        assert "http:" not in text, path
        assert "https:" not in text, path
        assert not [link for link in page.all("link") if link["href"] != "data:,"], path
        assert not page.all("img"), path
        (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
        assert policy.startswith("default-src 'none'")
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1, path
        assert levels.count(1) == 1, path
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), path
        assert len(page.all("table")) == len(page.all("caption")), path
        assert all(heading.get("scope") for heading in page.all("th")), path
        names = [element["id"] for _, element in page.elements if "id" in element]
        assert len(names) == len(set(names)), path


def test_every_link_leads_somewhere(report):
    texts = pages(report)
    for path, text in texts.items():
        for link in Page(text).all("a"):
            target, _, place = unquote(link["href"]).partition("#")
            file = (report / path).parent / target if target else report / path
            assert file.exists(), (path, link)
            if place and "=" not in place:
                found = texts[file.resolve().relative_to(report.resolve()).as_posix()]
                assert f'id="{place}"' in found, (path, link)


def test_the_table_of_claims(report):
    text = pages(report)["index.html"]
    page = Page(text)
    claims = [body for body in page.all("tbody") if "data-order" in body]
    assert [body["id"] for body in claims] == [f"claim-{number}" for number in ("0.2", "0.10", "1.1", "2.1", "3.1")]
    assert [body["data-verdict"] for body in claims] == ["contradicted", "supported", "contradicted", "not run", "note"]
    assert [body["data-by"] for body in claims] == ["moments", "moments", "some_check", "dropout", ""]
    assert float(claims[0]["data-effect"]) == pytest.approx(0.0312 / 0.003)
    assert (claims[0]["data-n"], claims[3]["data-n"], claims[4]["data-effect"]) == ("3", "", "")
    assert "2 contradicted" in page.text  # the counts at the top
    assert "+3.12 [+2.12, +4.12] points test accuracy (%)" in page.text
    assert "×1.1 [×1.02, ×1.19] steps to 60 %" in page.text
    assert "run python train.py study=dropout scale=cpu" in page.text
    assert "There is nothing to run." in page.text
    assert "imprecise: They do, mostly. Somebody 2015, §1" in page.text
    assert "Kept result: a machine, commit 0123456789" in page.text
    spans = [cell["rowspan"] for tag in ("th", "td") for cell in page.all(tag) if "rowspan" in cell]
    assert spans == ["2"] * 6  # the claim with two tests: no., document, claim, kind, verdict, literature


def test_filters_are_named_and_hidden_without_a_script(report):
    page = Page(pages(report)["index.html"])
    (form,) = page.all("form")
    assert "hidden" in form
    labelled = {label["for"] for label in page.all("label")}
    controls = {control["id"] for tag in ("input", "select") for control in page.all(tag)}
    assert labelled == controls == {"q", "document", "verdict", "kind", "by", "scale", "sort"}
    assert any(element.get("aria-live") == "polite" and element["id"] == "shown" for element in page.all("p"))
    headings = [heading["data-sort"] for heading in page.all("th") if "data-sort" in heading]
    sorts = [option["value"] for option in page.all("option") if option.get("value")]
    assert sorts == [value for heading in headings for value in (heading, f"-{heading}")]
    (first, *_) = [body for body in page.all("tbody") if "data-order" in body]
    assert all(heading in ("id", "where", "claim") or f"data-{heading}" in first for heading in headings)
    script = (SITE / "ledger.js").read_text()
    assert "aria-sort" in script
    for column, values in (("verdict", STATES), ("scale", SCALES)):  # the orders of the pages and of their script
        assert f"{column}: {json.dumps(values)}" in script


def test_the_page_of_a_study(report):
    page = Page(pages(report)["studies/moments-cpu.html"])
    assert "What does <moments> show?" in page.text
    for words in ("+3.12", "margin 0.30 points", " 0.012 ", "83 %", "bn against no norm", "real but negligible"):
        assert words in page.text.replace("\N{NO-BREAK SPACE}", " "), words
    assert "Test accuracy (%), evaluation mode" in page.text
    labels = [picture["aria-label"] for picture in page.all("svg") if picture.get("role") == "img"]
    assert any(label.startswith("Test accuracy") and "at step 950" in label for label in labels)
    runs = [link["href"] for link in page.all("a") if "/runs/" in link["href"]]
    assert len(runs) == 9
    assert "../../runs/moments-cpu-bn-seed0" in runs
    smoke = Page(pages(report)["studies/moments-smoke.html"]).text
    assert "Its numbers say nothing about the question." in smoke


def test_a_kept_study_says_so_and_has_published_figures_beside_it(report):
    page = Page(pages(report)["studies/accuracy_cifar10-cpu.html"])
    assert "Kept result: a machine, commit 0123456789." in page.text
    assert "(1 diverged)" in page.text
    assert "He et al. 2015" in page.text
    assert not [link for link in page.all("a") if "/runs/" in link["href"]]  # its runs are not here
    assert "Curves" not in page.text
    assert any(path["class"] == "published" for path in page.all("path") if "class" in path)


def test_what_a_page_takes_of_claims_and_runs(tmp_path):
    rows = [{"id": "0.1", "anchor": "x", "claim": "y", "smoke_parts": [{"by": "moments", "scale": "smoke"}],
             "parts": [{"by": "moments", "scale": "cpu"}, {"by": "dropout", "scale": "cpu"}]}]  # fmt: skip
    for scale in ("smoke", "cpu"):
        (row,) = study_page.claims_of(rows, "moments", scale)
        assert row["parts"] == [{"by": "moments", "scale": scale}]
    assert study_page.claims_of(rows, "placement", "cpu") == []
    content = {**made.summary(), "source": "local"}
    content["arms"]["bn"]["runs"]["1"]["status"] = "diverged"
    assert [len(files) for files in study_page.run_files(content, tmp_path).values()] == [2, 3, 3]
    published = [{"arm": "bn", "metric": "test_accuracy", "value": 0.9, "sd": None, "n": 5, "source": "z"}]
    method = {**study_file.method(None, "cpu"), "published": published}
    (beside,) = study_page.values(content, method, [], tmp_path, tmp_path / "report")["published"]
    assert (beside["theirs"], beside["their_n"], beside["our_n"]) == ("90\N{NO-BREAK SPACE}%", 5, 3)
    assert study_page.values(content, method, [], tmp_path, tmp_path / "report")["details"] == ""
    details = study_page.details_of(content, tmp_path)
    details.parent.mkdir(parents=True)
    details.write_text("")
    link = study_page.values(content, method, [], tmp_path, tmp_path / "report")["details"]
    assert link == "../../studies/moments-cpu/index.html"


def test_a_norm_says_whether_its_cost_can_be_measured(report):
    text = {norm: Page(pages(report)[f"norms/{norm}.html"]).text for norm in ("bn", "frn")}
    assert "Not measured here yet: python train.py study=cost scale=cpu" in text["bn"]
    assert "No study measures it." in text["frn"]


def test_checks_with_their_numbers_and_claims(report):
    text = Page(pages(report)["checks.html"]).text
    assert "contradicted It is 4.5." in text
    assert "Decides 1.1 (The range is fixed.)" in text
    assert "of a hundred 12 parameters 269,722" in text


def channels(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour):
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), channels(colour), strict=True))


@pytest.mark.parametrize("scheme", [0, 1])
def test_words_stand_out_in_both_schemes(scheme):
    css = Path(page_file.__file__).with_name("style.css").read_text() + (SITE / "site.css").read_text()
    css = css.partition("@media print")[0] + css[css.index("/* The report's own") :]
    blocks = re.findall(r"(@media \(prefers-color-scheme: dark\) \{\s*)?:root \{([^}]*)\}", css)
    found = {}
    for dark, block in blocks:
        if scheme or not dark:
            found |= dict(re.findall(r"--([\w]+): (#[0-9a-f]{6})", block))
    for word in ("ink", "soft", "good", "bad", "open", "a", "b"):
        for ground in ("paper", "shade"):
            light, dark = sorted((luminance(found[word]), luminance(found[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (word, ground)
    for line in (f"c{place}" for place in range(8)):
        light, dark = sorted((luminance(found[line]), luminance(found["paper"])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, line


def test_many_arms_that_are_put_together_stand_behind_these(tmp_path):
    inner = [f"{norm} · {rate}" for norm in made.ARMS for rate in range(20)]
    content = made.summary("max_learning_rate", names=inner, seeds=2)
    for norm in made.ARMS:
        values = {"test_accuracy": {"0": 0.5, "1": 0.7}}
        runs = {seed: {"status": "finished", "folder": None} for seed in ("0", "1")}
        content["arms"][norm] = {"overrides": [], "runs": runs, "values": values}
    content["metrics"] = {**made.METRICS, "excess_churn": {**made.ACCURACY, "label": "excess churn (%)"}}
    content["pairs"] = {"excess_churn": {"bn | ln": {"0": 0.125}}}
    made.write_summary(tmp_path, content, curves=False)
    build(tmp_path, tmp_path / "report", tmp_path / "kept", lambda sources: [])
    page = Page((tmp_path / "report" / "studies" / "max_learning_rate-cpu.html").read_text())
    assert page.mistakes == []
    assert page.text.index("no norm 2 60 ± 14") < page.text.index("The 60 arms that these are put together from")
    assert "bn | ln excess churn (%) 12.5" in page.text
    charts = [picture["aria-label"] for picture in page.all("svg") if picture.get("role") == "img"]
    assert len(charts) == 1  # steps have no number in what is put together, and pairs are no number of an arm
    assert "bn · 3" not in charts[0]
