"""Make a page of what the probes of runs found: their charts, their last values, what they cost.

    python scripts/probes.py RUN                       one run, finished or not
    python scripts/probes.py 'A-*' 'B-*'               several; the seeds of a configuration are put together

RUN is the name of a folder in outputs/runs, a path, or a quoted pattern. Runs without probes are left out.

Settings:
    out=DIR             where the page goes (default: RUN/probes, or of several runs outputs/probes/NAMES)
    paths.outputs=DIR   where bare names are looked for, and pages of several runs go (default: outputs)

DIR holds index.html (one file that needs no other) and figures/ (SVG and PNG). Exit code 0: done. 2: something is wrong
with what was asked for, in one line.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs from a checkout not installed

from experiments import script


def main(arguments: list[str]) -> int:
    """The script; returns its exit code."""

    def command(words: script.Words) -> None:
        from experiments.probe_pages.command import write_page  # after --help, which is quick

        write_page(words, arguments)

    return script.run(__doc__ or "", arguments, command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
