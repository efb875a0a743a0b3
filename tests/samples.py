"""Samples with exactly the mean and the standard deviation that a test asks for."""

import numpy as np

from experiments.verdicts.sample import Sample


def exactly(mean, sd, n=5, name="", runs=None, diverged=0):
    """n equally spaced values; diverged runs have none."""
    places = np.arange(n) - (n - 1) / 2
    values = mean + sd * places / places.std(ddof=1) if sd else [mean] * n
    return of(*values, runs=runs, diverged=diverged, name=name)


def of(*values, runs=None, diverged=0, name="", lost=None):
    """lost: those of the diverged runs that have no value; all of them where it is not given."""
    runs = len(values) if runs is None else runs
    return Sample(tuple(map(float, values)), runs, diverged, name, diverged if lost is None else lost)
