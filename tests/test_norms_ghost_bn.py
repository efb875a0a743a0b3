"""Ghost batch normalization as batch normalization of one piece after the other."""

import numpy as np
import pytest
import torch
from models_from_conf import build, make_norm
from norms_by_hand import affine, batch, channel_moments, close, normalized, stir
from test_evaluate import images
from torch import nn

from experiments.evaluate import batch_statistics, predict
from experiments.inference.modes import Mode, predict_mode
from models.norms.ghost_bn import piece_sizes

CASES = [
    (9, 4, [4, 5]),
    (8, 4, [4, 4]),
    (11, 4, [4, 4, 3]),
    (5, 4, [5]),
    (3, 4, [3]),
    (7, 2, [2, 2, 3]),
    (10, 3, [3, 3, 4]),
]
FEATURES = [(), (2, 3)]  # positions


@pytest.mark.parametrize(("num_images", "size", "sizes"), CASES)
def test_pieces(num_images, size, sizes):
    assert piece_sizes(num_images, size) == sizes


@pytest.mark.parametrize("positions", FEATURES, ids=["vectors", "maps"])
@pytest.mark.parametrize("momentum", [0.1, 0.6, 1.0, None])
@pytest.mark.parametrize(("num_images", "size", "sizes"), CASES)
def test_two_steps_and_evaluation(num_images, size, sizes, momentum, positions):
    module = stir(make_norm("ghost_bn", size=size, momentum=momentum)(6).double())
    mean, var, pieces = np.zeros(6), np.ones(6), 0
    for step in range(2):
        x = batch((num_images, 6, *positions), step)
        expected = []
        for piece in np.split(x.numpy(), np.cumsum(sizes)[:-1]):
            piece_mean, piece_var, unbiased = channel_moments(piece)
            expected.append(affine(module, normalized(piece, piece_mean, piece_var)))
            pieces += 1
            weight = 1 / pieces if momentum is None else momentum
            mean, var = mean + weight * (piece_mean - mean), var + weight * (unbiased - var)
        close(module(x), np.concatenate(expected))
        close(module.running_mean, mean)
        close(module.running_var, var)
        assert module.num_batches_tracked == pieces
    other = batch((4, 6, *positions), 9)
    close(module.eval()(other), affine(module, normalized(other.numpy(), mean, var)))
    assert module.num_batches_tracked == pieces


@pytest.mark.parametrize("positions", FEATURES, ids=["vectors", "maps"])
def test_a_batch_of_one_piece_is_batch_normalization(positions):
    ghost, bn = make_norm("ghost_bn", size=8)(6).double(), make_norm("bn")(6).double()
    x = batch((8, 6, *positions))
    torch.testing.assert_close(ghost(x), bn(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(ghost.running_var, bn.running_var, rtol=0, atol=1e-12)


def test_an_image_sees_its_own_piece_alone():
    module, x = make_norm("ghost_bn", size=2)(6).double(), batch((6, 6, 2, 3))
    changed = x.clone()
    changed[4] += batch((6, 2, 3), 5)
    unlike = (module(x) != module(changed)).flatten(1).any(1)
    assert unlike.tolist() == [False, False, False, False, True, True]


@pytest.mark.parametrize("positions", FEATURES, ids=["vectors", "maps"])
def test_sets_are_the_channels_of_each_piece(positions):
    module, x = make_norm("ghost_bn", size=3, eps=0.1)(6).double(), batch((9, 6, *positions))
    before, after = module.sets(x), module.sets(module(x))
    assert len(before) == 3 * 6
    variance = before.var(1, correction=0)
    torch.testing.assert_close(after.mean(1), torch.zeros(18).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(after.var(1, correction=0), variance / (variance + 0.1), rtol=0, atol=1e-12)
    assert module.sets(x[:8]).shape[0] == 6  # pieces of 3, 3 and 2: channels over the whole batch


@pytest.mark.parametrize("size", [1, 0, -3])
def test_pieces_of_single_images_are_refused(size):
    with pytest.raises(ValueError, match=rf"^norm.size={size} leaves pieces without a second image"):
        make_norm("ghost_bn", size=size)


def test_evaluation_on_batch_statistics_normalizes_in_pieces():
    """M3 of 8 images in pieces of 4 is M3 of 4 images of plain batch norm, whatever the physical batch."""
    ghost, bn = (build("small_cnn", norm, image_shape=(3, 6, 6), num_classes=5) for norm in ghost_of(4))
    shown = images(16)
    order = torch.arange(16)
    with batch_statistics(ghost):
        found = predict(ghost, [shown.batch(order, None)], "float32").logits
    with batch_statistics(bn):
        expected = predict(bn, [shown.batch(part, None) for part in order.split(4)], "float32").logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    told: list[int] = []
    one, other = (
        predict_mode(net, shown, Mode("batch", size), 0, "float32", told.append) for net, size in ((ghost, 8), (bn, 4))
    )
    torch.testing.assert_close(one.logits, other.logits, rtol=1e-4, atol=1e-4)


def ghost_of(size: int) -> tuple[nn.Module, nn.Module]:
    return make_norm("ghost_bn", size=size), make_norm("bn")
