"""What was measured, in plain text."""

from collections.abc import Sequence
from typing import Any

from experiments.benchmark import deterministic, image_files, operators
from experiments.benchmark.numbers import RATIOS


def text(content: dict[str, Any]) -> str:
    """All parts but `programs`, whose table is its own."""
    parts = [_hardware(content)]
    if content.get("machine"):
        parts.append(_machine(content["machine"]))
    if training := content.get("training"):
        parts += [*_training(training["cases"]), *_left_out(training)]
    if content.get("operators"):
        parts.append("\n".join(operators.lines(content["operators"])))
    if content.get("growth"):
        parts.append(_growth(content["growth"]))
    if content.get("deterministic"):
        parts.append("\n".join(deterministic.lines(content["deterministic"])))
    if content.get("images"):
        parts.append("\n".join(image_files.lines(content["images"])))
    parts.append("seconds: " + ", ".join(f"{part} {seconds:.0f}" for part, seconds in content["seconds"].items()))
    return "\n\n".join(parts)


def _hardware(content: dict[str, Any]) -> str:
    hardware = content["hardware"]
    commit = f"{(content['commit'] or 'unknown')[:10]}{'' if content['clean'] else ' and changes'}"
    return (
        f"{hardware['device_name']}, {hardware['cores']} cores, {hardware['memory_bytes'] / 2**30:.0f} GiB; "
        f"torch {hardware['packages']['torch']}, {content['settings']['precision']}; commit {commit}"
    )


def _machine(machine: dict[str, Any]) -> str:
    rates = machine["rates"]
    products = ", ".join(f"{name} {rates[name]['median'] / 1e9:,.0f} GFLOP/s" for name in rates if name != "copy")
    return f"matrix products: {products}; copies: {rates['copy']['median'] / 1e9:.1f} GB/s"


def _training(cases: dict[str, Any]) -> list[str]:
    """Rates, ratios, and what prediction and memory come to."""
    if not cases:
        return []
    rate_names = ("usual", "normlab", "bare_eager", "bare_compiled", "limit", "usual_alike", "normlab_epoch")
    rates = [[name, *(_count(case["rates"].get(key)) for key in rate_names)] for name, case in cases.items()]
    heads = ("usual", "normlab", "bare eager", "compiled", "limit", "usual, epoch", "normlab, epoch")
    ratios = [
        [
            name,
            *(_times(case["ratios"].get(key), case["aims"].get(key)) for key in RATIOS),
            _percent(case["evaluation_share"]),
        ]
        for name, case in cases.items()
    ]
    forms = ("eager", "compiled", "folded")
    others = [
        [
            name,
            *(_count(case["rates"].get(f"evaluation_{form}")) for form in forms),
            f"{case['peak_bytes']['normlab'] / 2**20:,.0f}",
            f"{case['facts']['bare']['flops_per_image']['training'] / 1e6:,.1f}" if "bare" in case["facts"] else "",
        ]
        for name, case in cases.items()
    ]
    return [
        "images/s of training (epoch: with the same evaluations), medians over rounds\n" + columns(["", *heads], rates),
        "normlab's rate over the others' (smallest to largest of a round; behind a sign what is aimed at)\n"
        + columns(["", *RATIOS, "evaluation"], ratios),
        "images/s of prediction; normlab's peak memory; operations a training image\n"
        + columns(["", *forms, "MiB", "MFLOP"], others),
    ]


def _left_out(training: dict[str, Any]) -> list[str]:
    lines = [f"{name}: {reason}" for name, reason in training["skipped"].items()]
    lines += [
        f"{name}, {what}: {reason}"
        for name, case in training["cases"].items()
        for what, reason in case["left_out"].items()
    ]
    return ["left out\n" + "\n".join(f"  {line}" for line in lines)] if lines else []


def _growth(growth: dict[str, Any]) -> str:
    rows = [
        [
            f"{series} {size}",
            f"{1e3 * point['training_seconds_per_image']['median']:.3g}",
            f"{1e3 * point['epoch_seconds_per_image']['median']:.3g}",
        ]
        for series, points in growth.items()
        for size, point in points.items()
    ]
    return "ms an image of normlab\n" + columns(["", "training", "epoch"], rows)


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells under their heads, the first column to the left and the others to the right."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    return "\n".join(
        "  " + "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in lines
    )


def _count(rate: dict[str, float] | None) -> str:
    if rate is None:
        return "–"
    return f"{rate['median']:,.0f}" if rate["median"] >= 100 else f"{rate['median']:.3g}"


def _times(found: dict[str, float] | None, aim: float | None) -> str:
    if found is None:
        return "–"
    sign = "" if aim is None else f" {'≥' if found['median'] >= aim else '<'} {aim:g}"
    return f"{found['median']:.2f} ({found['min']:.2f}–{found['max']:.2f}){sign}"


def _percent(found: dict[str, float]) -> str:
    return f"{found['median']:.0%}"
