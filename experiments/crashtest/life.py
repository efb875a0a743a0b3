"""A process that makes one small run after another, and notes after each what it holds.

    python -m experiments.crashtest.life '{"runs": 220, "seed": 0, "folder": DIR, "notes": FILE}'

It is a process of its own so that nothing else allocates in it.
"""

import gc
import itertools
import json
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from experiments.host import keep_memory

MODELS = (
    ("model=small_cnn", "model.width=0.25"),
    ("model=mlp",),
    ("model=resnet8", "model.width=0.25"),
    ("model=small_cnn", "model.width=0.25", "probes=[gradient_depth,moments]"),
)
NORMS = ("bn", "ln", "none", "rms", "brn")
VARIANTS = tuple((*model, f"norm={norm}") for norm in NORMS for model in MODELS)
SMALL = (
    "dataset=synthetic", "dataset.kind=noise", "dataset.num_train=67", "dataset.num_test=21", "dataset.num_classes=3",
    "dataset.image_size=8", "batch_size=8", "epochs=1", "device=cpu", "threads=1",
)  # fmt: skip


def words(seed: int, folder: Path) -> Iterator[list[str]]:
    """The words of one run after the other, without an end: every variant in turn, with seeds at random."""
    draw = random.Random(seed)
    for variant in itertools.cycle(VARIANTS):
        paths = (f"paths.outputs={folder}", f"paths.data={folder / 'data'}")
        yield [*SMALL, *variant, f"seed={draw.randrange(2**31)}", *paths]


def live(runs: int, seed: int, folder: str, notes: str) -> None:
    """Make the runs; each leaves a line in the file `notes`, and nothing else."""
    import psutil

    from experiments import identity
    from experiments.command_line import plan
    from experiments.job import perform

    process = psutil.Process()
    with open(notes, "a", encoding="utf-8") as file:
        for number, asked in enumerate(itertools.islice(words(seed, Path(folder)), runs)):
            config = plan(asked).jobs[0].config
            perform(config)
            shutil.rmtree(identity.folder(config))
            gc.collect()
            held = {
                "memory": process.memory_info().rss,
                "files": process.num_fds(),
                "threads": process.num_threads(),
            }
            file.write(json.dumps({"run": number, **held}) + "\n")
            file.flush()


if __name__ == "__main__":
    keep_memory()  # as train.py does, before PyTorch is imported
    live(**json.loads(sys.argv[1]))
