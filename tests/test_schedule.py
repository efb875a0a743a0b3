"""Learning rates at given steps, and the lengths of runs."""

import math
from types import SimpleNamespace

import pytest

from experiments.loop import Length
from experiments.schedule import learning_rate
from experiments.settings import Settings


def rate(step: int, total: int, **changes) -> float:
    recipe = {"lr": 0.4, "schedule": "constant", "warmup": 0.0, "milestones": [], "factor": 0.1} | changes
    return learning_rate(SimpleNamespace(**recipe), step, total)  # type: ignore[arg-type]


def close(value: float):
    return pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.1), (31_999, 0.1), (32_000, 0.01), (47_999, 0.01), (48_000, 0.001), (63_999, 0.001)],
)
def test_he2015_divides_the_rate_at_32k_and_48k(compose, step, expected):
    settings = Settings.check(compose("recipe=he2015", "epochs=null", "batch_size=128"))
    length = Length.of(settings, 50_000)
    assert length.total_steps == 64_000
    assert learning_rate(settings.recipe, step, length.total_steps) == close(expected)


def test_constant_is_constant():
    assert {rate(step, 7) for step in range(7)} == {0.4}


def test_cosine_is_half_way_down_in_the_middle():
    assert rate(0, 10, schedule="cosine") == 0.4
    assert rate(5, 10, schedule="cosine") == close(0.2)
    assert rate(9, 10, schedule="cosine") == close(0.2 * (1 + math.cos(0.9 * math.pi)))
    # after a warm-up the half period spans the other steps
    assert rate(20, 100, schedule="cosine", warmup=0.2) == 0.4
    assert rate(60, 100, schedule="cosine", warmup=0.2) == close(0.2)
    assert rate(80, 100, schedule="cosine", warmup=0.2) == close(0.2 * (1 - math.sqrt(0.5)))


def test_one_cycle_is_a_triangle():
    cycle = [rate(step, 100, schedule="one_cycle", warmup=0.2) for step in range(100)]
    assert cycle[0] == close(0.02)
    assert cycle[9] == close(0.2)
    assert cycle[19] == cycle[20] == 0.4
    assert cycle[60] == close(0.2)
    assert cycle[99] == close(0.005)
    assert min(cycle) > 0


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "one_cycle"])
def test_warm_up_rises_linearly_to_the_rate_whatever_follows(schedule):
    rates = [rate(step, 50, schedule=schedule, warmup=0.1) for step in range(6)]
    assert rates == [close(0.08), close(0.16), close(0.24), close(0.32), close(0.4), close(0.4)]


def test_step_multiplies_at_each_milestone_and_counts_them_from_the_start_of_training():
    steps = {"schedule": "step", "milestones": [0.3, 0.6, 0.9], "factor": 0.5, "warmup": 0.1}
    assert [rate(step, 10, **steps) for step in range(10)] == [
        close(value) for value in (0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.05)
    ]


@pytest.mark.parametrize(("share", "step"), [(0.07, 7), (0.14, 14), (0.28, 28), (0.29, 29), (0.55, 55), (0.57, 57)])
def test_a_milestone_is_a_whole_step_though_its_share_is_no_binary_fraction(share, step):
    """0.07 · 100 is 7.000000000000001 in floating point, and 0.29 · 100 is 28.999999999999996."""
    steps = {"schedule": "step", "milestones": [share]}
    assert rate(step - 1, 100, **steps) == close(0.4)
    assert rate(step, 100, **steps) == close(0.04)


@pytest.mark.parametrize(
    ("overrides", "images", "steps_per_epoch", "total", "epochs"),
    [
        (("recipe=fast", "epochs=16", "batch_size=128"), 50_000, 390, 6_240, 16),
        (("recipe=documents", "epochs=10", "batch_size=64"), 50_000, 781, 7_810, 10),
        (("recipe=documents_adam", "epochs=10", "batch_size=128"), 60_000, 468, 4_680, 10),
        (("recipe=he2015", "epochs=null", "batch_size=128"), 50_000, 390, 64_000, 165),
        (("recipe=he2015", "epochs=4", "batch_size=128"), 50_000, 390, 1_560, 4),  # epochs win over steps
        (("epochs=null", "steps=5"), 67, 8, 5, 1),
        (("epochs=null", "steps=17"), 67, 8, 17, 3),
        (("epochs=3", "batch_size=67"), 67, 1, 3, 3),
    ],
)
def test_length(compose, overrides, images, steps_per_epoch, total, epochs):
    length = Length.of(Settings.check(compose(*overrides)), images)
    assert (length.steps_per_epoch, length.total_steps, length.epochs) == (steps_per_epoch, total, epochs)


def test_recipes_say_how_long_and_how_many_at_once(compose):
    """The recipes' own lengths stand at the top, where a command changes them."""
    unset = ("epochs=${recipe.epochs}", "steps=${recipe.steps}", "batch_size=${recipe.batch_size}")
    for recipe, expected in {"he2015": (None, 64_000, 128), "documents": (10, None, 64)}.items():
        config = compose(f"recipe={recipe}", *unset)
        assert (config["epochs"], config["steps"], config["batch_size"]) == expected
