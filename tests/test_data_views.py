"""Which part of an image is seen: a function of (seed, epoch, image), and what the recipes say of it."""

import numpy as np
import pytest
import torch
from torchvision.transforms import RandomResizedCrop

from data.decode import evaluation_view, training_view
from data.views import Box, ViewAugmentation, Views, middle, random_box, resized

USUAL = ViewAugmentation(resized_crop=(0.08, 1.0), horizontal_flip=True)


def test_a_view_is_a_function_of_seed_epoch_and_image():
    views = Views(USUAL, seed=3, epoch=2)
    seen = [views.of(index, 100, 150) for index in range(50)]
    assert seen == [Views(USUAL, seed=3, epoch=2).of(index, 100, 150) for index in range(50)]
    for other in (Views(USUAL, seed=4, epoch=2), Views(USUAL, seed=3, epoch=1)):
        assert sum(seen[index] == other.of(index, 100, 150) for index in range(50)) < 5
    assert len(set(seen)) > 45


def test_boxes_are_distributed_as_torchvision_draws_them():
    height, width = 300, 400
    found = [Views(USUAL, seed=0, epoch=0).of(index, height, width) for index in range(4000)]
    boxes = np.array([box for box, _ in found], dtype=float)
    torch.manual_seed(0)
    image = torch.zeros(3, height, width)
    theirs = np.array([RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(4000)], float)
    for ours, other in zip(numbers_of(boxes, height, width), numbers_of(theirs, height, width), strict=True):
        levels = (0.02, 0.25, 0.5, 0.75, 0.98)
        assert np.allclose(np.quantile(ours, levels), np.quantile(other, levels), atol=0.04)
    top, left, box_height, box_width = boxes.T
    assert min(top.min(), left.min()) == 0
    assert (top + box_height).max() == height
    assert (left + box_width).max() == width
    assert 0.47 < np.mean([flip for _, flip in found]) < 0.53


def numbers_of(boxes, height, width):
    """Share of the area, ln of the ratio, and where the middle is."""
    top, left, box_height, box_width = boxes.T
    yield box_height * box_width / (height * width)
    yield np.log(box_width / box_height)
    yield (top + box_height / 2) / height
    yield (left + box_width / 2) / width


def test_the_first_try_that_fits_is_taken():
    # area .5 at ratio 4/3 of 30x30 is 24.5 wide, 18.4 high, placed half-way; the try before is wider than the image
    tries = np.array([[1.0 - 1e-9, 1.0 - 1e-9, 0.0, 0.0], [0.4565217, 1.0 - 1e-9, 0.5, 0.5]])
    assert random_box(tries, 30, 30, (0.08, 1.0)) == Box(top=6, left=3, height=18, width=24)


@pytest.mark.parametrize(
    ("height", "width", "box"),
    [(10, 100, Box(0, 44, 10, 13)), (100, 10, Box(44, 0, 13, 10)), (50, 50, Box(0, 0, 50, 50))],
)
def test_the_middle_where_no_try_fits(height, width, box):
    never = np.array([[1.0 - 1e-9, ratio, 0.0, 0.0] for ratio in (0.0, 1.0 - 1e-9)])
    found = random_box(never, height, width, (1.0, 1.0))
    assert found.height == box.height
    assert found.width == box.width
    assert abs(found.top - box.top) <= 1
    assert abs(found.left - box.left) <= 1


def test_sizes_of_evaluation():
    assert resized(300, 400, 256) == (256, 341)
    assert resized(400, 300, 256) == (341, 256)
    assert resized(100, 100, 256) == (256, 256)
    assert middle(256, 341, 224, 224) == Box(16, 58, 224, 224)


def test_evaluation_sees_the_middle():
    image = torch.zeros(3, 40, 80, dtype=torch.uint8)
    image[:, :, 30:50] = 200  # the middle quarter
    seen = evaluation_view(image, 20, 40)
    assert seen.shape == (3, 20, 20)
    assert (seen == 200).all()


def test_training_sees_the_box_resized_and_turned():
    image = (torch.arange(64 * 48 * 3) % 251).to(torch.uint8).view(3, 64, 48)
    views = Views(USUAL, seed=1, epoch=0)
    flips = set()
    for index in range(6):
        box, flip = views.of(index, 64, 48)
        flips.add(flip)
        part = image[:, box.top : box.top + box.height, box.left : box.left + box.width]
        expected = torch.nn.functional.interpolate(
            part[None].float(), size=(16, 16), mode="bilinear", antialias=True
        ).round()[0]
        seen = training_view(image, views, index, 16, 20)
        assert ((seen.flip(2) if flip else seen).float() - expected).abs().max() <= 1
    assert flips == {True, False}


def test_nothing_drawn_is_what_evaluation_sees():
    image = (torch.arange(64 * 48 * 3) % 251).to(torch.uint8).view(3, 64, 48)
    assert ViewAugmentation.none().draw(0, 0, 1, torch.device("cpu")) is None
    flips_alone = ViewAugmentation(resized_crop=None, horizontal_flip=True).draw(0, 0, 1, torch.device("cpu"))
    plain = evaluation_view(image, 16, 20)
    seen = [training_view(image, flips_alone, index, 16, 20) for index in range(8)]
    assert all(torch.equal(one, plain) or torch.equal(one, plain.flip(2)) for one in seen)


@pytest.mark.parametrize("areas", [(0.0, 1.0), (0.5, 0.4), (0.1, 1.1), (0.1,)])
def test_no_range_of_areas(areas):
    with pytest.raises(ValueError, match=r"resized_crop=.* is no range of shares"):
        ViewAugmentation(resized_crop=areas, horizontal_flip=True)
