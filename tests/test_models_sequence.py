"""The LSTM against its equations in NumPy, the Transformer against PyTorch's own, and what their norms see."""

import copy

import numpy as np
import pytest
import torch
from models_from_conf import build, make_norm
from scipy.special import expit
from torch import nn
from torch.nn import functional as F

from experiments import weights
from experiments.evaluate import batch_statistics
from experiments.inference.groups import group_statistics
from models.norms.normalization import Normalization

CODES = (1, 1, 6)  # images of six codes
CLASSES = 5


def codes(count: int = 7, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(CLASSES, (count, *CODES), generator=generator).float()


def made(model: str, norm="ln", **changes) -> nn.Module:
    """In float64, with parameters and running statistics away from where they start."""
    net = build(model, norm, image_shape=CODES, num_classes=CLASSES, width=0.25, **changes).double()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        for name, buffer in net.named_buffers():
            if "running" in name:
                buffer.add_(0.5 * torch.rand(buffer.shape, generator=generator, dtype=torch.float64))
    return net


def one_hot(x: torch.Tensor) -> np.ndarray:
    return np.eye(CLASSES)[x.flatten(1).long().numpy()]  # (N, T, K)


def lstm_by_hand(net: nn.Module, x: torch.Tensor, norm) -> np.ndarray:
    """norm(path, step, z) -> z normalized, with γ and β."""
    state = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    layer = {key: state[f"layer.{key}_layer.weight"] for key in ("input", "hidden")}
    bias = {key: state.get(f"layer.{key}_layer.bias", 0.0) for key in ("input", "hidden")}
    inputs = one_hot(x)
    units = layer["hidden"].shape[1]
    h = c = np.zeros((len(inputs), units))
    for step in range(inputs.shape[1]):
        a = norm("input", step, inputs[:, step] @ layer["input"].T + bias["input"])
        b = norm("hidden", step, h @ layer["hidden"].T + bias["hidden"])
        f, i, o, g = np.split(a + b, 4, axis=1)
        c = expit(f + 1) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(norm("cell", step, c))
    return h @ state["classifier.weight"].T + state["classifier.bias"]


def affine(net: nn.Module, path: str) -> tuple[np.ndarray, np.ndarray]:
    first = getattr(net.layer, f"{path}_norm").steps[0]
    return first.weight.detach().numpy(), first.bias.detach().numpy()


def test_lstm_without_a_norm_is_its_equations():
    net, x = made("lstm", "none"), codes()
    with torch.no_grad():
        found = net(x.double()).numpy()
    np.testing.assert_allclose(found, lstm_by_hand(net, x, lambda path, step, z: z), atol=1e-10)


def test_lstm_with_ln_normalizes_each_sample_on_each_path():
    net, x = made("lstm", "ln"), codes()

    def norm(path, step, z):
        weight, bias = affine(net, path)
        z = (z - z.mean(axis=1, keepdims=True)) / np.sqrt(z.var(axis=1, keepdims=True) + 1e-5)
        return weight * z + bias

    with torch.no_grad():
        np.testing.assert_allclose(net(x.double()).numpy(), lstm_by_hand(net, x, norm), atol=1e-10)


@pytest.mark.parametrize("training", [True, False])
def test_lstm_with_bn_has_statistics_of_each_step(training):
    net, x = made("lstm", "bn").train(training), codes()
    stored = {name: tensor.numpy().copy() for name, tensor in net.state_dict().items() if "running" in name}
    seen = {}

    def norm(path, step, z):
        weight, bias = affine(net, path)
        where = f"layer.{path}_norm.steps.{step}.running"
        mean, var = (z.mean(axis=0), z.var(axis=0)) if training else (stored[f"{where}_mean"], stored[f"{where}_var"])
        seen[f"{where}_mean"] = 0.9 * stored[f"{where}_mean"] + 0.1 * z.mean(axis=0)
        return weight * (z - mean) / np.sqrt(var + 1e-5) + bias

    with torch.no_grad():
        found = net(x.double()).numpy()
    np.testing.assert_allclose(found, lstm_by_hand(net, x, norm), atol=1e-9)
    assert len(stored) == 2 * 3 * 6
    for name, mean in seen.items():
        np.testing.assert_allclose(net.state_dict()[name], mean if training else stored[name], atol=1e-10)


def test_the_steps_of_an_lstm_share_their_scales():
    net = build("lstm", "bn", image_shape=CODES, num_classes=CLASSES)
    for path in (net.layer.input_norm, net.layer.hidden_norm, net.layer.cell_norm):
        assert len({id(norm.weight) for norm in path.steps}) == 1
        assert len({id(norm.running_mean) for norm in path.steps}) == 6
    units = 128
    count = 4 * units * (CLASSES + units) + 2 * (4 * units + 4 * units + units) + CLASSES * (units + 1)
    assert sum(parameter.numel() for parameter in net.parameters()) == count
    other = copy.deepcopy(net)
    assert other.layer.cell_norm.steps[0].weight is other.layer.cell_norm.steps[5].weight
    assert other.layer.cell_norm.steps[0].weight is not net.layer.cell_norm.steps[0].weight


@pytest.mark.parametrize(("norm", "gamma", "start"), [("bn", None, 0.1), ("ln", None, 1.0), ("ln", 0.3, 0.3)])
def test_scales_start_as_the_papers_have_it(norm, gamma, start):
    net = build("lstm", norm, image_shape=CODES, num_classes=CLASSES, gamma=gamma)
    norms = [module for module in net.modules() if isinstance(module, Normalization)]
    assert len(norms) == 3 * 6
    assert all(torch.all(module.weight == start) for module in norms)


@pytest.mark.parametrize("model", ["lstm", "transformer"])
@pytest.mark.parametrize("norm", ["evonorm_s0", "frn"])
def test_norms_that_are_activations_are_norms_alone(model, norm):
    """None is followed by an activation; frn normalizes the image, and only scales and shifts the steps."""
    factory = make_norm(norm, **{"num_groups": 1} if norm == "evonorm_s0" else {})
    net = build(model, factory, image_shape=(3, 8, 8), num_classes=CLASSES, input_norm=True)
    norms = [module for module in net.modules() if isinstance(module, Normalization)]
    assert len(norms) == 1 + (3 * 8 if model == "lstm" else 5)
    assert all({name for name, _ in module.named_parameters()} == {"weight", "bias"} for module in norms)


@pytest.mark.parametrize(("norms", "paths"), [("first:1", ["input"]), ("last:2", ["hidden", "cell"]), ("none", [])])
def test_the_places_of_an_lstm_are_its_paths(norms, paths):
    net = build("lstm", "bn", image_shape=CODES, num_classes=CLASSES, norms=norms)
    kept = {name.split(".")[1] for name, module in net.named_modules() if isinstance(module, Normalization)}
    assert kept == {f"{path}_norm" for path in paths}
    assert (net.layer.input_layer.bias is None) == ("input" in paths)
    assert (net.layer.hidden_layer.bias is None) == ("hidden" in paths)


def torch_block(block: nn.Module) -> nn.TransformerEncoderLayer:
    """PyTorch's pre-norm layer with the same weights."""
    size = block.first.in_features
    theirs = nn.TransformerEncoderLayer(
        size, block.attention.heads, 4 * size, dropout=0.0, batch_first=True, norm_first=True, dtype=torch.float64
    )
    pairs = [
        (theirs.self_attn.in_proj_weight, block.attention.inward.weight),
        (theirs.self_attn.in_proj_bias, block.attention.inward.bias),
        (theirs.self_attn.out_proj.weight, block.attention.outward.weight),
        (theirs.self_attn.out_proj.bias, block.attention.outward.bias),
    ]
    for ours, name in ((block.first, "linear1"), (block.second, "linear2")):
        pairs += [(getattr(theirs, name).weight, ours.weight), (getattr(theirs, name).bias, ours.bias)]
    for ours, name in ((block.attention_norm.norm, "norm1"), (block.norm.norm, "norm2")):
        pairs += [(getattr(theirs, name).weight, ours.weight), (getattr(theirs, name).bias, ours.bias)]
    with torch.no_grad():
        for target, source in pairs:
            target.copy_(source)
    return theirs


def test_transformer_with_ln_is_pytorchs():
    net, x = made("transformer", "ln"), codes()
    mask = nn.Transformer.generate_square_subsequent_mask(6, dtype=torch.float64)
    place, t = np.arange(16), np.arange(6)[:, None]
    angle = t / 10000 ** (2 * (place // 2) / 16)
    waves = torch.from_numpy(np.where(place % 2 == 0, np.sin(angle), np.cos(angle)))
    with torch.no_grad():
        h = net.embedding(torch.from_numpy(one_hot(x))) + waves
        for block in net.blocks:
            h = torch_block(block)(h, src_mask=mask)
        h = F.layer_norm(h[:, -1], (16,), net.norm.norm.weight, net.norm.norm.bias)
        torch.testing.assert_close(net(x.double()), net.classifier(h), atol=1e-6, rtol=1e-6)  # waves in float32


def test_no_step_sees_a_later_one():
    net, x = made("transformer", "ln"), codes()
    seen = []
    net.blocks[-1].register_forward_hook(lambda module, inputs, output: seen.append(output.squeeze(3)))
    changed = x.clone()
    changed[..., 4] = (changed[..., 4] + 1) % CLASSES
    with torch.no_grad():
        logits = net(x.double()), net(changed.double())
    before, after = seen  # (N, d, T)
    torch.testing.assert_close(before[..., :4], after[..., :4], atol=0, rtol=0)
    assert not torch.allclose(before[..., 4:], after[..., 4:])
    assert not torch.allclose(*logits)


def test_bn_in_a_transformer_takes_all_samples_and_steps():
    net, x = made("transformer", "bn").train(), codes()
    seen = []
    net.blocks[0].attention_norm.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0], output)))
    with torch.no_grad():
        net(x.double())
    before, after = seen[0]  # (N, T, d)
    norm = net.blocks[0].attention_norm.norm
    expected = (before - before.mean((0, 1))) / (before.var((0, 1), correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(after, expected * norm.weight + norm.bias)


@pytest.mark.parametrize("model", ["lstm", "transformer"])
def test_groups_of_samples_have_the_statistics_of_small_batches(model):
    """As the inference modes take them: the samples of a batch are told apart in every layer."""
    net, x = made(model, "bn"), codes(6).double()
    with torch.no_grad():
        with batch_statistics(net):
            expected = torch.cat([net(part) for part in x.split(3)])
        with group_statistics(net, 3):
            torch.testing.assert_close(net(x), expected, atol=1e-4, rtol=1e-4)  # moments in float32


@pytest.mark.parametrize("model", ["lstm", "transformer"])
def test_rows_of_pictures_are_steps(model):
    net = build(model, "ln", image_shape=(3, 4, 5), num_classes=CLASSES).eval()
    x = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    steps = net.steps(x)
    assert steps.shape == (2, 4, 15)
    assert torch.equal(steps[1, 2].view(3, 5), x[1, :, 2])


@pytest.mark.parametrize("model", ["lstm", "transformer"])
def test_what_is_no_code_is_nothing(model):
    net = build(model, "ln", image_shape=CODES, num_classes=CLASSES)
    steps = net.steps(torch.tensor([0.0, 4, 1, 5, -1, 0.5]).view(1, *CODES))
    assert steps.sum(dim=2).tolist() == [[1, 1, 1, 0, 0, 0]]
    assert steps.argmax(dim=2)[0, :3].tolist() == [0, 4, 1]


def test_dropout_acts_on_what_enters_the_next_step_and_inside_the_blocks():
    for model, place in (("lstm", "layer.dropout"), ("transformer", "blocks.0.dropout")):
        net = build(model, "ln", image_shape=CODES, num_classes=CLASSES, dropout=0.5)
        assert place in {name for name, module in net.named_modules() if isinstance(module, nn.Dropout)}
        last = build(model, "ln", image_shape=CODES, num_classes=CLASSES, dropout=0.5, dropout_position="last")
        assert [n for n, m in last.named_modules() if isinstance(m, nn.Dropout)] == ["last_dropout"]
        assert not torch.equal(net(codes()), net(codes()))


def test_shared_scales_survive_a_file(tmp_path):
    net, other = (build("lstm", "bn", image_shape=CODES, num_classes=CLASSES, seed=seed) for seed in (0, 1))
    weights.write(tmp_path / "model.safetensors", net, {})
    weights.read(tmp_path / "model.safetensors", other)
    assert torch.equal(net.eval()(codes()), other.eval()(codes()))


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("lstm", {"units": 0}, "units=0 is not positive"),
        ("transformer", {"blocks": 0}, "blocks=0 is not between 1 and 1000"),
        ("transformer", {"heads": 3}, "heads=3 does not divide the 64 features"),
        ("transformer", {"heads": 0}, "heads=0 does not divide"),
        ("lstm", {"norm_position": "after"}, "norm_position=after has no meaning"),
        ("transformer", {"norm_position": "after"}, "norm_position=after has no meaning"),
        ("transformer", {"input_norm": True}, "would normalize codes"),
        ("transformer", {"norm": make_norm("in")}, "stands on a vector"),
        ("lstm", {"norm": "ws_gn"}, "GroupNorm standardizes the weights of the layer .*choose norm=gn"),
        ("transformer", {"norm": "ws_gn"}, "GroupNorm standardizes the weights of the layer"),
    ],
)
def test_impossible_settings_are_refused(model, changes, message):
    with pytest.raises(ValueError, match=message):
        build(model, **{"norm": "ln"} | changes, image_shape=CODES, num_classes=CLASSES)
