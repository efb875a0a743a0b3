"""Estimate the running statistics of a finished run's norms anew, on images of your choice, and see what changes.

    python scripts/recalibrate.py RUN [dataset=NAME] [dataset.KEY=VALUE ...] [split=train] [images=10000]

RUN is a run's folder, or its name in outputs/runs. Accuracy, loss and calibration before and after are measured on the
run's own test images, and on those of the other dataset where it has the same classes. The run's checkpoint stays as
it is; the new weights go to RUN/recalibrated/.

    dataset        any dataset, with its default settings (default: the run's, with the run's settings)
    dataset.KEY    any setting of it, as on the command line of train.py: dataset.mean=[0.6,0.6,0.6]
    split          train | test | validation: which of its images to estimate on (test is labelled transductive)
    images         how many of them, at most
    batch_size     of the estimation (default: the run's)
    device         auto | cpu | cuda | cuda:N | mps
    paths.data     the datasets' folder, if it is not where the run had it
    paths.outputs  the folder in whose `runs` names are looked for (outputs)
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs from a checkout not installed

from experiments import script
from experiments.errors import UserError


def command(words: script.Words) -> None:
    from experiments.finished import find_run, open_run  # PyTorch takes seconds, and `--help` needs none of it
    from experiments.inference.recalibrate import RecalibrateSettings, recalibrate
    from experiments.inference.recalibration_table import report

    dataset = {key: value for key, value in words.values.items() if key.split(".")[0] == "dataset"}
    others = {key: value for key, value in words.values.items() if key not in dataset}
    settings = script.settings(others, RecalibrateSettings)
    if len(words.names) != 1:
        raise UserError(f"{len(words.names)} runs are named; name one: python scripts/recalibrate.py RUN")
    run = open_run(find_run(words.names[0], Path(settings.paths.outputs)))
    report(run, settings, recalibrate(run, settings, dataset))


if __name__ == "__main__":
    sys.exit(script.run(__doc__, sys.argv[1:], command))
