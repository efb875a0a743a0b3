"""Checks answer otherwise when what they examine is otherwise: wrong norms, and listings put right."""

from typing import Any

import pytest
import torch
import wrong_norms
from known_answers import RIGHT
from torch import nn
from torch.nn import functional as F
from wrong_norms import over, with_x_hat

from experiments.checks.layers import BATCH_NORM, EXACT_BATCH_NORM, EXACT_LAYER_NORM, LAYER_NORM, standardized
from experiments.checks.registry import checks
from models.norms.batch_norm import BN, BatchNorm
from models.norms.layer_norm import LN

PLAIN = BN(momentum=0.1, eps=1e-5, affine=False, sync=False)
LARGE_EPS = BN(momentum=0.1, eps=0.1, affine=True, sync=False)


def one_norm_twice(norm: Any) -> nn.Module:
    shared = norm(4)
    return nn.Sequential(shared, nn.ReLU(), Twin(shared))


class Twin(BatchNorm):
    """A second layer with the parameters of another."""

    def __init__(self, other: BatchNorm) -> None:
        super().__init__(other.num_features)
        self.weight, self.bias = other.weight, other.bias


class ChannelsSecond(nn.Module):
    """Batch norm of (N, …, C) over its channels."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.norm = BATCH_NORM(num_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x.movedim(-1, 1)).movedim(1, -1)


def two_networks() -> list[nn.Module]:
    return [nn.Sequential(nn.Linear(4, 4), norm(4)) for norm in (nn.BatchNorm1d, nn.LayerNorm)]


def labels_of_the_sample(x: torch.Tensor, seed: int) -> torch.Tensor:
    return (x[:, 0] > 0).long()


# a check, what it is handed, and whether the claim holds of that
CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("normalized_values_stay_in_a_fixed_range", {"norm": with_x_hat(wrong_norms.min_max)}, True),
    ("normalized_values_have_small_variance_and_large_mean", {"norm": with_x_hat(lambda x: x / 5 + 2)}, True),
    ("epsilon_prevents_vanishing_gradients", {"normalize": lambda x, eps: (x - x.mean(0)) * (1 + eps)}, True),
    ("gamma_and_beta_follow_from_the_statistics", {"norm": wrong_norms.FromStatistics}, True),
    ("gamma_starts_random", {"norm": wrong_norms.RandomGamma}, True),
    ("normalization_is_complete_without_gamma_and_beta", {"norm": PLAIN}, True),
    ("affine_map_is_per_datum_and_positive", {"norm": wrong_norms.PerDatum}, True),
    ("output_formula_without_division_normalizes", {"formula": lambda x: standardized(x, 0, 1e-5)}, True),
    ("worked_example_of_one_value", {"norm": LARGE_EPS}, False),
    ("sigma_under_the_root_is_the_variance", {"norm": LARGE_EPS}, False),
    ("formulas_over_samples_and_over_features", {"batch_norm": LAYER_NORM}, False),
    ("formulas_over_samples_and_over_features", {"layer_norm": BATCH_NORM}, False),
    ("normalization_of_a_feature_map", {"norm": LAYER_NORM}, False),
    ("normalization_of_a_feature_map", {"norm": over(0)}, False),
    ("normalization_of_a_feature_map", {"norm": LARGE_EPS}, False),
    ("dividing_by_the_root_of_squares_gives_unit_scale", {"normalize": lambda z: z / z.square().mean(0).sqrt()}, True),
    ("mean_and_variance_over_the_batch_of_vectors", {"norm": LAYER_NORM}, False),
    ("mean_and_variance_over_the_batch_of_feature_maps", {"norm": over(0)}, True),
    ("layer_norm_takes_a_layers_output_as_a_whole", {"norm": over(0, 1, 2, 3)}, True),
    ("batch_norm_splits_the_batch", {"norm": wrong_norms.ghost(4)}, True),
    ("batch_norm_splits_the_batch", {"norm": wrong_norms.ghost(2)}, False),
    ("batch_norm_standardizes_each_sample", {"norm": LAYER_NORM}, True),
    ("layer_norm_standardizes_each_feature", {"norm": BATCH_NORM}, True),
    (
        "pairs_of_statistics_in_the_worked_case",
        {"batch_norm": wrong_norms.only_some(10), "layer_norm": BATCH_NORM},
        True,
    ),
    ("gamma_gradient_is_the_sum_with_y", {"gamma": 1.0, "beta": 0.0}, True),
    ("beta_gradient_is_the_sum", {"norm": wrong_norms.DoubleShift}, False),
    ("statistics_are_part_of_backpropagation", {"norm": with_x_hat(wrong_norms.constant_statistics)}, False),
    ("learnable_parameters_are_moving_averages", {"norm": wrong_norms.LearnedStatistics}, True),
    ("mean_and_variance_are_parameters", {"norm": wrong_norms.LearnedStatistics}, True),
    ("batch_norm_layers_share_their_parameters", {"network": one_norm_twice}, True),
    ("sharing_parameters_shrinks_the_model", {"network": lambda norm: nn.Sequential(norm(4), norm(4))}, True),
    ("batch_norm_adds_parameters", {"norm": PLAIN}, False),
    ("batch_norm_changes_with_a_features_scale_and_shift", {"norm": EXACT_LAYER_NORM}, True),
    ("batch_norm_changes_with_a_features_scale_and_shift", {"norm": BATCH_NORM}, True),  # ε
    ("batch_norm_changes_with_a_features_scale_and_shift", {"norm": with_x_hat(lambda x: x - x.mean(0))}, True),
    ("batch_norm_changes_with_a_features_scale_and_shift", {"norm": with_x_hat(lambda x: x / x.std(0))}, True),
    ("batch_norm_changes_with_a_samples_scale_and_shift", {"norm": EXACT_LAYER_NORM}, False),
    ("layer_norm_changes_with_a_samples_scale_and_shift", {"norm": EXACT_BATCH_NORM}, True),
    ("layer_norm_changes_with_a_samples_scale_and_shift", {"norm": LN(eps=1e-5, affine=True)}, True),  # ε
    ("layer_norm_changes_with_a_features_scale_and_shift", {"norm": EXACT_BATCH_NORM}, False),
    ("norms_change_with_the_scale_of_the_weights", {"batch_norm": with_x_hat(lambda x: x - x.mean(0))}, True),
    ("norms_change_with_the_scale_of_the_weights", {"layer_norm": LAYER_NORM}, True),  # ε
    ("layer_norm_must_store_statistics", {"norm": BATCH_NORM}, True),
    ("batch_norm_needs_no_stored_statistics", {"norm": LAYER_NORM}, True),
    ("one_set_of_statistics_serves_both_modes", {"listing": BATCH_NORM}, True),
    ("one_set_of_statistics_serves_both_modes", {"listing": with_x_hat(torch.zeros_like)}, False),  # nothing is left
    (
        "momentum_has_an_effect_in_the_listing",
        {"listing": lambda channels, momentum: BN(momentum=momentum, eps=1e-5, affine=True, sync=False)(channels)},
        True,
    ),
    (
        "listing_small_cnn_imports_what_it_uses",
        {"imported": {"torch": torch, "F": F}},
        True,
    ),
    ("listing_small_cnn_fits_its_images", {"features": 64 * 8 * 8}, True),
    (
        "listing_small_cnn_has_two_batch_norms",
        {"make": lambda: nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.BatchNorm1d(3))},
        True,
    ),
    ("listing_mlp_takes_the_images", {"make": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10))}, True),
    ("listing_mlp_takes_the_images", {"make": lambda: nn.Linear(28, 10)}, False),  # a score for each row of pixels
    ("listing_mlp_is_trained_with_sgd", {"optimizer": lambda parameters: torch.optim.SGD(parameters, lr=0.01)}, True),
    (
        "listing_mlp_puts_batch_norm_before_the_activation",
        {"make": lambda: nn.Sequential(nn.Linear(100, 5), nn.BatchNorm1d(5), nn.ReLU())},
        True,
    ),
    (
        "listing_relu_first_puts_batch_norm_before_the_relu",
        {"make": lambda: nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU())},
        True,
    ),
    (
        "listing_relu_first_puts_batch_norm_before_the_relu",  # nothing negative, but a bias that counts
        {"make": lambda: nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.BatchNorm2d(5), nn.ReLU())},
        False,
    ),
    (
        "listing_relu_first_defines_its_names",
        {"names": {"nn": nn, "F": F, "in_channels": 3, "out_channels": 8, "kernel_size": 3}},
        True,
    ),
    (
        "listing_relu_first_defines_its_names",
        {"names": {"nn": nn, "in_channels": 3, "out_channels": 8, "kernel_size": 3}},
        False,
    ),
    ("listing_mixed_mlp_defines_its_loader", {"names": {"train_loader": []}}, True),
    (
        "listing_mixed_mlp_has_labels_of_all_classes",
        {"labels": lambda x, seed: torch.arange(len(x)) % 10},
        True,
    ),
    ("listing_mixed_mlp_data_can_be_learned", {"labels": labels_of_the_sample}, True),
    ("listing_mixed_mlp_compares_the_norms", {"networks": two_networks}, True),
    ("listing_mixed_mlp_compares_the_norms", {"networks": lambda: two_networks()[:1]}, False),
    ("listing_moments_returns_three_results", {"moments": lambda x: (*torch.var_mean(x), torch.tensor(x.shape))}, True),
    ("listing_moments_over_the_last_axis_is_batch_norm", {"dim": (0, 1, 2)}, True),
    ("listing_moments_over_the_last_axis_is_batch_norm", {"dim": 0}, False),
    ("listing_batch_norm_of_gray_images_keeps_the_image", {"norm": ChannelsSecond}, True),
]


@pytest.mark.parametrize(("name", "handed", "holds"), CASES)
def test_the_answer_is_about_what_is_examined(name, handed, holds):
    assert checks()[name](**handed).holds is holds


def test_every_check_can_answer_otherwise():
    turned = {name for name, _, holds in CASES if holds is not (name in RIGHT)}
    assert turned == set(checks())


def test_corrected_gray_images_are_classified():
    numbers = checks()["listing_batch_norm_of_gray_images_keeps_the_image"](norm=ChannelsSecond).numbers
    assert numbers["accuracy"] == 1
    assert numbers["classes_predicted"] == 10
