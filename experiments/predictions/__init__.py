"""Numbers from predictions: calibration, divergence between two predictive distributions, agreement."""
