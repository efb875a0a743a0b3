"""Which of PyTorch's operators a part of normlab calls, and which of them PyTorch names as nondeterministic on CUDA."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from live_runs import probe_of
from torch.utils._python_dispatch import TorchDispatchMode

from experiments import identity
from experiments.evaluate import batch_statistics, evaluation_mode, even_batches, predict
from experiments.job import build_parts
from experiments.probing.live import Live
from experiments.run import Run
from experiments.settings import Settings
from experiments.step import Step

# What stands in the documentation of torch.use_deterministic_algorithms for CUDA, and the operators that are meant:
# those of the backward pass where differentiating is what is named. What has no operator here (None) is of another
# kind of tensor (sparse), or of CPUs and Apple GPUs.
LISTED: dict[str, tuple[str, ...] | None] = {
    **{f"Conv{d}d": ("convolution", "convolution_backward") for d in (1, 2, 3)},
    **{f"ConvTranspose{d}d": ("convolution", "convolution_backward") for d in (1, 2, 3)},
    **{f"ReplicationPad{d}d": (f"replication_pad{d}d_backward",) for d in (1, 2, 3)},
    **{f"ReflectionPad{d}d": (f"reflection_pad{d}d_backward",) for d in (1, 2, 3)},
    **{f"MaxUnpool{d}d": (f"max_unpool{max(d, 2)}d",) for d in (1, 2, 3)},
    **{f"AdaptiveAvgPool{d}d": (f"_adaptive_avg_pool{d}d_backward",) for d in (2, 3)},
    **{f"FractionalMaxPool{d}d": (f"fractional_max_pool{d}d_backward",) for d in (2, 3)},
    "MaxPool3d": ("max_pool3d_with_indices_backward",),
    "AvgPool3d": ("avg_pool3d_backward",),
    "AdaptiveMaxPool2d": ("adaptive_max_pool2d_backward",),
    "NLLLoss": ("nll_loss_forward", "nll_loss2d_forward"),
    "CTCLoss": ("_ctc_loss_backward",),
    "Embedding": ("embedding_dense_backward",),
    "EmbeddingBag": ("_embedding_bag_dense_backward", "_embedding_bag_backward"),
    "bmm": None,
    "cumsum": ("cumsum",),
    "Tensor.__getitem__": None,
    "Tensor.index_put": ("index_put", "index_put_", "_index_put_impl_"),
    "Tensor.put_": ("put", "put_"),
    "Tensor.scatter_add_": ("scatter_add", "scatter_add_"),
    "Tensor.scatter": ("scatter", "scatter_"),
    "Tensor.scatter_reduce": ("scatter_reduce", "scatter_reduce_"),
    "Tensor.index_copy": ("index_copy", "index_copy_"),
    "Tensor.index_reduce": None,
    "Tensor.resize_": None,
    "gather": ("gather_backward",),
    "index_add": ("index_add", "index_add_"),
    "index_select": ("index_select_backward",),
    "repeat_interleave": ("repeat_interleave",),
    "interpolate": tuple(f"upsample_{how}_backward" for how in ("linear1d", "bilinear2d", "bicubic2d", "trilinear3d")),
    "grid_sample": ("grid_sampler_2d_backward", "grid_sampler_3d_backward"),
    "histc": ("histc",),
    "bincount": ("bincount",),
    "median": ("median", "nanmedian"),
    "kthvalue": None,
    "MaxPool2d": None,
}  # fmt: skip
OPERATORS = frozenset(operator for meant in LISTED.values() for operator in meant or ())


def documented() -> set[str]:
    """The names that PyTorch's documentation lists."""
    text = torch.use_deterministic_algorithms.__doc__ or ""
    items = re.findall(r"^ +\* (.*?)(?=^ +\* |^$)", text, re.MULTILINE | re.DOTALL)
    found = {name for item in items for name in re.findall(r":(?:class|func):`torch\.([\w.]+)`", item)}
    return {name.removeprefix("nn.functional.").removeprefix("nn.") for name in found}


class Called(TorchDispatchMode):
    """Records the operators that are called inside, those of the backward pass included."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        self.names.add(function.overloadpacket.__name__)
        return function(*arguments, **(keywords or {}))


@contextmanager
def called() -> Iterator[set[str]]:
    """The names of the operators that are called inside."""
    with Called() as mode:
        yield mode.names


def of_run(config: dict[str, Any]) -> set[str]:
    """What a step, with augmentation, and evaluation in both modes call."""
    parts = build_parts(config, Settings.check(config))
    run = Run(parts, Path("nowhere"), identity.group(config))
    model, train, test = run.state.model, parts.splits["train"], parts.splits["test"]
    draws = parts.augmentation.draw(0, 0, len(train), parts.device)
    indices = torch.arange(4)
    model.train()
    with called() as names:
        Step(run.state, train, parts.settings)(indices, draws, 0.1)
        with evaluation_mode(model):
            predict(model, even_batches(test, 4, torch.arange(8)), parts.settings.precision)
        with batch_statistics(model):
            predict(model, even_batches(test, 4, torch.arange(8)), parts.settings.precision)
    return names


def of_probe(name: str, live: Live) -> set[str]:
    """What a probe calls when it looks."""
    probe = probe_of(name, live)
    with called() as names:
        probe.measure(live)
    return names
