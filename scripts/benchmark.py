"""Measure how fast normlab computes: against the usual way, the bare network and the machine, and as whole programs.

    python scripts/benchmark.py [KEY=VALUE ...] [--compare FILE]

Works on made images: nothing is downloaded. About 20 minutes on two CPU cores, on which
nothing else should run meanwhile.

    parts=[machine,training,operators,growth,deterministic,images,programs]
        machine    matrix products and copies a second
        training   each network and norm, in rounds: normlab as train.py works, the same network trained the usual way
                   (PIL images, DataLoader, eager float32), the bare network on one batch, and the machine
        operators  where the time of a step goes
        growth     normlab's time for an image against training images, depth and batch size
        deterministic   what deterministic=true costs networks with bn
        images     JPEG files decoded as training sees them, against torchvision's decoder alone
        programs   start-up, sweeps, comparisons of many runs
    models=[resnet20,small_cnn,mlp,resnet18]
    norms=[bn,ln,gn,none]
    rounds=3         slices of each contender, whose median counts; fewer of large networks, or when time runs short
    device=auto      auto | cpu | cuda | cuda:N | mps
    precision=float32   float32 | bfloat16 | float16: of normlab and the bare network; the usual way has float32
    threads=null     of every contender (null: as many as each takes)
    quick=true       tiny sizes and one round: to see that it works
    full=true        all rounds of every case and compiled forms of all networks, however long it takes
    out=FOLDER       where the files go (default: paths.outputs/benchmark, named after device and commit)
    compare=FILE     show the rates over those of an earlier benchmark's JSON file
    paths.outputs=outputs

Writes a JSON file with every slice, and a figure as SVG and PNG. Exit code 0; 2 with one line on what is wrong with
the settings; 1 when a contender's process ends.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs from a checkout not installed

from experiments import script


def command(words: script.Words) -> None:
    from experiments.benchmark.command import benchmark  # PyTorch takes seconds, and `--help` needs none of it

    benchmark(words)


if __name__ == "__main__":
    sys.exit(script.run(__doc__, script.as_setting(sys.argv[1:], "compare"), command, needs_words=False))
