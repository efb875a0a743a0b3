"""The kinds of charts in which the measurements of a run, or of several, are shown: what is drawn, not how.

A probe lists its charts as `CHARTS`; experiments/report/drawn_charts.py draws them for one run, and for the arms of a
study with their seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What all kinds share."""

    name: str  # of its files, such as gradient_depth_slope
    title: str
    label: str  # of the axis of values, with its unit
    log: bool = False  # whether that axis is logarithmic


@dataclass(frozen=True, kw_only=True)
class Curves(Chart):
    """Numbers by step: a line each."""

    metrics: Mapping[str, str] = field(default_factory=dict)  # what the line is called, and its name in metrics.csv


@dataclass(frozen=True, kw_only=True)
class Band(Chart):
    """The range between two numbers by step, filled, with a line inside where there is one."""

    low: str  # names in metrics.csv
    high: str
    middle: str | None = None


@dataclass(frozen=True, kw_only=True)
class Profile(Chart):
    """A number of each layer by its depth, at the first and the last measurement."""

    quantity: str  # the part of the names in metrics.csv before the layer's, such as gradient_depth/log_norm


@dataclass(frozen=True, kw_only=True)
class HeatMap(Chart):
    """A number of each layer as colour, layers by steps."""

    quantity: str
    centre: float | None = None  # of a diverging scale of colours


@dataclass(frozen=True, kw_only=True)
class Spectrum(Chart):
    """A number by another, which stands in its name (`<quantity>/<x>`), at the first and the last measurement."""

    quantity: str
    x_label: str
    x_log: bool = False
