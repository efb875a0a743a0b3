"""`python train.py --help`, made from the files in `conf/`, so that a new option explains itself."""

from experiments import probes
from experiments.command_line import groups, options
from experiments.paths import CONF

EXAMPLES = """\
examples
  python train.py norm=bn dataset=cifar10                  ResNet-20 with batch norm on CIFAR-10 (the defaults)
  python train.py norm=ln model=small_cnn recipe=documents layer norm in a small network, plain SGD
  python train.py -m norm=bn,ln,none seed=0,1,2            nine runs; the same command resumes what is missing
  python train.py -m norm=bn,none hydra/launcher=joblib    the same, several runs side by side
  python train.py dataset.train_size=5000 epochs=4         the first 5,000 images of a fixed, class-balanced order
  python train.py norm=gn norm.num_groups=4 recipe.lr=0.1  any setting of a group by its key
  python train.py norm=bn probes=[modes]                   and record train mode against eval mode while training
  torchrun --standalone --nproc-per-node=2 train.py norm=bn norm.sync=true     one run on two devices
  python train.py study=gradient_depth scale=cpu seed=0    the first seed of a study's arms; without it, all of them
  python scripts/probes.py RUN                             a page of what the probes of a run found
  python scripts/evaluate.py 'cifar10-*' modes=all         train mode against eval mode of finished runs
  tensorboard --logdir outputs                             look at the curves
"""


def page() -> str:
    """The help page: usage, groups with their options, probes, settings with their defaults and comments, examples."""
    lines = [
        "usage: python train.py [GROUP=OPTION ...] [KEY=VALUE ...]      one run",
        "       python train.py -m KEY=A,B,C ...                        a run of each combination",
        "       python train.py study=NAME scale=smoke|cpu|paper        the runs of a study, then its page",
        "",
        "Trains a network with a normalization layer and records accuracy and loss in training and evaluation mode.",
        "The same command means the same folder under outputs/runs: a finished run is not repeated, an interrupted one",
        "resumes.",
        "",
        "groups (python train.py GROUP=OPTION)",
    ]
    for group in groups():
        lines.append(f"  {group}")
        found = options(group)
        width = max(len(name) for name in found)
        lines += [f"    {name:<{width}}  {text}".rstrip() for name, text in found.items()]
    lines += ["", "probes, measurements on the network while it trains (python train.py probes=[NAME,NAME])"]
    found = probes.descriptions()
    width = max(len(name) for name in found)
    lines += [f"    {name:<{width}}  {text}" for name, text in found.items()]
    lines += ["", "settings, with their defaults (python train.py KEY=VALUE)", *_settings(), ""]
    lines += ["  The settings of an option stand in conf/GROUP/OPTION.yaml; see them all with --cfg job.", "", EXAMPLES]
    lines += [
        "exit codes: 0 finished or diverged (a result, not an error), 2 a mistake in the command, 130/143 stopped by a",
        "signal after saving, 1 a bug. Hydra's own options: python train.py --hydra-help",
    ]
    return "\n".join(lines)


def _settings() -> list[str]:
    """The run-level part of conf/config.yaml, as it stands there."""
    text = (CONF / "config.yaml").read_text(encoding="utf-8")
    body = text.split("\nseed:", 1)[1].split("\nhydra:", 1)[0]
    return ["  " + line if line else "" for line in ("seed:" + body).strip().split("\n")]
