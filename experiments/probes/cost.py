"""What the norms of this network cost: time and memory against the same network without one, at the end of training.

    cost/train_ratio         time of an optimizer step, divided by that of the network without a norm
    cost/eval_ratio          the same of a forward pass in evaluation mode, of at most 100 test images at once
    cost/folded_ratio        the same with norms that have running statistics folded into the weights (models/fold.py);
                             not measured where there are none; of the network as it is where they do not fold
                             (norm=switchable)
    cost/saved_bytes_ratio   bytes that a training step's forward pass keeps for its backward pass, each storage
                             once, those of parameters and buffers aside
    cost/parameter_ratio     number of parameters

The other network is built from the same settings with norm=none (and model.branch=standard), initialized by He's
scheme; its layers carry the biases that norms make redundant. Times are medians over 21 rounds in which all take turns
(experiments/probing/slices.py), in one process: not those of a compiled network or a CUDA graph. The steps use the
coming batch, at a learning rate of 0, so that neither network moves away from where it is measured.

Times differ between executions: they stand in TensorBoard and, as `probe_timings`, in result.json, not in metrics.csv.
Nothing is measured before the end. Cost: 23 steps of each network and 23 evaluations of each, more where they are
short.

Sources: Ioffe & Szegedy 2015, arXiv 1502.03167, §3.1 (evaluation is an affine map); Jacob et al. 2018,
arXiv 1712.05877, §3.2 (folding).
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from experiments import build
from experiments.inference.precise import running_layers
from experiments.optimizer import make_optimizer
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.probing.slices import ROUNDS, median_ratios
from experiments.step import State, autocast
from models.fold import folded

EVALUATED = 100  # images at once
CHARTS = ()  # single numbers, most of them the clock's


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe for a network and its images."""
    return Cost(surroundings)


class Cost(Probe):
    """Optimizer steps and forward passes of copies of two networks, which take turns."""

    def __init__(self, surroundings: Surroundings) -> None:
        slices = ROUNDS + 2
        self.steps = 2 * slices + surroundings.steps_worth(forward=3 * slices * _evaluated(surroundings))

    def measure(self, live: Live) -> Measured:
        around = live.surroundings
        if live.step < around.length.total_steps:
            return Measured()
        state, plain = live.copied_state(), without_norm(live)
        x, y = around.coming_batch(live.step)
        values = {
            "cost/saved_bytes_ratio": saved_bytes(live, state.model, x, y) / saved_bytes(live, plain.model, x, y),
            "cost/parameter_ratio": _parameters(state.model) / _parameters(plain.model),
        }
        steps = {"own": _stepping(live, state), "plain": _stepping(live, plain)}
        timings = {"cost/train_ratio": median_ratios(steps, "plain", around.device)["own"]}
        networks = {"eval": state.model, "plain": plain.model}
        if running_layers(state.model):
            networks["folded"] = folded(state.model).model
        passes = {name: _evaluating(live, network) for name, network in networks.items()}
        for name, ratio in median_ratios(passes, "plain", around.device).items():
            timings[f"cost/{name}_ratio"] = ratio
        return Measured(values, timings=timings)


def without_norm(live: Live) -> State:
    """The same network without a norm, ready to be trained as this one is.

    Weights that differ from the run's cost the same, unless they make numbers that are too small to be normal ones, on
    which a CPU is slow: that is what He's scheme avoids.
    """
    around = live.surroundings
    config = around.settings.model_dump()
    config["norm"] = {"name": "none", "_target_": "models.norms.none.NoNorm"}
    config["initialization"] |= {"scheme": "he", "gain": 1.0, "zero_gamma": False}
    if "branch" in config["model"]:
        config["model"]["branch"] = "standard"
    x, _ = around.splits["test"].batch(torch.zeros(1, dtype=torch.int64), None)
    with torch.no_grad():
        num_classes = live.copied_network().eval()(x).shape[1]
    network = build.network(config, around.splits["train"].image_shape, num_classes).to(around.device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    zero = torch.zeros((), device=around.device)
    optimizer = make_optimizer(network, around.settings.recipe)
    return State(network, optimizer, copy.deepcopy(live.state.scaler), live.step, zero, zero)


def saved_bytes(live: Live, network: nn.Module, x: Tensor, y: Tensor) -> int:
    """What autograd holds between a training batch's forward and backward pass, parameters and buffers aside."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    network.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = live.loss(network, x, y)
    # As long as the loss lives no storage is freed, and no address used twice.
    total = sum(kept.values())
    del loss
    return total


def _stepping(live: Live, state: State) -> Callable[[], object]:
    def step() -> None:
        state.model.train()
        state.step = live.step  # always the same batch: a new epoch's order would be drawn inside a slice
        live.surroundings.take_coming_step(state, rate=0.0)

    return step


def _evaluating(live: Live, network: nn.Module) -> Callable[[], object]:
    around = live.surroundings
    x, _ = around.splits["test"].batch(torch.arange(_evaluated(around)), None)
    network.eval()

    def evaluate() -> None:
        with torch.no_grad(), autocast(x.device, around.settings.precision):
            network(x)

    return evaluate


def _evaluated(around: Surroundings) -> int:
    """Images in an evaluation pass."""
    return min(EVALUATED, around.settings.evaluation_batch_size, len(around.splits["test"]))


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
