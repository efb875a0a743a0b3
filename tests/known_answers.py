"""Which checks find that the documents are right; all others find that they are wrong."""

RIGHT = {
    "worked_example_of_one_value",
    "sigma_under_the_root_is_the_variance",
    "formulas_over_samples_and_over_features",
    "normalization_of_a_feature_map",
    "mean_and_variance_over_the_batch_of_vectors",
    "batch_norm_adds_parameters",
    "beta_gradient_is_the_sum",
    "statistics_are_part_of_backpropagation",
    "batch_norm_changes_with_a_samples_scale_and_shift",
    "layer_norm_changes_with_a_features_scale_and_shift",
}
