"""Evaluate finished runs in every inference mode: what a network predicts under each kind of statistics.

    python scripts/evaluate.py RUN [RUN ...] [KEY=VALUE ...]

RUN is a run's folder, its name under paths.outputs/runs, or a quoted pattern ('cifar10-resnet20-bn-*').

  modes=all                          or a list: modes=[running,precise,batch,sorted,whole]
      running (M1)   the running statistics, as in evaluation
      precise (M2)   exact statistics over precise_images training images (PreciseBN)
      batch   (M3)   the statistics of each batch of B test images, shuffled
      sorted  (M4)   the same with the test images sorted by class
      whole   (M5)   the statistics of all test images (transductive)
  batch_sizes=[1,2,4,8,32,128,512]   B of M3 and M4; the run's own training batch size is added
  shuffles=5                         of M3: mean ± standard deviation over these
  precise_images=10000               training images of M2, augmented as in training; all where there are fewer
  device=auto                        auto | cpu | cuda | cuda:N | mps
  paths.data=DIR                     where the datasets are, if not where the run had them
  paths.outputs=outputs              where bare names of runs are looked for

Writes modes.json, modes.png, modes.svg and an event file for TensorBoard into the run's folder, and changes nothing
else there. Exit code 0, or 2 with one line on what is wrong.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs from a checkout not installed

from experiments import script


def evaluate(words: script.Words) -> None:
    """Each run named, in turn."""
    from experiments.inference.evaluation import evaluate_runs  # PyTorch comes with it

    evaluate_runs(words)


if __name__ == "__main__":
    sys.exit(script.run(__doc__, sys.argv[1:], evaluate))
