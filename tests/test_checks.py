"""Every check runs and answers as known; its key numbers are computed here once more."""

import math

import pytest
import torch
from known_answers import RIGHT
from models_from_conf import make_norm

from experiments.checks.evidence import Evidence
from experiments.checks.formulas import output_formula_without_division_normalizes
from experiments.checks.gradients import gamma_gradient_is_the_sum_with_y
from experiments.checks.layers import BATCH_NORM, LAYER_NORM
from experiments.checks.listings_gray_images import MNIST_TEST, MNIST_TRAIN
from experiments.checks.made_up_numbers import normal
from experiments.checks.registry import checks, checks_of

# what each rests on, computed by hand: (check, number, value)
NUMBERS = [
    ("normalized_values_stay_in_a_fixed_range", "largest_of_2", 1.0),
    ("normalized_values_stay_in_a_fixed_range", "largest_of_512", math.sqrt(511)),
    ("worked_example_of_one_value", "x_hat", 0.5 / math.sqrt(0.2001)),
    ("worked_example_of_one_value", "y_of_the_layer", 1 / math.sqrt(0.2001) + 0.1),
    ("gamma_and_beta_follow_from_the_statistics", "largest_gamma_of_the_formula", math.sqrt(0.5)),
    ("dividing_by_the_root_of_squares_gives_unit_scale", "scale_of_64", 1 / 8),
    ("affine_map_is_per_datum_and_positive", "gamma_learned", -1.0),
    ("affine_map_is_per_datum_and_positive", "pairs", 5),
    ("normalization_is_complete_without_gamma_and_beta", "parameters", 16),
    ("pairs_of_statistics_in_the_worked_case", "pairs_of_batch_norm", 128),
    ("pairs_of_statistics_in_the_worked_case", "pairs_of_layer_norm", 100),
    ("epsilon_prevents_vanishing_gradients", "not_finite_without_eps", 1024),
    ("epsilon_prevents_vanishing_gradients", "not_finite_with_eps", 0),
    ("sharing_parameters_shrinks_the_model", "gamma_and_beta", 2 * (7 * 16 + 6 * 32 + 6 * 64)),
    ("sharing_parameters_shrinks_the_model", "parameters", 269_722),  # He et al. 2015: 0.27 M
    ("sharing_parameters_shrinks_the_model", "share_saved", (1376 - 2 * 64) / 269_722),
    ("batch_norm_adds_parameters", "share_added", 1376 / 268_346),
    ("batch_norm_adds_parameters", "parameters_without_a_norm", 269_722 - 688),
    ("batch_norm_adds_parameters", "stored", 1376 + 19),
    ("batch_norm_layers_share_their_parameters", "different_gammas", 19),
    ("batch_norm_needs_no_stored_statistics", "stored", 2 * 16 + 1),
    ("norms_change_with_the_scale_of_the_weights", "gradient_ratio_with_batch_norm", 0.1),
    ("norms_change_with_the_scale_of_the_weights", "gradient_ratio_with_layer_norm", 0.1),
    ("one_set_of_statistics_serves_both_modes", "different_outputs_alone", 1),
    ("one_set_of_statistics_serves_both_modes", "largest_change_with_running_statistics", 0.0),
    ("listing_small_cnn_fits_its_images", "rows", 64 * (64 * 8 * 8) / (64 * 16 * 16)),
    ("listing_small_cnn_fits_its_images", "rows_with_64x8x8", 64),
    ("listing_small_cnn_has_two_batch_norms", "batch_norms", 3),
    ("listing_moments_over_the_last_axis_is_batch_norm", "pairs", 8 * 14 * 14),
    ("listing_batch_norm_of_gray_images_keeps_the_image", "class_predicted", 1),
    ("listing_batch_norm_of_gray_images_keeps_the_image", "share_of_that_digit_in_mnist", 0.1135),
    ("listing_mixed_mlp_has_labels_of_all_classes", "largest_label", 8),
    ("listing_relu_first_defines_its_names", "missing", 4),
]


@pytest.fixture(scope="module")
def found() -> dict[str, Evidence]:
    return {name: check() for name, check in checks().items()}


def test_each_answers_as_known(found):
    assert {name for name, evidence in found.items() if evidence.holds} == RIGHT
    assert len(found) == 52


def test_each_names_its_claim_and_what_decides():
    for name, check in checks().items():
        assert check.__doc__ is not None
        assert check.__doc__.startswith(("Claim ", "Claims ")), name
        assert "Held if" in check.__doc__, name


@pytest.mark.parametrize(("name", "number", "value"), NUMBERS)
def test_numbers(found, name, number, value):
    assert found[name].numbers[number] == pytest.approx(value, rel=1e-6, abs=1e-12)


def test_exceptions_are_told(found):
    for name, words in {
        "listing_small_cnn_imports_what_it_uses": "NameError: name 'F' is not defined",
        "listing_small_cnn_fits_its_images": "make 16 rows for 64 labels (ValueError",
        "listing_mixed_mlp_defines_its_loader": "NameError: name 'train_loader' is not defined",
        "listing_moments_returns_three_results": "ValueError: not enough values to unpack (expected 3, got 2)",
        "listing_mlp_takes_the_images": "3584x28 and 100x50",  # 128 · 28 rows of 28 pixels
    }.items():
        assert words in found[name].sentence


def test_the_mean_compounds_as_the_recursion_says():
    variance, mean = (moment.tolist() for moment in torch.var_mean(1 + normal(256, 16), dim=0, correction=0))
    for _ in range(10):
        divisors = [math.sqrt(2 * v + 1e-5) for v in variance]
        mean = [m / d for m, d in zip(mean, divisors, strict=True)]
        variance = [v * (math.sqrt(v) / d) ** 2 for v, d in zip(variance, divisors, strict=True)]
    deep = output_formula_without_division_normalizes().numbers["largest_mean_after_10"]
    assert deep > 1e5
    assert deep == pytest.approx(max(map(abs, mean)), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 3.0])
def test_with_the_normalized_value_the_gradient_is_gamma_times_too_large(gamma):
    numbers = gamma_gradient_is_the_sum_with_y(gamma=gamma).numbers
    assert numbers["error_as_normalized"] == pytest.approx(abs(gamma - 1), rel=1e-6)
    assert numbers["error_with_x_hat"] < 1e-7


def test_the_usual_eps_is_not_exact(found):
    for name in (
        "batch_norm_changes_with_a_features_scale_and_shift",
        "layer_norm_changes_with_a_samples_scale_and_shift",
    ):
        numbers = found[name].numbers
        assert numbers["largest_change"] < 1e-12
        assert 1e-7 < numbers["largest_change_with_usual_eps"] < 1e-2


def test_gray_images_all_get_the_same_scores(found):
    numbers = found["listing_batch_norm_of_gray_images_keeps_the_image"].numbers
    assert numbers["largest_difference_of_scores"] < 1e-5
    assert numbers["classes_predicted"] == 1
    assert numbers["accuracy"] == pytest.approx(0.1)


def test_published_counts_of_mnist():
    assert sum(MNIST_TRAIN) == 60_000
    assert sum(MNIST_TEST) == 10_000
    assert MNIST_TRAIN.index(max(MNIST_TRAIN)) == 1


def test_noise_is_memorized_and_not_learned(found):
    numbers = found["listing_mixed_mlp_data_can_be_learned"].numbers
    assert numbers["accuracy_seen"] > 0.8
    assert abs(numbers["accuracy_new"] - 1 / 9) < 4 * math.sqrt(1 / 9 * 8 / 9 / 10_000)


def test_the_norms_examined_have_the_settings_of_conf():
    assert make_norm("bn") == BATCH_NORM
    assert make_norm("ln") == LAYER_NORM


def test_global_random_numbers_stay_as_they_were(found):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    for name in ("listing_small_cnn_has_two_batch_norms", "batch_norm_adds_parameters", "gamma_starts_random"):
        checks()[name]()
    assert torch.equal(torch.get_rng_state(), state)


def test_evidence_is_finite_and_a_sentence():
    with pytest.raises(ValueError, match="slope of a check is inf"):
        Evidence(True, "It is so.", {"slope": math.inf})
    with pytest.raises(ValueError, match="full stop"):
        Evidence(True, "It is so", {})


def test_helpers_are_no_checks():
    from experiments.checks import layer_order, layers, made_up_numbers, parameters

    assert checks_of(layers) == checks_of(made_up_numbers) == checks_of(layer_order) == {}
    assert "batch_norm_adds_parameters" in checks_of(parameters)
    assert "Evidence" not in checks_of(parameters)
