"""Parameter counts, from arithmetic written here and from the papers, and the shapes of the outputs."""

import pytest
import torch
from models_from_conf import SHALLOW, TORCHVISION, build
from torch import nn

from models.norms.normalization import Normalization


def num_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def num_norm_parameters(model: nn.Module) -> int:
    return sum(num_parameters(module) for module in model.modules() if isinstance(module, Normalization))


def convolutions_of_depth(depth: int) -> int:
    """Weights of the 3×3 convolutions of a net with n blocks at 16, 32 and 64 channels."""
    n = (depth - 2) // 6
    pairs = [(3, 16)] + [(16, 16)] * 2 * n
    for channels in (32, 64):
        pairs += [(channels // 2, channels)] + [(channels, channels)] * (2 * n - 1)
    return sum(9 * num_in * num_out for num_in, num_out in pairs)


def test_resnet20_has_the_published_number_of_parameters() -> None:
    model = build("resnet20", "bn")
    assert num_parameters(model) == 269_722
    assert num_norm_parameters(model) == 1_376
    assert num_parameters(build("resnet20", "bn", shortcut="B")) == 272_474


@pytest.mark.parametrize(
    ("depth", "expected", "millions_in_table_6"),
    [(20, 269_722, 0.27), (32, 464_154, 0.46), (44, 658_586, 0.66), (56, 853_018, 0.85), (110, 1_727_962, 1.7)],
)
@pytest.mark.parametrize("family", ["resnet", "plain"])
def test_depths_have_he_et_als_sizes(family: str, depth: int, expected: int, millions_in_table_6: float) -> None:
    n = (depth - 2) // 6
    norms = 2 * (16 * (2 * n + 1) + 32 * 2 * n + 64 * 2 * n)
    classifier = 64 * 10 + 10
    assert convolutions_of_depth(depth) + norms + classifier == expected
    model = build(f"{family}{depth}", "bn")
    assert num_parameters(model) == expected
    assert num_norm_parameters(model) == norms
    assert expected / 1e6 == pytest.approx(millions_in_table_6, rel=0.02)
    weighted = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weighted) == depth


def test_resnet20_without_a_norm_has_a_bias_per_channel() -> None:
    biases = 16 * 7 + 32 * 6 + 64 * 6
    assert num_parameters(build("resnet20", "none")) == convolutions_of_depth(20) + biases + 650 == 269_034


def test_resnet20_fixup_and_skipinit_sizes() -> None:
    scalars = 1 + 9 * 5 + 1  # stem, five a block, classifier
    assert num_parameters(build("resnet20", "none", branch="fixup")) == convolutions_of_depth(20) + 650 + scalars
    assert num_parameters(build("resnet20", "none", branch="skipinit")) == 269_034 + 9


@pytest.mark.parametrize(
    ("model", "image_shape", "expected"),
    [
        ("small_cnn", (3, 32, 32), (27 * 32 + 64) + (288 * 64 + 128) + (64 * 8 * 8 * 128 + 256) + 1290),
        ("small_cnn", (1, 28, 28), (9 * 32 + 64) + (288 * 64 + 128) + (64 * 7 * 7 * 128 + 256) + 1290),
        # norms after the activations: the layers keep their biases; two numbers for the norm on the one input channel
        (
            "small_cnn_input_norm",
            (1, 28, 28),
            2 + (9 * 32 + 32 + 64) + (288 * 64 + 64 + 128) + (64 * 5 * 5 * 128 + 128 + 256) + 1290,
        ),
        ("mlp", (1, 28, 28), (784 * 50 + 50 + 100) + 510),
        ("mlp_mixed", (2, 8, 8), (128 * 256 + 512) + (256 * 32 + 64) + 330),
        (
            "vgg11",
            (3, 32, 32),
            9 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 3 * 512 * 512)
            + 2 * (64 + 128 + 2 * 256 + 4 * 512)
            + 5130,
        ),
    ],
)
def test_other_models_have_the_sizes_of_their_layers(
    model: str, image_shape: tuple[int, int, int], expected: int
) -> None:
    assert num_parameters(build(model, "bn", image_shape=image_shape)) == expected


def test_vgg11_size_is_pinned() -> None:
    assert num_parameters(build("vgg11", "bn")) == 9_228_362


@pytest.mark.parametrize("image_shape", [(3, 32, 32), (1, 28, 28), (3, 17, 23)])
@pytest.mark.parametrize("model", SHALLOW)
def test_every_model_takes_every_image_size(model: str, image_shape: tuple[int, int, int]) -> None:
    net = build(model, "bn", image_shape=image_shape, num_classes=7)
    assert net(torch.randn(3, *image_shape)).shape == (3, 7)


@pytest.mark.parametrize("model", [name for name in SHALLOW if name not in TORCHVISION])
def test_width_multiplies_the_features(model: str) -> None:
    hidden = {
        name: (module.weight.shape[0], wide.weight.shape[0])
        for (name, module), (_, wide) in zip(
            build(model, "bn").named_modules(), build(model, "bn", width=2.0).named_modules(), strict=True
        )
        if isinstance(module, nn.Conv2d | nn.Linear)
    }
    assert hidden.pop("classifier") == (10, 10)
    assert hidden
    assert all(wide == 2 * narrow for narrow, wide in hidden.values())
