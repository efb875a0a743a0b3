"""Compare two finished runs, or the seeds of two configurations, and write a page with what was found.

    python scripts/compare.py RUN_A RUN_B                             two runs
    python scripts/compare.py 'A-*' 'B-*'                             the seeds of two configurations
    python scripts/compare.py norm=bn,ln model=small_cnn epochs=10    two values of a setting, among all finished runs

RUN is the name of a folder in outputs/runs, or a path. In the last form one setting has two values, and every other
setting keeps those runs that have its value; any setting of a run can be named (batch_size=2,128, recipe.lr=0.1,0.2).

Settings:
    out=DIR             where the comparison goes (default: outputs/comparisons/A--B)
    paths.outputs=DIR   where bare names and settings are looked for, and comparisons go (default: outputs)
    paths.data=DIR      the datasets, for the images on the page (default: the folder that the runs used)

DIR holds index.html (one file that needs no other), comparison.json (every number), figures/ (SVG and PNG) and an event
file for TensorBoard. Exit code 0: done. 2: something is wrong with what was asked for, in one line.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs from a checkout not installed

from experiments import script


def main(arguments: list[str]) -> int:
    """The script; returns its exit code."""

    def command(words: script.Words) -> None:
        from experiments.compare.command import compare  # after --help, which is quick

        compare(words, arguments)

    return script.run(__doc__ or "", arguments, command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
