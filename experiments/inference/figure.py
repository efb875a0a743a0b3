"""The picture of a run's modes: accuracy, loss and divergence from M1 against the number of images in a batch."""

from typing import TYPE_CHECKING, Any

from experiments.inference.modes import CODES, WORDS, Kind
from experiments.report.axes import batch_size_axis
from experiments.report.figures import BLACK, BLUE, GREEN, PURPLE, VERMILION, Drawing, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Each line differs in its marks too.
COLOURS: dict[Kind, str] = {
    "running": BLACK,
    "precise": BLUE,
    "batch": GREEN,
    "sorted": VERMILION,
    "whole": PURPLE,
}
STYLES: dict[Kind, str] = {"running": "-", "precise": "--", "batch": "o-", "sorted": "s-", "whole": ":"}
PANELS = (
    ("test accuracy (%)", "accuracy", 100.0),
    ("test loss (nats)", "loss", 1.0),
    ("KL from M1 (nats)", "kl_mean", 1.0),
)


def picture(content: dict[str, Any]) -> Drawing:
    """Of what `battery.measure` returned."""
    if not content["running_statistics"]:
        alt = "One accuracy for every mode and batch size."
        return draw("modes", content["run"], alt, lambda figure: _one_line(figure, content), width=6, height=3.4)
    alt = (
        "Test accuracy, test loss and divergence from M1 over the batch size, in each mode. modes.json has the numbers."
    )
    return draw("modes", content["run"], alt, lambda figure: _panels(figure, content), width=11, height=3.8)


def _panels(figure: "Figure", content: dict[str, Any]) -> None:
    axes = figure.subplots(1, len(PANELS))
    for axis, (title, metric, factor) in zip(axes, PANELS, strict=True):
        _panel(axis, content, metric, factor)
        axis.set_ylabel(title)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    figure.suptitle(content["run"])


def _panel(axis: "Axes", content: dict[str, Any], metric: str, factor: float) -> None:
    """M3 and M4 as lines over B, M3 with a band of one standard deviation; the other modes as horizontal lines."""
    rows = [row for row in content["modes"] if row["n"] and row["scores"][metric]["mean"] is not None]
    for kind in COLOURS:
        of_kind = [row for row in rows if row["mode"] == kind]
        if not of_kind:
            continue
        label = f"{CODES[kind]} {WORDS[kind]}"
        means = [factor * row["scores"][metric]["mean"] for row in of_kind]
        if kind not in ("batch", "sorted"):
            axis.axhline(means[0], color=COLOURS[kind], linestyle=STYLES[kind], linewidth=1.6, label=label)
            continue
        sizes = [row["batch_size"] for row in of_kind]
        axis.plot(sizes, means, STYLES[kind], color=COLOURS[kind], markersize=5, label=label)
        spreads = [factor * (row["scores"][metric]["sd"] or 0) for row in of_kind]
        low = [mean - spread for mean, spread in zip(means, spreads, strict=True)]
        high = [mean + spread for mean, spread in zip(means, spreads, strict=True)]
        axis.fill_between(sizes, low, high, color=COLOURS[kind], alpha=0.25, linewidth=0)
    sizes = sorted({row["batch_size"] for row in rows if row["mode"] in ("batch", "sorted")})
    if sizes:
        batch_size_axis(axis, sizes)
    else:
        axis.set_xticks([])


def _one_line(figure: "Figure", content: dict[str, Any]) -> None:
    """One accuracy for every mode and batch size."""
    axis = figure.subplots()
    accuracy = 100 * content["modes"][0]["scores"]["accuracy"]["mean"]
    checked = content["checks"]["coincide"]
    sizes = checked["batch_sizes"] or [1]
    axis.plot(sizes, [accuracy] * len(sizes), "o-", color=COLOURS["running"])
    same = "equal bits" if checked["equal_bits"] else f"max |Δlogit| = {checked['largest_difference']:.1e}, rounding"
    axis.annotate(
        f"{accuracy:.2f} % in every mode\nno running statistics: the modes coincide ({same})",
        (0.5, 0.62), xycoords="axes fraction", ha="center",
    )  # fmt: skip
    batch_size_axis(axis, sizes)
    axis.set_ylim(accuracy - 5, accuracy + 5)
    axis.set_ylabel("test accuracy (%)")
    axis.set_title(content["run"])
