"""Networks as ONNX files, and what onnxruntime computes with them. Both packages are the optional extra `export`."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from experiments import atomic
from experiments.errors import UserError

INPUT, OUTPUT = "images", "logits"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def require_packages() -> None:
    """Look for the packages without importing them.

    Raises:
        UserError: when one is missing, with the command that installs it.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"ONNX needs {', '.join(missing)}: pip install -e '.[export]', or choose format=safetensors to do without"
        )


def write(path: Path, model: nn.Module, example: Tensor, *, optimize: bool, about: dict[str, Any]) -> int:
    """Write `model` (on the CPU, in evaluation mode) as one file with a free batch size; returns its opset.

    Args:
        example: a batch of at least two inputs.
        optimize: let PyTorch's exporter simplify the graph; it then folds batch normalization itself.
        about: goes into the file's metadata, each value as JSON.
    """
    program = torch.onnx.export(
        model,
        (example,),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        optimize=optimize,
        verbose=False,
    )
    assert program is not None
    graph = program.model.graph
    # The exporter notes for each node which line of which local file it came from: of no use elsewhere, and private.
    for node in graph:
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*graph.inputs, *graph.initializers.values()):
        value.metadata_props.clear()
    graph.metadata_props.clear()
    program.model.metadata_props.update({key: json.dumps(value) for key, value in about.items()})
    content = program.model_proto.SerializeToString(deterministic=True)
    atomic.write(path, lambda file: file.write(content))
    return program.model.opset_imports[""]


def open_session(path: Path) -> Callable[[Tensor], Tensor]:
    """The network of an ONNX file on this machine's CPU: inputs to logits, both on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def compute(inputs: Tensor) -> Tensor:
        return torch.from_numpy(session.run([OUTPUT], {INPUT: inputs.contiguous().numpy()})[0])

    return compute
