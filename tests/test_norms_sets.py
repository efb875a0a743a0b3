"""The sets of values that each norm layer of conf/norm says it normalizes, against what it does to them."""

import pytest
import torch
from models_from_conf import make_norm, names_in, settings
from torch import nn

from models.norms.noisy_bn import NoisyBatchNorm
from models.norms.normalization import Normalization

EPS = 0.1  # large, so that unlike sets end with unlike variances and cannot be taken for one another
MAPS, VECTORS = (3, 15, 5, 7), (7, 15)  # (N, C, H, W), (N, C)
SIZES = {  # number of sets, values in each
    "bn": ((15, 105), (15, 7)),
    "bn_scratch": ((15, 105), (15, 7)),
    "gn": ((15, 105), (35, 3)),
    "in": ((45, 35), (105, 1)),
    "ln": ((3, 525), (7, 15)),
    "ln_channels": ((105, 15), (7, 15)),
    "ln_chw": ((3, 525), (7, 15)),
    "rms": ((3, 525), (7, 15)),
    "frn": ((45, 35), (105, 1)),
    "evonorm_s0": ((15, 105), (35, 3)),
    "ws_gn": ((15, 105), (35, 3)),
    "switchable": ((45, 35), (105, 1)),
    "as_written": ((15, 105), (15, 7)),
    "ghost_bn": ((15, 105), (15, 7)),  # one piece; several: tests/test_norms_ghost_bn.py
}


def layer(name: str) -> nn.Module:
    taken = settings("norm", name)[1]
    changes = {key: value for key, value in {"eps": EPS, "num_groups": 5}.items() if key in taken}
    return make_norm(name, **changes)(15).double()


NORMS = [name for name in names_in("norm") if isinstance(layer(name), Normalization)]


def values(shape: tuple[int, ...]) -> torch.Tensor:
    """Samples, channels and positions of unlike mean and size."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    for axis in range(len(shape)):
        along = [size if other == axis else 1 for other, size in enumerate(shape)]
        x = x * (0.2 + torch.rand(along, generator=generator, dtype=torch.float64))
        x = x + torch.randn(along, generator=generator, dtype=torch.float64)
    return x


@pytest.mark.parametrize("shape", [MAPS, VECTORS], ids=["maps", "vectors"])
@pytest.mark.parametrize("name", NORMS)
def test_sets_are_brought_to_mean_0_and_variance_1(name: str, shape: tuple[int, ...]) -> None:
    module, x = layer(name), values(shape)
    before, after = module.sets(x), module.sets(module(x))
    assert before.flatten().sort().values.equal(x.flatten().sort().values)  # each value once
    if before.shape[1] == 1 or not module.standardizes or isinstance(module, NoisyBatchNorm):
        return
    variance = before.var(1, correction=0)
    torch.testing.assert_close(after.mean(1), torch.zeros_like(variance), rtol=0, atol=1e-12)
    torch.testing.assert_close(after.var(1, correction=0), variance / (variance + EPS), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "sizes"), SIZES.items())
def test_number_of_sets_and_of_their_values(name: str, sizes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    module = layer(name)
    for shape, expected in zip((MAPS, VECTORS), sizes, strict=True):
        assert module.sets(torch.zeros(shape)).shape == expected
        if len(shape) == 4:
            laid_out = torch.zeros(shape).contiguous(memory_format=torch.channels_last)
            assert module.sets(laid_out).shape == expected


def test_instance_norm_leaves_the_single_values_of_vectors() -> None:
    module, x = layer("in"), values(VECTORS)
    assert module.sets(module(x)).equal(module.sets(x))


def test_a_norm_that_does_not_say_so_is_named() -> None:
    class Unsaid(Normalization):
        pass

    with pytest.raises(TypeError, match=r"Unsaid.*sets"):
        Unsaid()
