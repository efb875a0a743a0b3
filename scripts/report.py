"""The report: every claim with its verdict, every study, check and norm, as pages that need no network.

    python scripts/report.py                             brings outputs/report up to date
    python scripts/report.py --save experiments/results  keeps results: small files that are committed

The report is made of outputs/studies (what `python train.py study=NAME scale=SCALE` leaves), outputs/checks and
outputs/runs. What is not there, or not complete, is taken from the kept results that come with normlab, and marked so.
Only pages are written whose inputs have changed.

Settings:
    out=DIR             where the report goes (default: outputs/report)
    paths.outputs=DIR   where studies, checks and runs are (default: outputs)
    save=DIR            instead, keep each complete study and check in DIR, as <study>/<scale>.json and
                        checks/<check>.json; left out, with a line each, is what is of scale=smoke, not complete, made
                        with uncommitted changes, or with several versions of the code

Start with DIR/index.html. Exit code 0: done. 2: something is wrong with what was asked for, in one line.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs from a checkout not installed

from experiments import script


def main(arguments: list[str]) -> int:
    """The script; returns its exit code."""

    def command(words: script.Words) -> None:
        from experiments.site.command import report  # after --help, which is quick

        report(words)

    return script.run(__doc__ or "", script.as_setting(arguments, "save"), command, needs_words=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
