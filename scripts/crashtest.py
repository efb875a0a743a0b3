"""Kill normlab at any moment, start it again, and see that nothing of it differs; and let one process make many runs.

    python scripts/crashtest.py [KEY=VALUE ...]

    parts=[kills,storage,long_life]
        kills      Commands are killed (SIGKILL, SIGTERM, SIGINT) again and again and given again until they are done.
                   Then every file that they leave is compared with what an undisturbed command leaves: the bits of
                   weights, optimizer and generators, metrics.csv, predictions, results but for times, every point of
                   TensorBoard's curves once, pages, the numbers of a study and the verdicts that follow from them; and
                   no other file may be there. Then a fresh round begins, until there were enough kills.
        storage    Every file that normlab reads again is damaged: emptied, cut off, overwritten, one bit of it turned
                   over. What reads it must refuse in one line, or come to the same outcome to the bit. And everything
                   is written to disks that are full or may only be read, where the system lets one mount them.
        long_life  One process makes many small runs, with every norm and several networks in turn. Its resident
                   memory, its open files and its threads must not grow.
    kills=200        of all commands together
    commands=[study,joblib,download,pack,report,evaluate]
        study      a study of twelve runs on made-up data: half of the kills
        joblib     the same, two runs side by side: the front or one of its workers is killed
        download   a run whose images come from a slow server on this machine
        pack       scripts/pack.py of small JPEG files;  report, evaluate: these scripts, on the finished study
    jobs=2           commands at a time, of one thread each
    tolerate=[]      patterns of names that killed commands may leave behind, as in ['.*.tmp']; they are listed
    flips=40         bits of each file that are turned over, one at a time
    runs=200         of the long life that count
    warm_up=20       runs before them
    quick=true       smaller commands: to see that it works
    seed=0           of all that is left to chance
    out=FOLDER       where the report goes (default: paths.outputs/crashtest)
    paths.outputs=outputs

About 60 % of the signals are aimed: the command runs as it is, but Python tells of each file that it is about to
open, move or remove, and at a chosen one of them, or some milliseconds after it, the process is sent the signal: in the
middle of a checkpoint, of result.json, of a page, of a download, of a pack. The others come at random times.

Prints a table and writes OUT/crashtest.json. Exit code 0: nothing differs, nothing is lost, nothing has grown. 1: a
fault was found; the files are kept. 2: one line on what is wrong with the settings.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs from a checkout not installed

from experiments import script


def command(words: script.Words) -> None:
    from experiments.crashtest.command import crashtest  # PyTorch takes seconds, and `--help` needs none of it

    crashtest(words)


if __name__ == "__main__":
    sys.exit(script.run(__doc__, sys.argv[1:], command, needs_words=False))
