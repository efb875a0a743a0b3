"""Fetch datasets and verify them.

    python scripts/download.py dataset=cifar10,cifar100,mnist [paths.data=DIR]

One line a dataset; what is in DIR already is used, and verified all the same.
"""

import difflib
import inspect
import logging
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that the script runs from a checkout that is not installed

from experiments import quiet_start  # noqa: E402 - before the others, see there

# isort: split
from data.cache import cache_folder  # noqa: E402
from data.dataset import Dataset  # noqa: E402
from data.plain_files import read_json, read_yaml  # noqa: E402

CONF = ROOT / "conf"


def known_datasets() -> list[str]:
    """Those that can be fetched or made: not folders of images, which have to be there."""
    files = {path.stem: read_yaml(path) for path in (CONF / "dataset").glob("*.yaml")}
    return sorted(
        name for name, settings in files.items() if "folder" not in {*settings, *settings.get("defaults", ())}
    )


def default_folder() -> str:
    return read_yaml(CONF / "config.yaml")["paths"]["data"]


def load(name: str, root: Path) -> Dataset:
    """The dataset of conf/dataset/NAME.yaml, through the loader it names, with the loader's own settings."""
    settings = read_yaml(CONF / "dataset" / f"{name}.yaml")
    from experiments.trusted import find  # imports PyTorch

    loader = find("dataset", settings["_target_"])
    own = [p.name for p in inspect.signature(loader).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return loader(root, **{key: settings[key] for key in own})


def describe(name: str, root: Path) -> str:
    """Fetch one dataset and say so in a line; raises ValueError if that fails. Its loader compares all digests."""
    begun = time.monotonic()
    dataset = load(name, root)
    meta = cache_folder(root, name) / "meta.json"
    origin = f"from {read_json(meta)['source']}" if meta.exists() else "made from a seed"
    images = f"{len(dataset.train):,} + {len(dataset.test):,} images"
    return f"{name}: {images}, digests right, {origin} ({time.monotonic() - begun:.1f} s)"


def main(arguments: list[str]) -> int:
    """Exit code 0, or 2 with one line on standard error for each mistake and each dataset that is not to be had."""
    if not arguments or set(arguments) & {"-h", "--help"}:
        print(f"{__doc__}\nDatasets: {', '.join(known_datasets())}. DIR is {default_folder()} unless given.")
        return 0
    values: dict[str, str] = {}
    mistakes = []
    for argument in arguments:
        key, sign, value = argument.partition("=")
        if key not in ("dataset", "paths.data") or not sign or not value:
            mistakes.append(f"{argument} is not understood: give dataset=NAME,NAME and perhaps paths.data=DIR")
        values[key] = value
    names = list(dict.fromkeys(name for name in values.get("dataset", "").split(",") if name))
    if not names and not mistakes:
        mistakes.append("no dataset is named: give dataset=NAME,NAME")
    for name in names:
        if name not in known_datasets():
            nearest = difflib.get_close_matches(name, known_datasets(), n=1)
            suggestion = f" did you mean {nearest[0]}?" if nearest else ""
            mistakes.append(f"dataset={name} is unknown:{suggestion} There are {', '.join(known_datasets())}")
    if mistakes:
        print("\n".join(mistakes), file=sys.stderr)
        return 2
    root = Path(values.get("paths.data") or default_folder())
    failed = False
    for name in names:
        try:
            print(describe(name, root), flush=True)
        except (ValueError, OSError) as error:
            failed = True
            print(error, file=sys.stderr)
    return 2 if failed else 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    quiet_start.over()
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
