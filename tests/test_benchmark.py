"""The benchmark of throughput: the numbers made from slices, and a quick run of it end to end."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from call_script import assert_refused, call

import scripts.benchmark as benchmark_script
from experiments import build, script
from experiments.benchmark import command, compare, numbers, result, rounds, training
from experiments.benchmark.aims import aims
from experiments.benchmark.budget import Budget
from experiments.benchmark.cases import Case, cases
from experiments.benchmark.flops import flops_per_image
from experiments.benchmark.processes import Processes
from experiments.benchmark.settings import BenchmarkSettings
from experiments.command_line import plan
from experiments.errors import UserError

CASE = {"batch_size": 10, "steps": 4, "num_train": 40, "num_test": 8, "precision": "float32"}


def test_resnet20_costs_what_its_layers_add_up_to() -> None:
    config = plan(["model=resnet20", "norm=bn"]).jobs[0].config
    shape = (3, 32, 32)
    found = flops_per_image(build.network(config, shape, 10), shape)
    # Pixels × taps × channels in × channels out of the stem, then of the convolutions of each stage, the classifier.
    stem = 32 * 32 * 9 * 3 * 16
    stages = (
        6 * 32 * 32 * 9 * 16 * 16
        + 16 * 16 * 9 * (16 * 32 + 5 * 32 * 32)
        + 8 * 8 * 9 * (32 * 64 + 5 * 64 * 64)
    )  # fmt: skip
    forward = 2 * (stem + stages + 64 * 10)
    assert found["forward"] == forward == 81_102_080
    # Backward costs twice as much, but that nobody asks for the gradient of the images.
    assert found["training"] == 3 * forward - 2 * stem == 242_421_504


def test_rates_are_images_over_the_seconds_that_they_name() -> None:
    found = numbers.rates(
        CASE,
        {
            "normlab": [{"seconds": 8.0, "training": 4.0, "evaluation": 3.0}],
            "usual": [{"training": 5.0, "test": 5.0, "others": 10.0}],
            "bare": [{"step_eager": 0.5, "step_compiled": 0.25, "forward_eager": 0.125, "forward_compiled": 0.25}],
            "machine": [{"float32": 3e6, "copy": 1.0}],
        },
        {"training": 1e5, "forward": 1.0},
    )
    assert found == {
        "normlab": [10.0],
        "normlab_epoch": [5.0],
        "usual": [8.0],
        "usual_epoch": [4.0],
        "usual_alike": [2.0],
        "bare_eager": [20.0],
        "bare_compiled": [40.0],
        "evaluation_eager": [8.0],
        "evaluation_compiled": [4.0],
        "bare": [40.0],
        "bare_epoch": [40 / (4 * 0.25 + 24 * 0.125)],
        "limit": [30.0],
    }
    assert {name: one["median"] for name, one in numbers.ratios(found).items()} == {
        "training / usual": 1.25,
        "training / bare": 0.25,
        "training / limit": 1 / 3,
        "epoch / usual": 2.5,
        "epoch / bare": 0.5,
    }


def test_a_ratio_is_of_medians_and_its_range_of_rounds() -> None:
    assert numbers.ratio([1.0, 6.0, 8.0], [1.0, 2.0, 4.0]) == {"median": 3.0, "min": 1.0, "max": 3.0}
    assert numbers.spread([4.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 4.0}
    shares = {"normlab": [{"seconds": 8.0, "training": 4.0, "evaluation": 3.0}]}
    assert numbers.evaluation_share(shares)["median"] == 3 / 8
    assert numbers.rest_share(shares)["median"] == 1 / 8


def test_rounds_alternate_and_stop_when_there_is_no_time() -> None:
    order: list[str] = []
    measure = {name: lambda name=name: order.append(name) or {"s": float(len(order))} for name in "abc"}
    found = rounds.in_rounds(measure, 2)
    assert "".join(order) == "abccba"
    assert found["a"] == [{"s": 1.0}, {"s": 6.0}]
    assert {name: len(slices) for name, slices in rounds.in_rounds(measure, 3, lambda: False).items()} == {
        "a": 1,
        "b": 1,
        "c": 1,
    }


def test_every_case_is_a_run_that_the_project_accepts() -> None:
    for device_type in ("cpu", "cuda"):
        for case in cases(BenchmarkSettings(), device_type):
            assert Case.from_json(json.loads(json.dumps(case.as_json()))) == case
            if case.norm == "bn":
                config = case.config("paths.outputs=elsewhere")
                assert config["train_evaluation"] == config["dataset"]["num_test"] == case.num_train // 5
                assert config["paths"]["outputs"] == "elsewhere"


def made_up(rate: float, **hardware: Any) -> dict[str, Any]:
    """The content of a benchmark's file with one case."""
    spread = {"median": rate, "min": rate, "max": rate}
    return {
        "schema": result.SCHEMA,
        "kind": result.KIND,
        "commit": "0123456789abcdef",
        "hardware": {"device_name": "A", "packages": {"torch": "2.11.0"}, "commit": "x", **hardware},
        "settings": {"rounds": 3},
        "training": {"cases": {"mlp-28+bn": {"case": {"steps": 4}, "rates": {"normlab": spread, "usual": spread}}}},
    }


def test_two_benchmarks_are_compared_case_by_case() -> None:
    new, old = made_up(30.0, packages={"torch": "2.15.0"}, commit="y"), made_up(20.0)
    del old["training"]["cases"]["mlp-28+bn"]["rates"]["usual"]
    assert compare.changes(new, old) == {"mlp-28+bn": {"normlab": 1.5}}
    assert compare.differences(new, old) == ["packages.torch: 2.11.0 then, 2.15.0 now"]
    old["training"]["cases"]["mlp-28+bn"]["case"]["steps"] = 5
    said = compare.text(new, old, "old.json")
    assert "1.50" in said
    assert "0123456789" in said
    assert "mlp-28+bn: another size of the slices" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [(None, "cannot be read"), ("no", "no JSON"), ("[]", "no benchmark"), ('{"kind": "normlab benchmark"}', "schema")],
)
def test_another_file_is_no_benchmark(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "old.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=says):
        result.read(path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["norms=[bm]"], "norms: bm does not exist. Did you mean bn?"),
        (["models=[resnet]"], "models"),
        (["rounds=0"], "rounds=0"),
        (["quick=true", "full=true"], "choose one"),
        (["mlp"], "'mlp' is no setting"),
    ],
)
def test_a_mistake_is_found_before_anything_is_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.setattr(command, "measure", None)
    assert_refused(call(capsys, benchmark_script, *words), says)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """A quick benchmark of one network, its exit code and the folder of its files."""
    out = tmp_path_factory.mktemp("benchmark") / "new"
    words = [
        "quick=true",
        "parts=[machine,training,operators,growth,deterministic]",
        "models=[mlp]",
        "norms=[bn]",
        "device=cpu",
        f"out={out}",
    ]
    assert benchmark_script.__doc__ is not None
    return script.run(benchmark_script.__doc__, words, benchmark_script.command, needs_words=False), out


def test_a_quick_benchmark_from_end_to_end(measured: tuple[int, Path]) -> None:
    code, out = measured
    assert code == 0
    assert sorted(path.name for path in out.iterdir()) == ["benchmark.json", "benchmark.png", "benchmark.svg"]
    content = result.read(out / "benchmark.json")
    assert content["hardware"]["device"] == "cpu"
    assert content["hardware"]["packages"]["torch"]
    assert {"machine", "training", "growth", "all"} <= content["seconds"].keys()
    assert content["machine"]["rates"].keys() == {"float32", "copy"}
    assert content["training"]["skipped"] == {}
    (case,) = content["training"]["cases"].values()
    assert case["left_out"] == {"compiled": "not asked for"}
    assert case["slices"].keys() == {"normlab", "usual", "bare", "machine"}
    for slices in case["slices"].values():
        assert len(slices) == case["rounds"] == 1
        assert min(slices[0].values()) > 0
    normlab, usual = case["slices"]["normlab"][0], case["slices"]["usual"][0]
    assert normlab["training"] + normlab["evaluation"] < normlab["seconds"]
    assert case["facts"]["normlab"]["steps"] * case["facts"]["normlab"]["batch_size"] == case["case"]["num_train"] == 16
    assert case["rates"]["normlab"]["median"] == pytest.approx(16 / normlab["training"])
    assert case["ratios"]["training / usual"]["median"] == pytest.approx(usual["training"] / normlab["training"])
    assert case["ratios"].keys() == numbers.RATIOS.keys()
    assert case["facts"]["bare"]["flops_per_image"]["forward"] == 2 * (784 * 50 + 50 * 10)
    assert case["rates"]["evaluation_folded"]["median"] > 0
    assert case["peak_bytes"]["normlab"] > 2**26
    (profile,) = content["operators"].values()
    assert "aten::addmm" in profile["operators"]
    assert sum(profile["operators"].values()) == pytest.approx(profile["seconds"])
    (strict,) = content["deterministic"].values()
    times = {way: slices[0]["training"] for way, slices in strict["slices"].items()}
    assert strict["ratio"]["median"] == pytest.approx(times["deterministic"] / times["free"])
    assert content["growth"].keys() == {"training images", "depth", "batch size"}
    for points in content["growth"].values():
        for point in points.values():
            seconds = point["slices"][0]["seconds"]
            assert point["epoch_seconds_per_image"]["median"] == pytest.approx(seconds / point["case"]["num_train"])


def test_a_benchmark_beside_itself_has_not_changed(
    measured: tuple[int, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = measured[1] / "benchmark.json"
    monkeypatch.setattr(command, "measure", lambda _: result.read(old))
    said = call(capsys, benchmark_script, f"compare={old}", f"out={measured[1]}")
    assert said.code == 0
    assert f"rates now over those of {old}" in said.out
    row = next(line for line in said.out.splitlines()[::-1] if line.startswith("  mlp-28+bn"))
    assert set(row.split()[1:]) == {"1.00", "–"}
    assert "not measured alike" not in said.out


def test_what_the_project_refuses_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = BenchmarkSettings(quick=True, models=["mlp"], norms=["in"], device="cpu")
    with Processes(("machine", "normlab"), None) as started:
        found = training.measure(settings, started, "cpu")
    assert found["cases"] == {}
    assert found["skipped"].keys() == {"mlp-28+in"}
    assert "normalizes over the positions" in found["skipped"]["mlp-28+in"]


def test_what_is_aimed_at() -> None:
    over = {"training / bare": 0.95}
    assert aims("resnet20", "bn", "cpu") == over | {"training / usual": 2.0, "training / limit": 0.75}
    assert aims("resnet20", "gn", "cpu") == over | {"training / usual": 1.8, "training / limit": 0.75}
    assert aims("resnet20", "bn", "cuda") == over | {"training / usual": 15.0}
    assert aims("resnet20", "none", "cuda") == over | {"training / usual": 12.0}
    assert [aims("mlp", "bn", device) for device in ("cpu", "cuda")] == [
        {"training / usual": 5.0},
        {"training / usual": 20.0},
    ]
    assert aims("resnet18", "bn", "cpu") == {}
    assert {name for norm in ("bn", "ln") for name in aims("resnet20", norm, "cpu")} <= numbers.RATIOS.keys()


def test_a_budget_is_spent_by_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    budget = Budget(10.0)
    now = 54.0
    assert budget.spent == 4.0
    assert budget.on_time(0.4)
    assert not budget.on_time(0.39)
