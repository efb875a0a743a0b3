"""Which parameters decay, seen by what one step without a gradient does to them."""

import pytest
import torch

from experiments import build
from experiments.optimizer import begin_momentum, make_optimizer
from experiments.settings import Settings

LR, DECAY = 0.1, 0.5
SMALL_CNN = {
    f"{layer}.{part}"
    for layer in ("first", "second", "hidden")
    for part in ("layer.weight", "norm.weight", "norm.bias")
} | {"classifier.weight", "classifier.bias"}


def step_without_gradient(compose, *overrides: str) -> tuple[torch.nn.Module, dict[str, bool]]:
    """The network, and for each parameter whether it shrank; checks that it did so by the factor 1 − lr · decay."""
    plain = ("recipe.momentum=0", "recipe.nesterov=false", f"recipe.lr={LR}", f"recipe.weight_decay={DECAY}")
    config = compose(*plain, *overrides)
    model = build.model(config, build.dataset(config))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)  # so that none is zero
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = make_optimizer(model, Settings.check(config).recipe)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    shrank = {}
    for name, parameter in model.named_parameters():
        shrank[name] = not torch.equal(parameter, before[name])
        factor = 1 - LR * DECAY if shrank[name] else 1
        torch.testing.assert_close(parameter.detach(), factor * before[name], rtol=1e-6, atol=1e-7)
    return model, shrank


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("norm", ["bn", "ln", "gn"])
def test_all_parameters_decay_where_norms_and_biases_do(compose, norm, optimizer):
    overrides = (f"norm={norm}", f"recipe.optimizer={optimizer}", "recipe.decay_norm_and_bias=true")
    groups = ("norm.num_groups=2",) if norm == "gn" else ()
    _, shrank = step_without_gradient(compose, *overrides, *groups)
    assert shrank == dict.fromkeys(SMALL_CNN, True)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("norm", ["bn", "ln", "gn"])
def test_norm_parameters_and_biases_can_be_left_out(compose, norm, optimizer):
    overrides = (f"norm={norm}", f"recipe.optimizer={optimizer}", "recipe.decay_norm_and_bias=false")
    groups = ("norm.num_groups=2",) if norm == "gn" else ()
    _, shrank = step_without_gradient(compose, *overrides, *groups)
    weights = {"first.layer.weight", "second.layer.weight", "hidden.layer.weight", "classifier.weight"}
    assert {name for name, moved in shrank.items() if moved} == weights
    assert shrank.keys() == SMALL_CNN


def test_norms_are_found_though_nothing_in_their_names_says_so(compose):
    """ResNet-20 with projection shortcuts has norms in them; 19 convolutions, 2 projections, the classifier decay."""
    model, shrank = step_without_gradient(
        compose, "model=resnet20", "model.width=0.25", "model.shortcut=B", "recipe.decay_norm_and_bias=false"
    )
    axes = {name: parameter.dim() for name, parameter in model.named_parameters()}
    assert {name for name, moved in shrank.items() if moved} == {name for name in axes if axes[name] > 1}
    assert sum(shrank.values()) == 19 + 2 + 1


def test_fixups_scalars_and_the_biases_of_a_net_without_norms_can_be_left_out(compose):
    overrides = ("model=resnet20", "model.width=0.25", "model.branch=fixup", "norm=none")
    model, shrank = step_without_gradient(compose, *overrides, "recipe.decay_norm_and_bias=false")
    axes = {name: parameter.dim() for name, parameter in model.named_parameters()}
    assert {name for name, moved in shrank.items() if moved} == {name for name in axes if axes[name] > 1}
    assert sum(parameter.numel() == 1 for parameter in model.parameters()) >= 9 * 2  # Fixup's, in nine blocks
    _, shrank = step_without_gradient(compose, *overrides, "recipe.decay_norm_and_bias=true")
    assert all(shrank.values())


def test_adam_decays_by_way_of_the_gradient(compose):
    """Adam's decay joins the gradient, whose size Adam divides out: the first step is lr whatever the decay is."""
    config = compose("recipe=documents_adam", f"recipe.lr={LR}", "recipe.weight_decay=0.5")
    model = build.model(config, build.dataset(config))
    optimizer = make_optimizer(model, Settings.check(config).recipe)
    weight = next(model.parameters())
    before = weight.detach().clone()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), before - LR * before.sign(), rtol=1e-4, atol=1e-5)


def test_a_first_step_that_is_left_out_leaves_no_momentum(compose):
    """Of float16, whose scaler leaves out steps with gradients that overflowed."""
    config = compose("recipe.momentum=0.9")
    model = build.model(config, build.dataset(config))
    optimizer = make_optimizer(model, Settings.check(config).recipe)
    begin_momentum(optimizer)
    scaler = torch.amp.GradScaler("cpu")
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    scaler.scale(torch.zeros(()))
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, torch.inf)
    scaler.step(optimizer)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])
        assert not optimizer.state[parameter]["momentum_buffer"].any()
