"""TensorBoard's HParams table, with the seeds of one configuration in one group.

`SummaryWriter.add_hparams` has no group, leaves the metrics blank and writes booleans as numbers, so the plugin's own
messages are written instead.
"""

import time
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from torch.utils.tensorboard import SummaryWriter

from experiments.identity import EXECUTION, PROVENANCE

METRICS = ("accuracy/test", "accuracy/train", "loss/test", "loss/train", "train_mode/accuracy")
# TensorBoard sorts the columns by name and shows the first five: these come first, since the others begin with a dot
# that sorts after all letters.
FIRST = ("dataset", "model", "norm", "recipe", "seed")
# Not worth a column: where things come from, and how the run is executed.
LEFT_OUT = (*EXECUTION, *PROVENANCE, "log_every", "train_evaluation", "divergence_loss", "probes", "probe_every")


def flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, bool | float | str]:
    """Dotted keys with values of the three kinds that the table knows."""
    flat: dict[str, bool | float | str] = {}
    for key, value in settings.items():
        if key in LEFT_OUT:
            continue
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, (bool, str)):
            flat[prefix + key] = value
        elif isinstance(value, (int, float)):
            flat[prefix + key] = float(value)
        elif value is not None:
            flat[prefix + key] = str(value)
    return flat


def _column(key: str) -> str:
    """The name of a setting's column."""
    name = key.removesuffix(".name")
    return name if name in FIRST else f"· {name}"


def begin(board: SummaryWriter, config: dict[str, Any], group: str) -> None:
    """Write the columns and this run's row, which joins the row of its `group`."""
    values = {_column(key): value for key, value in flatten(config).items()}
    kinds = {bool: api_pb2.DATA_TYPE_BOOL, float: api_pb2.DATA_TYPE_FLOAT64, str: api_pb2.DATA_TYPE_STRING}
    columns = [api_pb2.HParamInfo(name=name, type=kinds[type(value)]) for name, value in values.items()]
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag)) for tag in METRICS]
    row = plugin_data_pb2.SessionStartInfo(group_name=group, start_time_secs=time.time())
    for name, value in values.items():
        field = {bool: "bool_value", float: "number_value", str: "string_value"}[type(value)]
        setattr(row.hparams[name], field, value)
    experiment = api_pb2.Experiment(hparam_infos=columns, metric_infos=metrics)
    _write(board, metadata.EXPERIMENT_TAG, plugin_data_pb2.HParamsPluginData(experiment=experiment))
    _write(board, metadata.SESSION_START_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_start_info=row))


def end(board: SummaryWriter, diverged: bool) -> None:
    """Close this run's row."""
    status = api_pb2.STATUS_FAILURE if diverged else api_pb2.STATUS_SUCCESS
    closing = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    _write(board, metadata.SESSION_END_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_end_info=closing))


def _write(board: SummaryWriter, tag: str, data: plugin_data_pb2.HParamsPluginData) -> None:
    about = metadata.create_summary_metadata(data)
    value = Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)
    board._get_file_writer().add_summary(Summary(value=[value]))
