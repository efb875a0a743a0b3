"""Every probe, with and without a norm: training has the same bits with it as without, straight through or resumed."""

import pytest
import torch
from conftest import Made, compose_tiny
from killed_runs import killed_after_saving
from live_runs import everything, live_after, probe_of

from experiments import identity, probes
from experiments.job import perform
from experiments.probing import slices

USUAL = ("model.dropout=0.5", "dataset.augmentation.crop_padding=2", "epochs=null", "steps=11")
USUAL += ("dataset.validation=0.2",)  # which some probes need
AT_THE_END = ("cost",)  # probes that look there alone
NORMS = ("bn", "none")
pytestmark = pytest.mark.usefixtures("blank_figures")

NOTHING = {("running_vs_precise", "none")}  # to measure


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(slices, "ROUNDS", 2)


@pytest.fixture(scope="module", params=NORMS)
def plain(request, tmp_path_factory):
    """A run without probes."""
    config = compose_tiny(tmp_path_factory.mktemp("plain") / "outputs", *USUAL, f"norm={request.param}")
    result = perform(config)
    return Made(config, identity.folder(config), result)


@pytest.mark.parametrize("name", probes.names())
def test_training_has_the_same_bits(plain, made, name):
    probed = made(*USUAL, f"norm={plain.config['norm']['name']}", f"probes=[{name}]", "probe_every=3")
    assert plain.folder.name != probed.folder.name
    plain.assert_same_training(probed)
    found = [line for line in probed.metrics if line[2].startswith(f"{name}/")]
    assert [line for line in probed.metrics if not line[2].startswith(f"{name}/")] == plain.metrics
    assert {line[0] for line in found} <= {0, 3, 6, 9, 11}
    assert probed.result["probe_seconds"].keys() == {name}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", probes.names())
def test_what_is_live_stays_as_it_is(compose, name, norm):
    live = live_after(compose(*USUAL, f"norm={norm}"), steps=11 if name in AT_THE_END else 3)
    before = everything(live)
    found = probe_of(name, live).measure(live)
    assert found.values or found.timings or (name, norm) in NOTHING
    after = everything(live)
    assert before.keys() == after.keys()
    assert [key for key, value in before.items() if not torch.equal(value, after[key])] == []
    assert all(key.startswith(f"{name}/") for part in (found.values, found.histograms, found.timings) for key in part)
    assert not any("," in key or "\n" in key for key in found.values)


@pytest.mark.gpu
@pytest.mark.parametrize("name", probes.names())
def test_what_is_live_on_a_gpu_stays_as_it_is(compose, name):
    """After enough steps for the training step to be replayed as a CUDA graph, whose memory is not a probe's to use."""
    steps = 11 if name in AT_THE_END else 6
    live = live_after(compose(*USUAL, "model.dropout=0", "device=cuda"), steps=steps)
    before = everything(live)
    probe_of(name, live).measure(live)
    after = everything(live)
    assert [key for key, value in before.items() if not torch.equal(value, after[key])] == []


@pytest.mark.parametrize("name", probes.names())
def test_a_resumed_run_has_the_same_bytes(compose, made, monkeypatch, name):
    words = (*USUAL, f"probes=[{name}]", "probe_every=2", "checkpoint_every=5")
    whole = made(*words)
    rows = (whole.folder / "metrics.csv").read_bytes()
    for path in whole.folder.iterdir():
        path.unlink()
    killed_after_saving(monkeypatch, compose(*words), 1)
    perform(compose(*words))
    assert (whole.folder / "metrics.csv").read_bytes() == rows
