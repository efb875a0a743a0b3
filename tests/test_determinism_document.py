"""docs/determinism.md names each operator in PyTorch's list of nondeterministic ones that normlab calls, and where."""

import re
from pathlib import Path

import pytest
from called_operators import LISTED, OPERATORS, documented, of_probe, of_run
from conftest import ROOT
from live_runs import live_after
from matrix import NETWORKS, NORMS, Case

from experiments import probes
from experiments.command_line import plan


def users(cell: str, every: tuple[str, ...]) -> set[str]:
    """`all`, `all but a, b`, or names."""
    names = set(re.findall(r"`(\w+)`", cell))
    if not cell.startswith("all"):
        return names
    return set(every) - names


def table() -> dict[str, dict[str, set[str]]]:
    """By operator: the networks and the probes that the document says call it."""
    lines = (ROOT / "docs" / "determinism.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    assert all(norms == "none of its own" for _, _, norms, *_ in rows)
    return {
        name.strip("`"): {"networks": users(networks, NETWORKS), "probes": users(looking, tuple(probes.names()))}
        for name, networks, _, looking, *_ in rows
    }


DOCUMENTED = table()


def config_of(tmp_path: Path, model: str, norm: str, *more: str) -> dict:
    return plan(Case(model, norm, "float32", more).words(tmp_path)).jobs[0].config


def test_the_list_is_pytorchs():
    assert documented() == set(LISTED)


def test_the_document_names_operators_of_the_list():
    assert set(DOCUMENTED) <= OPERATORS


@pytest.mark.parametrize("model", NETWORKS)
def test_of_each_network(tmp_path, model):
    called = of_run(config_of(tmp_path, model, "bn"))
    assert called & OPERATORS == {name for name, row in DOCUMENTED.items() if model in row["networks"]}


def test_of_each_norm_none_of_its_own(tmp_path):
    without = of_run(config_of(tmp_path, "small_cnn", "none"))
    for norm in NORMS:
        assert (of_run(config_of(tmp_path, "small_cnn", norm)) - without) & OPERATORS == set(), norm


def test_of_each_probe(tmp_path):
    live = live_after(config_of(tmp_path, "small_cnn", "bn", "dataset.validation=0.3", "steps=1"), 1)
    for probe in probes.names():
        called = of_probe(probe, live)
        assert called & OPERATORS == {name for name, row in DOCUMENTED.items() if probe in row["probes"]}, probe


def test_a_listed_operator_is_noticed(tmp_path, monkeypatch):
    """Of a norm that sums its input up in order, of which CUDA has two ways."""
    from models.norms import layer_norm

    monkeypatch.setattr(layer_norm.LayerNorm, "forward", lambda self, x: x.cumsum(1))
    assert "cumsum" in of_run(config_of(tmp_path, "small_cnn", "ln")) & OPERATORS
