"""What a scale would take, against runs that are made, and what is said of each launcher."""

import json
import re

import pytest
from conftest import compose_tiny
from test_reproduce import claim_on, main

from data.sizes import PUBLISHED, chosen, published_size
from experiments import build, identity
from experiments.benchmark.flops import flops_per_image
from experiments.command_line import plan
from experiments.errors import UserError
from experiments.job import perform
from experiments.reproduce.cost import Costs
from experiments.reproduce.plan import Planned, launchers, planned
from experiments.reproduce.rate import Rate, newest
from experiments.reproduce.work import work
from experiments.studies.grid import grid


def test_a_run_leaves_what_was_planned(outputs):
    """In a network whose weights are most of what is left."""
    config = compose_tiny(outputs, "model=resnet8", "model.width=1", "dataset.validation=0.1", "recipe.momentum=0.9")
    cost = Costs().of(config)
    result = perform(config)
    assert cost.images == result["steps"] * config["batch_size"]
    assert cost.network.parameters == result["parameters"]
    left = sum(path.stat().st_size for path in identity.folder(config).iterdir())
    assert cost.disk == pytest.approx(left, rel=0.2)


def test_operations_are_those_of_training_and_of_every_evaluation(outputs):
    config = compose_tiny(outputs, "train_evaluation=10")  # 64 of 67 images in an epoch, 21 to test on
    counted = flops_per_image(build.network(config, (3, 8, 8), 3), (3, 8, 8))
    seen = 2 * (10 + 2 * 21) + (67 - 10)
    expected = 128 * counted["training"] + seen * counted["forward"]
    assert Costs().of(config).operations == expected


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_datasets_are_not_looked_for(name, tmp_path):
    config = (
        plan([f"dataset={name}", f"paths.data={tmp_path / 'none'}", "model=small_cnn", "batch_size=100"]).jobs[0].config
    )
    size = published_size(config["dataset"])
    assert Costs().of(config).images == size.train // 100 * 100 * 16
    assert not (tmp_path / "none").exists()


def test_sizes_follow_the_settings():
    settings = {"name": "tiny_imagenet", "classes": 50, "train_size": None, "test_size": 400, "validation": 0.1}
    size = chosen(published_size(settings), settings)
    assert (size.train, size.test, size.classes) == (22_500, 400, 50)
    assert published_size({"name": "imagenet", "size": 160}).image_shape == (3, 160, 160)


def benchmark_file(tmp_path, **rates):
    """A benchmark's file: images a second and operations an image, by network and norm."""
    cases = {}
    for name, (rate, operations) in rates.items():
        model, norm = name.rsplit("_", 1)
        cases[name] = {
            "case": {"model": model, "norm": norm},
            "facts": {"bare": {"flops_per_image": {"training": operations}}},
            "rates": {"normlab": {"median": rate}},
        }
    content = {"kind": "normlab benchmark", "schema": 1, "began": "2026-01-01", "hardware": {"device_name": "a device"}}
    path = tmp_path / "benchmark.json"
    path.write_text(json.dumps(content | {"training": {"cases": cases}}))
    return path


def test_a_run_takes_the_rate_of_its_own_network_and_norm(tmp_path):
    """Else that of the nearest in operations."""
    config = plan(["model=small_cnn", "norm=ln", "dataset=cifar10"]).jobs[0].config
    cost = Costs().of(config)
    own = cost.network.training
    measured = {"small_cnn_ln": (100.0, own), "small_cnn_bn": (50.0, own), "mlp_ln": (1.0, own), "vgg11_ln": (1.0, 9e9)}

    def seconds(*names):
        path = benchmark_file(tmp_path, **{name: measured[name] for name in names})
        return Rate.of_benchmark(path).seconds(config, cost)

    images = cost.operations / own
    assert seconds("mlp_ln", "small_cnn_bn", "small_cnn_ln") == pytest.approx(images / 100)
    assert seconds("mlp_ln", "small_cnn_bn") == pytest.approx(images / 50)
    assert seconds("vgg11_ln", "mlp_ln") == pytest.approx(images / 1)
    assert seconds("vgg11_ln") == pytest.approx(cost.operations / 9e9)


def test_the_benchmark_that_comes_with_normlab_has_rates(outputs):
    assert "images/s of resnet20 + bn" in Rate.of_benchmark(newest(outputs)).origin


def test_ones_own_benchmark_comes_first_where_it_has_rates(outputs):
    (outputs / "benchmark").mkdir(parents=True)
    kept = newest(outputs)
    own = benchmark_file(outputs / "benchmark")
    assert newest(outputs) == kept
    benchmark_file(outputs / "benchmark", resnet20_bn=(10.0, 1e8))
    assert newest(outputs) == own


def test_the_plan_of_a_claim(outputs, capsys):
    assert main(["plan", "scale=smoke", "claims=3.14", "rate=1000", f"paths.outputs={outputs}"]) == 0
    out = capsys.readouterr().out
    row = next(line.split() for line in out.splitlines() if line.startswith("mixed_mlp"))
    assert row[1:3] == ["8", "0"]
    assert "rate: 1,000 images/s of ResNet-20 + bn" in out
    assert not outputs.exists()


def test_runs_of_a_tuning_that_is_not_over_are_counted(outputs):
    study = grid(["study=accuracy_mnist", "scale=smoke", f"paths.outputs={outputs}"])
    runs = planned(study, Costs(), Rate.given(1000.0))
    (part,) = work([claim_on("accuracy_mnist")], {"accuracy_mnist": study.study}, "smoke", False, []).studies
    assert study.waiting
    assert len({run.name for run in runs}) == len(runs) == part.runs


def test_what_each_launcher_would_do():
    day = 24 * 3600.0
    left = [Planned(f"run {n}", 1, day / 2, 1, False) for n in range(600)]
    said = {line.split()[0]: line for line in launchers(left, ["hydra.launcher.timeout_min=360"])}
    assert "300.0 days" in said["basic"]
    assert "600 jobs, 256 at a time" in said["slurm"]
    assert "600 runs are longer than timeout_min=360 and go back to the queue, up to 1 times" in said["slurm"]
    assert "4 runs at a time on each GPU" in said["ray_packed"]
    assert re.search(r"1 CPU for.*300.0 days / d", said["ray"])
    whole = ["hydra.launcher.ray.remote.num_gpus=2"]
    assert "1 CPU and 2 GPU for" in next(line for line in launchers(left, whole) if "ray_packed" in line)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["plan", "scale=smoke", "rate=fast"], "rate=fast is no rate"),
        (["plan", "scale=smoke", "rate=0"], "rate=0 is no rate"),
        (["plan", "scale=smoke", "rate=1", "benchmark=x.json"], "give one of them"),
        (["plan", "scale=smoke", "claims=3.14", "benchmark=none.json"], "none.json cannot be read"),
        (["scale=smoke", "rate=1000"], "rate=1000 would change what is reproduced"),
        (["plan"], "scale is missing"),
        (["plans", "scale=smoke"], "is not understood"),
    ],
)
def test_mistakes_are_one_line(outputs, capsys, words, line):
    assert main([*words, f"paths.outputs={outputs}"]) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1


def test_a_benchmark_without_rates_is_refused(tmp_path):
    with pytest.raises(UserError, match="has no rates of training"):
        Rate.of_benchmark(benchmark_file(tmp_path))
