"""Fetch datasets and verify them.

    python scripts/download.py dataset=cifar10,cifar100,mnist [paths.data=DIR]

One line a dataset; what is in DIR already is used, and verified all the same.
"""

import difflib
import importlib
import inspect
import json
import logging
import sys
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that the script runs from a checkout that is not installed

from data.cache import cache_folder  # noqa: E402
from data.dataset import Dataset, Split, content_digest  # noqa: E402

CONF = ROOT / "conf"


def known_datasets() -> list[str]:
    """Those that can be fetched or made: not folders of images, which have to be there."""
    files = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (CONF / "dataset").glob("*.yaml")}
    return sorted(
        name for name, settings in files.items() if "folder" not in {*settings, *settings.get("defaults", ())}
    )


def default_folder() -> str:
    return yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))["paths"]["data"]


def load(name: str, root: Path) -> Dataset:
    """The dataset of conf/dataset/NAME.yaml, through the loader it names, with the loader's own settings."""
    settings = yaml.safe_load((CONF / "dataset" / f"{name}.yaml").read_text(encoding="utf-8"))
    module, _, function = settings["_target_"].rpartition(".")
    loader = getattr(importlib.import_module(module), function)
    own = [p.name for p in inspect.signature(loader).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return loader(root, **{key: settings[key] for key in own})


def verify(dataset: Dataset) -> None:
    """Hash what is on disk again; raises ValueError if it has changed since it was decoded."""
    assert isinstance(dataset.train, Split)
    assert isinstance(dataset.test, Split)
    arrays = {
        "train_images": dataset.train.images,
        "train_labels": dataset.train.labels,
        "test_images": dataset.test.images,
        "test_labels": dataset.test.labels,
    }
    for key, array in arrays.items():
        digest = content_digest(array)
        if digest != dataset.digests[key]:
            raise ValueError(f"{key} in the cache have sha256 {digest} instead of {dataset.digests[key]}")


def describe(name: str, root: Path) -> str:
    """Fetch one dataset, verify it, and say so in a line; raises ValueError if that fails."""
    begun = time.monotonic()
    dataset = load(name, root)
    folder = cache_folder(root, name)
    try:
        verify(dataset)
    except ValueError as error:
        raise ValueError(f"{name}: {error}: delete {folder} and run this again") from error
    meta = folder / "meta.json"
    origin = f"from {json.loads(meta.read_text(encoding='utf-8'))['source']}" if meta.exists() else "made from a seed"
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
        except ValueError as error:
            failed = True
            print(error, file=sys.stderr)
    return 2 if failed else 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    sys.exit(main(sys.argv[1:]))
