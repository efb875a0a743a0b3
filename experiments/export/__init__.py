"""Trained networks as files that need no run: safetensors with a description, and ONNX."""

from experiments.export.loading import load

__all__ = ["load"]
