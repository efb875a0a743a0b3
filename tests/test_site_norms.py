"""The cards of norms: one for each, with what its file says."""

import made_up_studies as made
import pytest

from experiments.site import norm_page
from experiments.site.norm_docs import norm_docs, parsed

TEXT = """Some norm: it does this.

    y = a x
      + b

Axes: over N
    and H.
Training and evaluation: one.
More of it. And more.
This goes on,
and ends.

Affine: γ and β.

A paragraph: with a colon that is not a heading, since five words stand before it, or more: so.

    x  an indented block that is no formula, for there was one

Source: Somebody 2015.
"""


def test_a_docstring_taken_apart():
    docs = parsed(TEXT)
    assert docs.summary == "Some norm: it does this."
    assert docs.formula == "y = a x\n  + b"
    assert docs.facts == (
        ("Axes", "over N and H."),
        ("Training and evaluation", "one."),
        ("Affine", "γ and β."),
        ("A paragraph", "with a colon that is not a heading, since five words stand before it, or more: so."),
        ("Source", "Somebody 2015."),
    )
    assert docs.notes[0] == "More of it. And more. This goes on, and ends."


def test_batch_norm():
    docs = norm_docs("bn")
    assert docs.formula == "y = γ (x − μ) / √(σ² + ε) + β"
    facts = dict(docs.facts)
    assert facts["Axes"].startswith("μ and σ² of a channel are taken over N for (N, C)")
    assert "running ← (1 − momentum)" in facts["Training"]
    assert facts["Source"].startswith("Ioffe & Szegedy 2015")


@pytest.mark.parametrize("norm", norm_page.names())
def test_every_norm_has_a_card(norm):
    card = norm_page.cards().get(norm)
    assert card is not None, f"say in experiments/site/norms.yaml what {norm} is good for, and its limits"
    assert set(card) == {"helps", "limits"}
    assert all(text.strip().endswith(".") for text in card.values())
    docs = norm_docs(norm)
    assert docs.summary.endswith((".", "β"))
    if norm != "none":
        assert docs.formula or docs.facts, norm


def test_results_and_cost_of_a_norm():
    summaries = {
        ("moments", "cpu"): {**made.summary(), "source": "saved"},
        ("moments", "smoke"): {**made.summary(scale="smoke"), "source": "local"},
        ("cost", "cpu"): {**made.summary("cost"), "source": "local"},
    }
    values = norm_page.values("none", {"helps": "a", "limits": "b"}, summaries, ["none"])
    assert [(row["study"], row["scale"], row["arm"], row["n"], row["kept"]) for row in values["results"]] == [
        ("cost", "cpu", "no norm", 3, False),
        ("moments", "cpu", "no norm", 3, True),  # smoke is no result
    ]
    assert values["cost"]["link"] == "studies/cost-cpu.html"
    assert [label for label, _ in values["cost"]["rows"]] == ["test accuracy (%)", "steps to 60 %"]
    assert values["costed"]
    summaries["cost", "paper"] = {**made.summary("cost", "paper"), "source": "saved"}
    assert norm_page.values("none", None, summaries, ["none"])["cost"]["scale"] == "paper"  # the better of the two
    other = norm_page.values("gn", None, summaries, ["none"])
    assert (other["cost"], other["costed"]) == (None, False)


def test_the_norms_whose_cost_a_study_measures():
    assert {"bn", "ln", "none"} <= norm_page.in_cost() <= set(norm_page.names())
    assert "frn" not in norm_page.in_cost()  # which brings its own activation


def test_the_norm_of_an_arm():
    assert norm_page.norm_of(["norm=bn", "epochs=3", "norm=ln", "norm.eps=1"]) == "ln"
    assert norm_page.norm_of(["epochs=3"]) is None
