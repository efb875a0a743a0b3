"""Everything in one command: the checks and the studies that claims need, then the report.

    python scripts/reproduce.py scale=smoke                        shows that all of it works, in ten minutes
    python scripts/reproduce.py scale=cpu claims=0.8,3.14          what two claims need
    python scripts/reproduce.py scale=paper documents=004          what one document's claims need
    python scripts/reproduce.py checks                             the deterministic checks alone
    python scripts/reproduce.py plan scale=paper rate=20000        what it would take, and what each launcher would do

Settings:
    scale=SCALE        smoke (seconds an arm; its verdicts never count), cpu (two cores), paper (the published setting)
    claims=ID,ID       the claims to decide, by their number in the ledger (default: all)
    documents=NNN,…    the documents whose claims to decide
    rate=N             with plan: images/s of ResNet-20 + bn at 32 pixels that a device trains (default: measured rates)
    benchmark=FILE     with plan: the file of scripts/benchmark.py that rates are taken from (default: the newest)
    device, threads, paths.data, paths.outputs, hydra/launcher=joblib and whatever else says where and how runs are
                       executed is passed on to train.py

Stop it at any moment and give the same command again: finished runs are not repeated, interrupted ones are resumed.
What each study prints goes to outputs/reproduce/STUDY-SCALE.log. Exit code 0: done. 1: a study failed, the others were
run. 2: something is wrong with what was asked for, in one line. 130, 143: stopped.
"""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs from a checkout not installed

from experiments import quiet_start  # before the others, see there

# isort: split
from experiments.errors import UserError
from experiments.patient_signals import patient
from experiments.storage import faults_told


def main(arguments: list[str]) -> int:
    """The script; returns its exit code."""
    if not arguments or "-h" in arguments or "--help" in arguments:
        print((__doc__ or "").strip())
        return 0 if arguments else 2
    # SIGTERM ends this program as Ctrl-C does: the study that runs is asked to save and stop
    quiet_start.over()
    before = signal.signal(signal.SIGTERM, patient(lambda number, frame: sys.exit(128 + number)))
    try:
        from experiments.progress import console_log
        from experiments.reproduce.command import reproduce  # after --help, which is quick

        with console_log(None), faults_told():
            return reproduce(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
        quiet_start.ended()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
