"""Start-up: from the start of a process to its first optimizer step, and to the end of a run of one step."""

from pathlib import Path
from statistics import median
from typing import Any

from experiments.benchmark.outside import as_words, paths, timed

FIRST_STEP = "first step after"  # what a run logs after its first step
NOT_COMPILED = "compilation failed"  # what a run warns of where its network runs as it is


def measure(folder: Path, device: str, rounds: int, quick: bool) -> dict[str, Any]:
    """Each program `rounds` times in turn, in seconds; the one that compiles once more before, to fill its cache.

    quick: a smaller network, and none compiled.
    """
    run: dict[str, Any] = {
        "norm": "bn",
        "model": "small_cnn" if quick else "resnet20",
        "dataset": "synthetic",
        "dataset.num_train": 128,
        "dataset.num_test": 128,
        "batch_size": 128,
        "epochs": None,
        "steps": 1,
        "device": device,
    }
    cache = {name: str(folder / name) for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")}

    def one_step(compile_it: bool, name: str) -> dict[str, Any]:
        words = ["train.py", *as_words(run | {"compile": compile_it}), *paths(folder / name)]
        done = timed(words, mark=FIRST_STEP, environment=cache)
        fell_back = compile_it and NOT_COMPILED in done.printed
        return {"seconds": done.seconds, "to_first_step": done.until_mark, "fell_back": fell_back}

    cold = [] if quick else [one_step(True, "cold")]
    programs: dict[str, list[dict[str, Any]]] = {"help": [], "eager": [], "compiled": []}
    for index in range(rounds):
        programs["help"].append({"seconds": timed(["train.py", "--help"]).seconds})
        programs["eager"].append(one_step(False, f"eager{index}"))
        if not quick:
            programs["compiled"].append(one_step(True, f"compiled{index}"))
    return {"run": run, "compiled_with_a_cold_cache": cold, **programs}


def lines(measured: dict[str, Any]) -> list[str]:
    """The measurements as a table: medians in seconds."""
    model, rounds = measured["run"]["model"], len(measured["help"])
    found = [
        f"start-up, in seconds: from the start of the process, {model} + bn, one step; median of {rounds}",
        f"  {'program':<36} {'to the first step':>18} {'to the end':>11}",
        f"  {'train.py --help':<36} {'–':>18} {_middle(measured['help'], 'seconds'):>11}",
    ]
    for name, rows in (
        ("one step, compile=false", measured["eager"]),
        ("one step, compile=true, warm cache", measured["compiled"]),
        ("one step, compile=true, cold (once)", measured["compiled_with_a_cold_cache"]),
    ):
        found.append(f"  {name:<36} {_middle(rows, 'to_first_step'):>18} {_middle(rows, 'seconds'):>11}")
        if any(row["fell_back"] for row in rows):
            found.append("    compilation failed here, and the network ran as it is: no time of a compiled network")
    if all(row["to_first_step"] is None for row in measured["eager"]):
        found.append("  This version of normlab does not log its first step; the end of the run is all that is seen.")
    return found


def _middle(rows: list[dict[str, Any]], key: str) -> str:
    seconds = [row[key] for row in rows if row[key] is not None]
    return f"{median(seconds):.2f}" if seconds else "–"
