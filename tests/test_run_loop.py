"""The loop against a plain one written out here: same network, same batches, same weights after five steps."""

import math

import pytest
import torch
from epochs import training_batches

from experiments import build

STEPS = 5
LENGTH = ("epochs=null", f"steps={STEPS}", "dataset.num_train=24")  # three steps an epoch: the second one begins inside

MLP = ("model=mlp", "model.hidden=[16]")


def plain_loop(config: dict, *, rates: list[float]) -> tuple[torch.nn.Module, list[float]]:
    """SGD with momentum or Adam by their equations; returns the network and the loss of each batch."""
    recipe = config["recipe"]
    images = build.dataset(config)
    model = build.model(config, images)
    train = build.splits(config, images, torch.device("cpu"))["train"]
    parameters = list(model.parameters())
    first = [torch.zeros_like(p) for p in parameters]
    second = [torch.zeros_like(p) for p in parameters]
    losses: list[float] = []
    model.train()
    for epoch in range(math.ceil(len(rates) / 3)):
        order = {"batch_size": 8, "seed": config["seed"], "epoch": epoch, "augmentation": build.augmentation(config)}
        for x, y in training_batches(train, **order):
            if len(losses) == len(rates):
                break
            chances = torch.log_softmax(model(x), 1)
            smoothing = recipe["label_smoothing"]
            loss = -(1 - smoothing) * chances[range(8), y].mean() - smoothing * chances.mean()
            losses.append(loss.item())
            gradients = torch.autograd.grad(loss, parameters)
            if recipe["clip_norm"] is not None:
                norm = torch.sqrt(sum((g**2).sum() for g in gradients))  # type: ignore[arg-type]
                gradients = [g * min(1.0, recipe["clip_norm"] / norm.item()) for g in gradients]
            rate, t = rates[len(losses) - 1], len(losses)
            with torch.no_grad():
                for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
                    if recipe["optimizer"] == "adamw":
                        p -= rate * recipe["weight_decay"] * p
                    else:
                        g = g + recipe["weight_decay"] * p
                    if recipe["optimizer"] == "sgd":
                        m.mul_(recipe["momentum"]).add_(g)
                        p -= rate * (g + recipe["momentum"] * m if recipe["nesterov"] else m)
                    else:
                        b1, b2 = recipe["betas"]
                        m.mul_(b1).add_((1 - b1) * g)
                        v.mul_(b2).add_((1 - b2) * g**2)
                        p -= rate * (m / (1 - b1**t)) / ((v / (1 - b2**t)).sqrt() + 1e-8)
    return model, losses


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(("recipe=documents",), id="plain SGD"),
        pytest.param(("recipe.clip_norm=null", "recipe.nesterov=false", "recipe.weight_decay=0.01"), id="momentum"),
        pytest.param(("recipe.clip_norm=null", "norm=ln"), id="Nesterov"),
        pytest.param(("recipe.clip_norm=0.1", "norm=none"), id="clipped"),
        pytest.param(("recipe.clip_norm=0.1", "recipe.label_smoothing=0.2"), id="clipped and smoothed"),
        # Adam makes rounding errors of small gradients large, and max-pooling turns those into other maxima
        pytest.param(("recipe=documents_adam", *MLP), id="Adam"),
        pytest.param(
            ("recipe=documents_adam", *MLP, "recipe.weight_decay=0.1", "recipe.betas=[0.5,0.9]"), id="Adam, L2"
        ),
        pytest.param(("recipe=documents_adam", *MLP, "recipe.optimizer=adamw", "recipe.weight_decay=0.1"), id="AdamW"),
        pytest.param(("dataset.augmentation.crop_padding=2", "dataset.augmentation.horizontal_flip=true"), id="crops"),
        pytest.param(("seed=7",), id="another seed"),
    ],
)
def test_five_steps_equal_a_plain_loop(made, overrides):
    rates = ("recipe.schedule=cosine", "recipe.warmup=0.4", "recipe.lr=0.02")
    run = made(*overrides[:1], *LENGTH, *rates, *overrides[1:])
    cosine = [0.5 * (1 + math.cos(math.pi * k / 3)) for k in range(3)]
    model, losses = plain_loop(run.config, rates=[0.02 * share for share in (0.5, 1.0, *cosine)])
    assert run.checkpoint["step"] == STEPS
    reached = run.checkpoint["model"]
    atol = 1e-6 if run.config["recipe"]["optimizer"] == "sgd" else 1e-5
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(
            reached[name], tensor, rtol=1e-6, atol=atol, msg=lambda text, name=name: f"{name}: {text}"
        )
    # the running loss is the mean over the steps since the last point: three of the first epoch, two of the second
    running = [value for _, _, name, value in run.metrics if name == "running/loss"]
    assert running == pytest.approx([sum(losses[:3]) / 3, sum(losses[3:]) / 2], rel=1e-5)


def test_clipping_does_something_here(made):
    """The gradients of the test above are longer than its limit, so that it cannot pass without clipping."""
    free = made(*LENGTH, "recipe.clip_norm=null")
    clipped = made(*LENGTH, "recipe.clip_norm=0.1")
    name = "classifier.weight"
    assert not torch.allclose(free.checkpoint["model"][name], clipped.checkpoint["model"][name], atol=1e-4)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_lower_precisions_take_the_same_path_to_nearly_the_same_weights(made, precision):
    overrides = (*LENGTH, "recipe=documents", "epochs=null", f"steps={STEPS}")
    full, half = made(*overrides), made(*overrides, f"precision={precision}")
    assert half.result["status"] == "finished"
    weights = full.checkpoint["model"]["classifier.weight"], half.checkpoint["model"]["classifier.weight"]
    assert weights[1].dtype == torch.float32
    assert not torch.equal(*weights)
    torch.testing.assert_close(*weights, rtol=0, atol=2e-3)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_gradients_are_clipped_at_their_own_size_and_not_at_that_of_the_scaled_loss(made, precision):
    overrides = (*LENGTH, "recipe=documents", "epochs=null", f"steps={STEPS}", "recipe.clip_norm=0.1", "recipe.lr=0.1")
    full, half = made(*overrides), made(*overrides, f"precision={precision}")
    start = build.model(full.config, build.dataset(full.config)).state_dict()["hidden.layer.weight"]
    moved, other = (run.checkpoint["model"]["hidden.layer.weight"] - start for run in (full, half))
    assert moved.norm() > 0.001
    assert (moved - other).norm() < 0.3 * moved.norm()


def test_norms_start_from_the_same_weights_and_see_the_same_images(compose):
    """Runs that differ only in their norm are paired."""
    configs = [compose(f"norm={norm}") for norm in ("bn", "ln", "none")]
    models = [build.model(config, build.dataset(config)) for config in configs]
    for layer in ("first", "second", "hidden"):
        weights = [getattr(model, layer).layer.weight for model in models]
        assert torch.equal(weights[0], weights[1])
        assert torch.equal(weights[0], weights[2])


DIVERGENT = ("norm=none", "recipe=documents", "recipe.lr=1000000.0", "batch_size=8", "dataset.num_train=24")


@pytest.mark.parametrize("log_every", [1, 2, 50])
def test_divergence_is_a_result_and_names_the_first_bad_step(made, log_every):
    run = made(*DIVERGENT, "epochs=4", f"log_every={log_every}")
    _, losses = plain_loop(run.config, rates=[1e6] * 12)
    bad = next(step for step, loss in enumerate(losses, 1) if not loss <= run.config["divergence_loss"])
    assert 1 < bad < 12
    assert run.result["status"] == "diverged"
    assert run.result["diverged_at"] == bad
    assert bad <= run.result["steps"] <= bad + log_every
    assert run.result["steps"] < 12


def test_a_run_that_breaks_at_its_last_step_has_diverged(made):
    """The loss of the last batch was fine, the weights after it are not."""
    run = made(*DIVERGENT, "epochs=null", "steps=1", "recipe.lr=1e38")
    assert run.result["status"] == "diverged"
    assert run.result["diverged_at"] == 1
    assert run.result["final"]["test_loss"] is None
