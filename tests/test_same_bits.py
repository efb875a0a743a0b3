"""The same run has the same bits, in whatever state its process is: weights, optimizer, numbers and predictions.

    pytest tests/test_same_bits.py --whole

Each norm, network and precision stands in one of the pairs below; --whole takes every combination.
"""

import os
import random
import shutil
import subprocess
from collections import Counter

import numpy as np
import pytest
import torch
from conftest import ROOT, Made, process
from matrix import NETWORKS, NORMS, PRECISIONS, Case, every

from experiments import identity
from experiments.command_line import plan
from experiments.errors import UserError
from experiments.job import perform

PROBES = ("probes=[gradient_depth,landscape,dead_units]", "probe_every=1")
PAIRS = (
    Case("small_cnn", "bn", "float32", PROBES),
    Case("resnet8", "bn_scratch", "bfloat16"),
    Case("plain8", "ghost_bn", "float16"),
    Case("mlp", "cumulative_bn", "float32"),
    Case("mlp_mixed", "brn", "bfloat16"),
    Case("vgg11", "frozen_bn", "float16"),
    Case("resnet20", "shared_bn", "float32"),
    Case("small_cnn_input_norm", "switchable", "bfloat16"),
    Case("lstm", "ln", "float16"),
    Case("transformer", "rms", "float32"),
    Case("transformer", "bn", "bfloat16", PROBES),
    Case("lstm", "bn", "float32"),
    Case("resnet8", "ws_gn", "float32", ("recipe.optimizer=adamw",)),
    Case("plain8", "gn", "bfloat16"),
    Case("small_cnn", "in", "float16"),
    Case("small_cnn", "ln_channels", "float32", ("recipe.optimizer=adam",)),
    Case("small_cnn", "ln_chw", "bfloat16"),
    Case("resnet8", "frn", "float16"),
    Case("resnet8", "evonorm_s0", "float32"),
    Case("small_cnn", "noisy_bn", "float16"),
    Case("small_cnn", "noise", "float32"),
    Case("resnet8", "none", "float16", ("model.branch=fixup",)),
    Case("small_cnn", "as_written", "bfloat16", ("norm.formula=random_gamma",)),
    Case("resnet18", "bn", "float32"),
    Case("resnet50", "none", "float32"),
)


def perform_once(case: Case, folder: object) -> Made:
    config = plan(case.words(folder)).jobs[0].config
    return Made(config, identity.folder(config), perform(config))


def disturb() -> None:
    """Another state of the process: global seeds, and what stands in memory that is handed out again."""
    torch.manual_seed(torch.seed() // 2)
    np.random.seed(random.randrange(2**32))
    full = [torch.full((size,), float("nan")) for size in (7, 300, 5000, 70_000, 1_000_000)]
    del full


@pytest.mark.usefixtures("blank_figures")
@pytest.mark.parametrize("case", PAIRS, ids=str)
def test_a_run_twice_in_one_process(tmp_path, case):
    one = perform_once(case, tmp_path / "one")
    disturb()
    one.assert_same_bits(perform_once(case, tmp_path / "two"))
    assert one.result["steps"] == 2


def test_every_norm_network_and_precision_is_in_a_pair():
    assert {case.norm for case in PAIRS} == set(NORMS)
    assert {case.model for case in PAIRS} == set(NETWORKS)
    assert {case.precision for case in PAIRS} == set(PRECISIONS)


def test_a_run_in_two_processes(tmp_path):
    case = Case("resnet8", "noisy_bn", "float32")
    here = perform_once(case, tmp_path / "here")
    environment = {**os.environ, "PYTHONHASHSEED": "20150211"}
    subprocess.run(process(*case.words(tmp_path / "there")), cwd=ROOT, env=environment, check=True, capture_output=True)
    config = plan(case.words(tmp_path / "there")).jobs[0].config
    here.assert_same_bits(Made(config, identity.folder(config), {}))


@pytest.mark.whole
@pytest.mark.usefixtures("blank_figures")
def test_every_combination_twice_in_one_process(tmp_path, capsys):
    count, differing = Counter[str](), []
    for case in every():
        try:
            one = perform_once(case, tmp_path / "one")
        except UserError:
            count["refused"] += 1
            continue
        disturb()
        try:
            one.assert_same_bits(perform_once(case, tmp_path / "two"))
        except AssertionError as difference:
            differing.append(f"{case}: {difference}")
        count["compared"] += 1
        for folder in ("one", "two"):
            shutil.rmtree(tmp_path / folder)
    with capsys.disabled():
        print(f"\n{dict(count)}, {len(differing)} differ")
    assert not differing
