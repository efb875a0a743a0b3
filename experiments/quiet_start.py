"""Ctrl-C while a command still imports: it ends without a word, as programs do, and not with a traceback of imports.

To be imported before all that takes time. Does nothing where Python runs another program than one of normlab's.
"""

import os
import signal
import sys

from experiments import patient_signals

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def is_ours(program: str | None) -> bool:
    """Whether a program, given by its path, is `train.py` or one of the scripts."""
    if program is None:
        return False
    folder, name = os.path.split(os.path.realpath(program))
    return folder == os.path.join(ROOT, "scripts") or (folder, name) == (ROOT, "train.py")


def over() -> None:
    """From here on Ctrl-C raises KeyboardInterrupt, for which the program is prepared."""
    if BEGUN and signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, patient_signals.interrupt)
        patient_signals.remember_forgotten()


def ended() -> None:
    """The work is done: Ctrl-C while the libraries take their leave ends the program without a word again."""
    if BEGUN:
        patient_signals.cancel()
        if signal.getsignal(signal.SIGINT) is patient_signals.interrupt:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


# where the signal is ignored, as in a shell's background, it still is
BEGUN = is_ours(getattr(sys.modules["__main__"], "__file__", None)) and (
    signal.getsignal(signal.SIGINT) is signal.default_int_handler
)
if BEGUN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
