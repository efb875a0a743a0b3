"""Several runs one after another in the processes of one `torchrun`, whose start takes longer than they do."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from experiments.command_line import plan
from experiments.job import perform
from experiments.ranks import Ranks

if __name__ == "__main__":
    with Ranks.of_environment().together(torch.device("cpu")):
        for words in json.loads(sys.argv[1]):
            perform(plan(words).jobs[0].config)
