"""Trains one network with one norm on one dataset with one seed, and leaves a folder that says everything about it.

python train.py norm=bn dataset=cifar10            one run
python train.py -m norm=bn,ln,none seed=0,1,2      a sweep
python train.py --help                             groups, settings, examples
"""

import experiments.quiet_start  # noqa: F401 - before the others, see there

# isort: split
import sys

import hydra
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def job(config: DictConfig) -> dict:
    """One run, called by Hydra here or by one of its launchers in another process or on another machine."""
    from experiments.host import keep_memory

    keep_memory()  # before PyTorch is imported
    from experiments.job import run_job  # which takes seconds, and `--help` needs none of it

    return run_job(config)


if __name__ == "__main__":
    from experiments.door import main

    sys.exit(main(job, sys.argv[1:]))
