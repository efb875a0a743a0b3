"""The picture of a run's modes: accuracy, loss and divergence from M1 against the number of images in a batch."""

from typing import TYPE_CHECKING, Any

from experiments.inference.modes import CODES, Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, which the common colour blindnesses keep apart; each line differs in its marks too.
COLOURS: dict[Kind, str] = {
    "running": "#000000",
    "precise": "#0072B2",
    "batch": "#009E73",
    "sorted": "#D55E00",
    "whole": "#CC79A7",
}
STYLES: dict[Kind, str] = {"running": "-", "precise": "--", "batch": "o-", "sorted": "s-", "whole": ":"}
LABELS: dict[Kind, str] = {
    "running": "running statistics",
    "precise": "precise statistics",
    "batch": "batches, shuffled",
    "sorted": "batches, sorted by class",
    "whole": "all test images",
}
PANELS = (
    ("test accuracy (%)", "accuracy", 100.0),
    ("test loss (nats)", "loss", 1.0),
    ("KL from M1 (nats)", "kl_mean", 1.0),
)


def draw(content: dict[str, Any]) -> "Figure":
    """Of what `battery.measure` returned."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not content["running_statistics"]:
        figure = Figure(figsize=(7, 4), layout="constrained")
        _one_line(figure.subplots(), content)
    else:
        figure = Figure(figsize=(13, 4.4), layout="constrained")
        axes = figure.subplots(1, len(PANELS))
        for axis, (title, metric, factor) in zip(axes, PANELS, strict=True):
            _panel(axis, content, metric, factor)
            axis.set_ylabel(title)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle(content["run"], fontsize=11)
    FigureCanvasAgg(figure)
    return figure


def _panel(axis: "Axes", content: dict[str, Any], metric: str, factor: float) -> None:
    """M3 and M4 as lines over B, M3 with a band of one standard deviation; the other modes as horizontal lines."""
    rows = [row for row in content["modes"] if row["n"] and row["scores"][metric]["mean"] is not None]
    for kind in COLOURS:
        of_kind = [row for row in rows if row["mode"] == kind]
        if not of_kind:
            continue
        label = f"{CODES[kind]} {LABELS[kind]}"
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
        axis.set_xscale("log", base=2)
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
    else:
        axis.set_xticks([])
    axis.set_xlabel("images in a batch, B")
    axis.grid(alpha=0.3)


def _one_line(axis: "Axes", content: dict[str, Any]) -> None:
    """One accuracy for every mode and batch size."""
    accuracy = 100 * content["modes"][0]["scores"]["accuracy"]["mean"]
    checked = content["checks"]["coincide"]
    sizes = checked["batch_sizes"] or [1]
    axis.plot(sizes, [accuracy] * len(sizes), "o-", color=COLOURS["running"])
    same = "equal bits" if checked["equal_bits"] else f"max |Δlogit| = {checked['largest_difference']:.1e}, rounding"
    axis.annotate(
        f"{accuracy:.2f} % in every mode\nno running statistics: the modes coincide ({same})",
        (0.5, 0.62), xycoords="axes fraction", ha="center",
    )  # fmt: skip
    axis.set_xscale("log", base=2)
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()
    axis.set_ylim(accuracy - 5, accuracy + 5)
    axis.set_xlabel("images in a batch, B")
    axis.set_ylabel("test accuracy (%)")
    axis.grid(alpha=0.3)
