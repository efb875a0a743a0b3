"""What scripts/compare.py writes: numbers on a well-formed page, mirrored when swapped, shown in TensorBoard too."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparisons import GROUPS, PAIR, compared, numbers, page
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


@pytest.fixture(scope="module")
def pair(lab: Path) -> Path:
    return compared(lab, *PAIR)


@pytest.fixture(scope="module")
def swapped(lab: Path) -> Path:
    return compared(lab, "norm=none,bn", "batch_size=8", "seed=1")


@pytest.fixture(scope="module")
def groups(lab: Path) -> Path:
    return compared(lab, *GROUPS)


def percent(value: float, digits: int = 2) -> str:
    return f"{100 * value:.{digits}f} %"


def test_the_pairs_numbers_are_on_its_page(pair: Path, lab: Path) -> None:
    found, text = numbers(pair)["numbers"], page(pair).text
    right = {}
    for side, norm in (("a", "bn"), ("b", "none")):
        (run,) = [Path(one["folder"]) for one in numbers(pair)["runs"][side]]
        assert f"-{norm}-seed1-" in run.name
        with np.load(run / "predictions.npz") as file:
            right[side] = (file["logits"].argmax(1), file["labels"])
        assert found[side]["accuracy"]["value"] == np.mean(right[side][0] == right[side][1])
    for side in "ab":
        accuracy = found[side]["accuracy"]
        assert f"{percent(accuracy['value'])} [{100 * accuracy['low']:.2f}, {100 * accuracy['high']:.2f}]" in text
        for state in ("calibration", "scaled"):
            assert percent(found[side][state]["ece"]) in text
            assert f"{found[side][state]['brier']:.4f}" in text
        assert f"{found[side]['temperature']:.3f}" in text
    churn = float(np.mean(right["a"][0] != right["b"][0]))
    assert found["agreement"]["churn"] == pytest.approx(churn)
    assert f"{round(churn * 21)} {percent(churn)}" in text
    for name in ("kl_ab", "kl_ba", "js"):
        assert " ".join(f"{found[name][part]:.4f}" for part in ("mean", "median", "p95")) in text
    for index, accuracy in enumerate(found["a"]["class_accuracy"]):
        assert f"{found['classes'][index]} {np.bincount(right['a'][1])[index]} {percent(accuracy, 1)}" in text
    for word in ("norm.momentum 0.1 –", "two fixed predictors, not two methods", f"compare.py {' '.join(PAIR)}"):
        assert word in text


def test_the_groups_numbers_are_on_their_page(groups: Path) -> None:
    found, text = numbers(groups)["numbers"], page(groups).text
    accuracy = found["accuracy"]
    assert f"{100 * accuracy['a_mean']:.2f} ± {100 * accuracy['a_sd']:.2f}" in text
    assert f"{100 * accuracy['b_mean']:.2f} ± {100 * accuracy['b_sd']:.2f}" in text
    for name in ("within_a", "within_b", "between"):
        assert percent(found["churn"][name]) in text
    agreement = 100 * (1 - np.array(found["churn"]["matrix"]))
    assert f"{agreement[0, 1]:.2f} {agreement[0, 2]:.2f} {agreement[0, 3]:.2f}" in text
    assert "(78 %" not in text
    assert "about 78 % of cases with three seeds" in text
    assert f"{100 * abs(found['churn']['excess']['value']):.2f} points" in text
    for side, norm in (("a", "bn"), ("b", "none")):
        assert found[side]["seeds"] == [0, 1]
        assert all(f"-{norm}-" in name and name in text for name in found[side]["runs"])


@pytest.mark.parametrize("which", ["pair", "groups"])
def test_a_page_stands_alone_and_is_well_formed(which: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(which)
    html, parsed = (folder / "index.html").read_text(), page(folder)
    assert parsed.mistakes == []
    assert re.findall(r"https?://|@import|url\((?!#)", html) == []
    assert parsed.all("script") == []
    assert parsed.all("html") == [{"lang": "en"}]
    identifiers = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    targets = [str(attributes["href"]) for tag in ("a", "use") for attributes in parsed.all(tag)]
    assert targets
    assert {target.removeprefix("#") for target in targets} <= set(identifiers)
    for tag, attribute in (("img", "src"), ("image", "href"), ("link", "href")):
        assert all(str(one[attribute]).startswith("data:") for one in parsed.all(tag))
    assert all(one.get("alt") for one in parsed.all("img"))
    assert all(one.get("aria-label") and one["role"] == "img" for one in parsed.all("svg"))
    assert all("scope" in one for one in parsed.all("th"))
    assert len(parsed.all("caption")) == len(parsed.all("table")) > 3
    assert len(parsed.all("svg")) == len(list((folder / "figures").glob("*.svg"))) - (which == "pair")  # the sheet


def mirrored(value: Any) -> Any:
    """What the numbers of a pair should be with A and B swapped."""
    turned = {"a": "b", "b": "a", "kl_ab": "kl_ba", "kl_ba": "kl_ab", "wins": "losses", "losses": "wins"}
    found = {turned.get(key, key): item for key, item in value.items()}
    for key in ("accuracy_difference", "loss_difference", "ece_difference"):
        interval = value[key]
        found[key] = {"value": -interval["value"], "low": -interval["high"], "high": -interval["low"]}
    found["mcnemar"] = value["mcnemar"] | {"b": value["mcnemar"]["c"], "c": value["mcnemar"]["b"]}
    agreement = value["agreement"]
    found["agreement"] = agreement | {"wins": agreement["losses"], "losses": agreement["wins"]}
    return found


def flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in (key, *flat(value[key]))]
    return [leaf for item in value for leaf in flat(item)] if isinstance(value, list) else [value]


def test_swapping_mirrors_the_comparison(pair: Path, swapped: Path) -> None:
    one, other = numbers(pair), numbers(swapped)
    assert one["runs"]["a"] == other["runs"]["b"]
    expected, found = flat(mirrored(one["numbers"])), flat(other["numbers"])
    assert len(expected) == len(found)
    for wanted, value in zip(expected, found, strict=True):
        assert value == (pytest.approx(wanted, abs=1e-12) if isinstance(wanted, float) else wanted)
    rows = {row["setting"]: (row.get("a"), row.get("b")) for row in other["settings_that_differ"]}
    assert rows["norm"] == ("none", "bn")
    assert rows["norm.eps"] == (None, 1e-5)
    names = [re.findall(r"<h1>.*?</h1>", (folder / "index.html").read_text())[0] for folder in (pair, swapped)]
    assert [re.findall(r"[AB] · \w+", name) for name in names] == [["A · bn", "B · none"], ["A · none", "B · bn"]]


def test_everything_is_shown_in_tensorboard_too(pair: Path) -> None:
    events = EventAccumulator(str(pair), size_guidance={"images": 0}).Reload()
    found = numbers(pair)["numbers"]
    (accuracy,) = events.Scalars("comparison/accuracy/a")
    assert accuracy.value == pytest.approx(found["a"]["accuracy"]["value"])
    drawn = {path.stem for path in (pair / "figures").glob("*.png")}
    assert {f"comparison/{name}" for name in drawn} == set(events.Tags()["images"])
    assert {path.stem for path in (pair / "figures").glob("*.svg")} == drawn


def test_the_contact_sheet_holds_the_images_themselves(pair: Path) -> None:
    cards = page(pair).all("img")
    disagreements = numbers(pair)["numbers"]["disagreements"]
    assert len(cards) == min(len(disagreements), 24) > 0
    assert [int(re.findall(r"\d+", str(card["alt"]))[0]) for card in cards] == disagreements[:24]
    html = (pair / "index.html").read_text()
    assert html.count('aria-label="right:"') == html.count('class="right"') > 0
