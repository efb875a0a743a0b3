"""torchvision's published weights: the same network as theirs, evaluated without training, and trained on."""

import hashlib

import numpy as np
import pytest
import torch
from torchvision.models import resnet18

from experiments import build, identity, result
from experiments.command_line import plan
from experiments.errors import UserError
from experiments.job import perform

IMAGES = ("dataset=synthetic", "dataset.num_train=12", "dataset.num_test=6", "dataset.num_classes=1000")
RUN = (*IMAGES, "model=resnet18", "model.weights=IMAGENET1K_V1", "batch_size=6", "steps=0", "device=cpu")


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """torchvision's network with statistics like those of training, and its weights where they are looked for."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = resnet18(num_classes=1000)
        for name, value in network.state_dict().items():
            if name.endswith("running_mean"):
                value.normal_(0, 0.1)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 2)
    torch.save(network.state_dict(), tmp_path / "weights")
    digest = hashlib.sha256((tmp_path / "weights").read_bytes()).hexdigest()
    path = tmp_path / "hub" / "checkpoints" / f"resnet18-{digest[:8]}.pth"
    path.parent.mkdir(parents=True)
    (tmp_path / "weights").rename(path)
    monkeypatch.setattr("models.pretrained.address", lambda depth, weights: f"http://127.0.0.1:9/{path.name}")
    return network, path


@pytest.fixture
def config_of(tmp_path):
    return lambda *overrides: plan([*RUN, f"paths.outputs={tmp_path / 'out'}", *overrides]).jobs[0].config


def test_a_run_of_no_steps_is_their_network(theirs, config_of):
    config = config_of()
    found = perform(config)
    assert (found["steps"], found["epochs"], found["status"]) == (0, 0.0, "finished")
    images = build.splits(config, build.dataset(config), torch.device("cpu"))["test"]
    x, y = images.batch(torch.arange(6), None)
    with torch.no_grad():
        logits = theirs[0].eval()(x)
    folder = identity.folder(config)
    torch.testing.assert_close(
        torch.tensor(np.load(folder / "predictions.npz")["logits"]), logits, rtol=1e-4, atol=1e-4
    )
    assert found["final"]["test_loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, y).item(), rel=1e-4)
    names = [line.split(",")[2] for line in (folder / "metrics.csv").read_text().splitlines()[1:]]
    assert "accuracy/test" in names
    assert len(names) == len(set(names))


def test_what_was_killed_before_its_result_is_evaluated_again(theirs, config_of):
    config = config_of("probes=[moments]")
    found = perform(config)
    folder = identity.folder(config)
    before = (folder / "metrics.csv").read_bytes()
    (folder / "result.json").unlink()
    assert perform(config)["final"] == found["final"]
    assert (folder / "metrics.csv").read_bytes() == before
    assert result.read(folder) is not None


def test_training_goes_on_from_them_with_other_classes(theirs, config_of):
    config = config_of("dataset.num_classes=7", "epochs=null", "steps=1")
    images = build.dataset(config)
    model, fresh = build.model(config, images), build.model(config, images)
    build.start_from_published_weights(model)
    published = theirs[0].state_dict()
    own = model.state_dict()
    assert torch.equal(own["features.layer2.0.downsample.0.layer.weight"], published["layer2.0.downsample.0.weight"])
    assert torch.equal(
        own["features.layer2.0.downsample.0.norm.running_var"], published["layer2.0.downsample.1.running_var"]
    )
    assert torch.equal(own["classifier.weight"], fresh.state_dict()["classifier.weight"])
    assert perform(config)["steps"] == 1


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["norm=ln"], "choose norm=bn"),
        (["model.norms=first:3"], "choose norm=bn"),
        (["model.stem=small"], "model.stem=imagenet"),
    ],
)
def test_other_networks_are_refused(theirs, config_of, overrides, line):
    with pytest.raises(UserError, match=line):
        perform(config_of(*overrides))


def test_a_damaged_file_is_refused(theirs, config_of):
    path = theirs[1]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="is damaged"):
        perform(config_of())


def test_without_a_network_the_line_says_where_the_file_belongs(theirs, config_of):
    theirs[1].unlink()
    with pytest.raises(UserError, match=r"cannot be fetched .*put it into .*checkpoints"):
        perform(config_of())


def test_a_name_that_is_not_published_is_refused(config_of):
    with pytest.raises(UserError, match="choose IMAGENET1K_V1, or null"):
        perform(config_of("model.weights=IMAGENET1K_V2"))
