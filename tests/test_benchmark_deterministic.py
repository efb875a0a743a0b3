"""The part of the benchmark that runs one network with and without deterministic=true in turns, in one process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from experiments.benchmark.cases import Case
from experiments.benchmark.deterministic import lines
from experiments.benchmark.normlab_path import Normlab


@pytest.fixture
def free_again() -> Iterator[None]:
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("free_again")
def test_each_slice_is_measured_in_its_own_way(tmp_path: Path) -> None:
    def made(word: str) -> Normlab:
        case = Case("mlp", "bn", 4, 1, 0, False, 4, 2, 1, 1.0, False, "cpu", "float32", (word,))
        return Normlab({"case": case.as_json(), "folder": str(tmp_path)})

    free, strict = made("deterministic=false"), made("deterministic=true")
    for contender, expected in ((free, False), (strict, True), (free, False)):
        assert contender.measure()["training"] > 0
        assert torch.are_deterministic_algorithms_enabled() is expected


def test_what_was_found_in_words() -> None:
    found = {"resnet20-32+bn": {"ratio": {"median": 1.0204, "min": 1.0, "max": 1.1}}}
    assert lines(found)[1] == "  resnet20-32+bn: 1.020 (1.000–1.100)"
