"""Samples with exactly the mean and the standard deviation that a test asks for."""

import numpy as np

from experiments.verdicts.sample import Sample


def exactly(mean, sd, n=5, name="", runs=None, diverged=0):
    """n equally spaced values."""
    places = np.arange(n) - (n - 1) / 2
    values = mean + sd * places / places.std(ddof=1) if sd else [mean] * n
    return Sample(tuple(map(float, values)), n if runs is None else runs, diverged, name)


def of(*values, runs=None, diverged=0, name=""):
    return Sample(tuple(map(float, values)), len(values) if runs is None else runs, diverged, name)
