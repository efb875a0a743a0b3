"""Order and augmentation as functions of (seed, epoch), against loops in NumPy."""

import numpy as np
import pytest
import torch
from epochs import training_batches

from data.augmentation import Augmentation
from data.batches import epoch_order, evaluation_batches
from data.dataset import Split
from data.device_images import DeviceImages
from data.stored_pixels import rotated_and_scaled

CPU = torch.device("cpu")
CROP_AND_FLIP = Augmentation(crop_padding=4, horizontal_flip=True, vertical_flip=False, rotation=0.0, scaling=0.0)
EVERYTHING = Augmentation(crop_padding=2, horizontal_flip=True, vertical_flip=True, rotation=15.0, scaling=0.2)
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def split(num_images: int = 37, height: int = 9, width: int = 7, channels: int = 3) -> Split:
    generator = np.random.default_rng(11)
    images = generator.integers(256, size=(num_images, height, width, channels), dtype=np.uint8)
    return Split(images, generator.integers(10, size=num_images).astype(np.uint8))


def on_device(images: Split, scaling: str = "standardized") -> DeviceImages:
    return DeviceImages(images, CPU, mean=MEAN, std=STD, scaling=scaling)


def batches(**settings) -> list[tuple[torch.Tensor, torch.Tensor]]:
    given = {"batch_size": 5, "seed": 3, "epoch": 2, "augmentation": EVERYTHING} | settings
    return list(training_batches(on_device(split()), **given))


def test_order_is_a_permutation_and_a_function_of_seed_and_epoch():
    orders = [epoch_order(seed, epoch, 1000) for seed in (0, 1) for epoch in (0, 1)]
    for order in orders:
        assert order.dtype == torch.int64
        assert sorted(order.tolist()) == list(range(1000))
    assert len({tuple(order.tolist()) for order in orders}) == 4
    torch.manual_seed(5)
    np.random.seed(5)
    assert torch.equal(epoch_order(0, 1, 1000), orders[1])
    # Raw words of the bit generator never change between NumPy's versions, so neither may this.
    assert epoch_order(0, 0, 10).tolist() == [3, 2, 1, 8, 6, 0, 7, 4, 5, 9]


def test_batches_are_functions_of_seed_and_epoch():
    first = batches()
    for (x, y), (x2, y2) in zip(first, batches(), strict=True):
        assert torch.equal(x, x2)
        assert torch.equal(y, y2)
    assert not torch.equal(first[0][0], batches(seed=4)[0][0])
    assert not torch.equal(first[0][0], batches(epoch=3)[0][0])


@pytest.mark.parametrize("start", [0, 1, 4, 7])
def test_a_resumed_epoch_continues_with_the_same_bits(start):
    whole, tail = batches(), batches(start=start)
    assert len(whole) == 7  # of 37 images by fives; the last two are left out
    assert len(tail) == 7 - start
    for (x, y), (x2, y2) in zip(whole[start:], tail, strict=True):
        assert torch.equal(x, x2)
        assert torch.equal(y, y2)


def test_an_images_draws_do_not_depend_on_the_batch_size():
    small, large = batches(batch_size=5), batches(batch_size=35)
    torch.testing.assert_close(torch.cat([x for x, _ in small]), large[0][0], rtol=0, atol=1e-6)
    assert torch.equal(torch.cat([y for _, y in small]), large[0][1])


def test_switching_one_augmentation_on_leaves_the_other_draws():
    alone = CROP_AND_FLIP.draw(0, 0, 50, CPU)
    more = Augmentation(crop_padding=4, horizontal_flip=True, vertical_flip=True, rotation=9.0, scaling=0.1)
    together = more.draw(0, 0, 50, CPU)
    for name in ("rows", "columns", "horizontal"):
        assert torch.equal(getattr(alone, name), getattr(together, name))


def test_draws_cover_their_ranges_evenly():
    draws = Augmentation(4, True, True, 30.0, 0.25).draw(1, 2, 90_000, CPU)
    for shift in (draws.rows, draws.columns):
        counts = np.bincount(shift.numpy() + 4)
        assert len(counts) == 9
        assert np.all(abs(counts - 10_000) < 500)  # five standard deviations are 470
    for coin in (draws.horizontal, draws.vertical):
        assert abs(coin.double().mean() - 0.5) < 0.01
    assert abs(np.corrcoef(draws.rows, draws.columns)[0, 1]) < 0.02
    assert abs(np.corrcoef(draws.horizontal, draws.vertical)[0, 1]) < 0.02
    limit = np.deg2rad(30)
    assert -limit <= draws.rotation.min() < -0.999 * limit
    assert 0.999 * limit < draws.rotation.max() <= limit
    assert 0.75 <= draws.scaling.min() < 0.7505
    assert 1.2495 < draws.scaling.max() <= 1.25


@pytest.mark.parametrize(("height", "width", "padding"), [(9, 7, 4), (32, 32, 4), (5, 3, 8)])
@pytest.mark.parametrize("vertical", [False, True])
def test_crops_and_flips_against_a_loop(height, width, padding, vertical):
    images = split(64, height, width)
    augmentation = Augmentation(
        crop_padding=padding, horizontal_flip=True, vertical_flip=vertical, rotation=0.0, scaling=0.0
    )
    draws = augmentation.draw(0, 1, 64, CPU)
    indices = torch.tensor([63, 0, 5, 5, 17, 30, 31, 32])
    x, y = on_device(images).batch(indices, draws)
    for position, index in enumerate(indices.tolist()):
        standardized = (images.images[index].astype(np.float64) / 255 - MEAN) / STD
        padded = np.pad(standardized, ((padding, padding), (padding, padding), (0, 0)))  # zero is the mean colour
        top, left = padding + int(draws.rows[index]), padding + int(draws.columns[index])
        crop = padded[top : top + height, left : left + width]
        if draws.horizontal[index]:
            crop = crop[:, ::-1]
        if vertical and draws.vertical[index]:
            crop = crop[::-1]
        np.testing.assert_allclose(x[position].numpy(), crop.transpose(2, 0, 1), atol=2e-6)
        assert y[position] == images.labels[index]


def test_flip_alone_needs_no_padding():
    images = split()
    draws = Augmentation(0, True, False, 0.0, 0.0).draw(0, 0, 37, CPU)
    x, _ = on_device(images, "raw").batch(torch.arange(37), draws)
    for index in range(37):
        expected = images.images[index][:, ::-1] if draws.horizontal[index] else images.images[index]
        np.testing.assert_array_equal(x[index].numpy(), expected.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("scaling", "reference"),
    [("standardized", lambda x: (x / 255 - MEAN) / STD), ("unit", lambda x: x / 255), ("raw", lambda x: x)],
)
def test_scalings(scaling, reference):
    images = split()
    x, y = on_device(images, scaling).batch(torch.tensor([36, 1]), None)
    expected = reference(images.images[[36, 1]].astype(np.float64)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(x.numpy(), expected, rtol=1e-6, atol=1e-6)
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert y.dtype == torch.int64


def test_every_evaluation_image_comes_once_in_order():
    images = split()
    for batch_size in (1, 5, 37, 100):
        pairs = list(evaluation_batches(on_device(images, "raw"), batch_size))
        assert [len(y) for _, y in pairs[:-1]] == [batch_size] * (len(pairs) - 1)
        seen = torch.cat([x for x, _ in pairs]).permute(0, 2, 3, 1).numpy()
        np.testing.assert_array_equal(seen, images.images)
        np.testing.assert_array_equal(torch.cat([y for _, y in pairs]), images.labels)


def test_a_quarter_turn_is_numpys():
    x = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    turned = rotated_and_scaled(x, torch.full((3,), np.pi / 2), None)
    np.testing.assert_allclose(turned, np.rot90(x.numpy(), axes=(2, 3)), atol=1e-5)  # counter-clockwise
    half = rotated_and_scaled(x[..., :5], torch.full((3,), np.pi), None)
    np.testing.assert_allclose(half, x.numpy()[..., :5][..., ::-1, ::-1], atol=1e-5)


def test_no_turn_and_no_scaling_is_the_identity():
    x = torch.randn(2, 3, 5, 9)
    torch.testing.assert_close(rotated_and_scaled(x, torch.zeros(2), torch.ones(2)), x, atol=1e-5, rtol=0)


def test_a_turn_and_scaling_of_a_ramp_are_exact_inside():
    height, width, angle, factor = 13, 21, 0.3, 1.25
    down, right = np.mgrid[:height, :width] - np.array([6.0, 10.0])[:, None, None]
    x = torch.from_numpy(np.stack([right, down])[None]).float()
    out = rotated_and_scaled(x, torch.tensor([angle]), torch.tensor([factor]))[0].double().numpy()
    source_right = (np.cos(angle) * right - np.sin(angle) * down) / factor
    source_down = (np.sin(angle) * right + np.cos(angle) * down) / factor
    inside = (abs(source_right) <= 10) & (abs(source_down) <= 6)
    assert inside.sum() > 150
    np.testing.assert_allclose(out[0][inside], source_right[inside], atol=1e-4)
    np.testing.assert_allclose(out[1][inside], source_down[inside], atol=1e-4)


@pytest.mark.parametrize(
    ("key", "value"),
    [("crop_padding", -1), ("rotation", -0.1), ("rotation", 181), ("scaling", 1.0), ("scaling", -0.5)],
)
def test_impossible_augmentations_are_refused(key, value):
    settings = {"crop_padding": 0, "horizontal_flip": False, "vertical_flip": False, "rotation": 0.0, "scaling": 0.0}
    with pytest.raises(ValueError, match=f"{key}={value}"):
        Augmentation(**settings | {key: value})


@pytest.mark.parametrize("batch_size", [0, 38])
def test_batch_sizes_beyond_the_images_are_refused(batch_size):
    with pytest.raises(ValueError, match=f"batch_size={batch_size} is not between 1 and 37"):
        batches(batch_size=batch_size)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scaling": "standardised"}, "dataset.scaling=standardised is unknown"),
        ({"mean": (0.5,)}, "1 values for 3 channels"),
        ({"std": (0.2, 0.0, 0.2)}, "must be positive"),
    ],
)
def test_unfit_scalings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        DeviceImages(split(), CPU, **{"mean": MEAN, "std": STD, "scaling": "standardized"} | settings)


@pytest.mark.gpu
def test_the_gpu_sees_the_same_images_without_waiting():
    images = on_device(split())
    there = DeviceImages(split(), torch.device("cuda"), mean=MEAN, std=STD, scaling="standardized")
    given = {"batch_size": 5, "seed": 3, "epoch": 2, "augmentation": EVERYTHING}
    iterator = training_batches(there, **given)
    seen = [next(iterator)]
    torch.cuda.set_sync_debug_mode("error")
    try:
        seen += list(iterator)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for (x, y), (x2, y2) in zip(training_batches(images, **given), seen, strict=True):
        torch.testing.assert_close(x, x2.cpu(), rtol=0, atol=1e-4)
        assert torch.equal(y, y2.cpu())
