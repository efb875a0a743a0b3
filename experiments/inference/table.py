"""The measurements of `battery.measure` as people read them."""

from typing import Any

from experiments.inference.modes import CODES, words_of

COLUMNS = (
    ("accuracy %", "accuracy", 100, 2),
    ("loss", "loss", 1, 4),
    ("ECE %", "ece", 100, 2),
    ("KL to M1", "kl_mean", 1, 4),
    ("churn to M1 %", "churn", 100, 2),
)
LAYERS = 3  # shown; all are in modes.json


def page(content: dict[str, Any]) -> str:
    """A sentence, the table of modes, the gaps, the layers farthest off, and the checks."""
    parts = [sentence(content), modes(content), _gaps(content), _layers(content), _checks(content)]
    return "\n\n".join(part for part in parts if part)


def sentence(content: dict[str, Any]) -> str:
    """What was found, in plain English."""
    rows, images = content["modes"], f"{content['images']['test']:,} test images"
    if not content["running_statistics"]:
        right = _value(rows[0]["scores"]["accuracy"], 100, 2)
        return (
            f"{content['run']} has no running statistics: it predicts each image alone, so training and evaluation "
            f"mode are one. It is right on {right} % of {images} in every mode."
        )
    right = _value(rows[0]["scores"]["accuracy"], 100, 2)
    said = [f"{content['run']} is right on {right} % of {images} with its running statistics (evaluation mode, M1)"]
    for kind, words in (("precise", "precise ones (M2)"), ("batch", "those of shuffled test batches of {} (M3)")):
        row = _at(rows, kind, content["batch_size"] if kind == "batch" else None)
        if row is not None:
            said.append(f"on {_value(row['scores']['accuracy'], 100, 2)} % with {words.format(row['batch_size'])}")
    row = _at(rows, "sorted", content["batch_size"])
    if row is not None:
        said.append(f"on {_value(row['scores']['accuracy'], 100, 2)} % where the batches are sorted by class (M4)")
    return (", ".join(said[:-1]) + " and " if said[1:] else "") + said[-1] + "."


def _at(rows: list[dict[str, Any]], kind: str, size: int | None) -> dict[str, Any] | None:
    found = [row for row in rows if row["mode"] == kind and row["n"] and size in (None, row["batch_size"])]
    return found[0] if found else None


def modes(content: dict[str, Any]) -> str:
    """A line a mode: mean ± standard deviation over the shuffles."""
    lines = [["mode", "statistics", "n", *(title for title, *_ in COLUMNS)]]
    notes = []
    same = [row["code"] for row in content["modes"] if row["same_as"]]
    if same:  # a line each would say the same numbers again
        notes.append(f"{', '.join(same)}: = {CODES['running']}, the same numbers.")
    for row in content["modes"]:
        if row["same_as"]:
            continue
        words = words_of(row["mode"], row["batch_size"])
        if row["mode"] == "running" and not content["running_statistics"]:
            words = "evaluation mode"
        if row["undefined"]:
            notes.append(f"{row['code']} is not defined here: {row['undefined']}.")
            lines.append([row["code"], words, "–", *("–" for _ in COLUMNS)])
            continue
        cells = [_value(row["scores"][name], factor, digits) for _, name, factor, digits in COLUMNS]
        lines.append([row["code"], words, str(row["n"]), *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    table = [
        "  ".join(cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    ]
    return "\n".join(line.rstrip() for line in [*table, *notes])


def _value(found: dict[str, Any], factor: float, digits: int) -> str:
    """`91.25 ± 0.12`, or the value alone where there is one."""
    if found["mean"] is None:
        return "not finite"
    mean = f"{factor * found['mean']:.{digits}f}"
    return mean if found["sd"] is None else f"{mean} ± {factor * found['sd']:.{digits}f}"


def _gaps(content: dict[str, Any]) -> str:
    found = content["gaps"]
    if found is None:
        return ""
    size, largest = found["batch_size"], found["largest_batch_size"]
    if largest is None:
        means = ("by definition", "err(test) − err(train)", "by definition")
    else:
        means = (
            f"err(test, M1) − err(test, M3({size}))",
            f"err(test, M3({size})) − err(train, M3({size}))",
            f"err(train, M3({size})) − err(train, M3({largest}))",
        )
    names = ("inconsistency", "generalization", "training noise")
    values = (found["inconsistency"], found["generalization"], found["training_noise"])
    lines = [f"gaps in points ({found['train_images']:,} training images, unaugmented)"]
    for name, value, meaning in zip(names, values, means, strict=True):
        lines.append(f"  {name:<15} {100 * value:+7.2f}   {meaning}")
    return "\n".join(lines)


def _layers(content: dict[str, Any]) -> str:
    layers = content["layers"]
    if not layers:
        return ""
    worst = sorted(layers, key=lambda name: layers[name]["mean"], reverse=True)[:LAYERS]
    width = max(len(name) for name in worst)
    augmented = ", augmented as in training" if any(content["augmentation_of_precise"].values()) else ""
    lines = [
        f"running against precise statistics ({content['images']['precise']:,} training images{augmented}), the layers "
        f"farthest off of {len(layers)}"
    ]
    for name in worst:
        found = layers[name]
        lines.append(
            f"  {name:<{width}}  mean off by {found['mean']:.3f} σ (at most {found['mean_max']:.3f}), variance "
            f"× {found['variance']:.3f} (at most by {found['variance_max']:.2f})"
        )
    return "\n".join(lines)


def _checks(content: dict[str, Any]) -> str:
    checks = content["checks"]
    one = checks["batch_of_one"]
    lines = [
        "checks",
        f"  M1 against the predictions that the run left: {_difference(checks['stored'])}",
        f"  M1, one image at a time against a batch ({one['images']} images): {_difference(one)}, "
        f"{one['differing_predictions']} predictions differ",
    ]
    if "coincide" in checks:
        found = checks["coincide"]
        sizes = ", ".join(map(str, found["batch_sizes"]))
        lines.append(
            f"  norms in training mode on batches of {sizes}, shuffled and sorted by class, against M1 "
            f"({found['images']} images): {_difference(found)}"
        )
    return "\n".join(lines)


def _difference(found: dict[str, Any]) -> str:
    if found["equal_bits"]:
        return "equal bits"
    words = "equal to rounding" if found.get("rounding", True) else "more than rounding apart"
    return f"{words} (max |Δlogit| = {found['largest_difference']:.1e}, logits of about {found['scale']:.1f})"
