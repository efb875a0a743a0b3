"""Make a dataset of photographs small, once, into a pack: arrays that are mapped into memory.

    python scripts/pack.py FOLDER size=64 [name=NAME] [workers=N] [paths.data=DIR]

FOLDER holds train/<class>/<image> and val/<class>/<image>, as ImageNet's (or its official archives), or the batches of
the downsampled ImageNet (train_data_batch_1 …, val_data). All of each image, whatever its shape, is averaged over areas
to size × size pixels. Stopped on the way, the same command goes on.

    size        pixels of a side
    name        the pack, in paths.data/packs (the folder's name and the size: imagenet64)
    workers     processes that decode (one a processor)
    paths.data  the datasets' folder (data/downloads)

Train on it with dataset=imagenet64, dataset=imagenet32, or dataset=packed dataset.name=NAME.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs from a checkout not installed

from experiments import script


def command(words: script.Words) -> None:
    from experiments.pack import PackSettings, make  # PyTorch takes seconds, and `--help` needs none of it

    make(words.names, script.settings(words.values, PackSettings))


if __name__ == "__main__":
    sys.exit(script.run(__doc__, sys.argv[1:], command))
