"""The one door to ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countenance.errors import PackError

# From 1.32 on, ONNX Runtime sends usage data to its maker, seconds after it was imported, and keeps an id of the
# machine in the user's cache. Its function that switches this off comes too late; only this variable, set before, stops
# it.
os.putenv("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime


def _failures() -> tuple[type[Exception], ...]:
    """ONNX Runtime's own errors, which have no common base of their own."""
    names = (
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NoSuchFile",
        "NotImplemented",
        "RuntimeException",
    )
    state = onnxruntime.capi.onnxruntime_pybind11_state
    return tuple(getattr(state, name) for name in names if hasattr(state, name))


_LOADING: tuple[type[Exception], ...] = (RuntimeError, ValueError, OSError, *_failures())


def providers(device: str) -> list[str]:
    """Execution providers to ask for.

    Args:
        device: ``auto`` (CUDA when present), ``cpu`` or ``cuda``.

    Raises:
        PackError: ``cuda`` was demanded and this ONNX Runtime has no CUDA provider.
    """
    present = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if device == "cuda" and not present:
        msg = "The settings ask for CUDA, but this ONNX Runtime has no CUDA provider."
        raise PackError(msg, advice='Install the `cuda` extra, or set device = "auto".')
    if present and device in ("auto", "cuda"):
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]
    return ["CPUExecutionProvider"]


class Session:
    """One loaded network.

    Runs on one thread: ONNX Runtime's own threads spin and cost twice the processor time for nothing here, because the
    work is spread over processes.
    """

    def __init__(self, model: Path | bytes, device: str = "cpu") -> None:
        """Load a network.

        Args:
            model: serialised ONNX or the file that holds it.
            device: ``auto``, ``cpu`` or ``cuda``.

        Raises:
            PackError: ONNX Runtime cannot load it.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Photos come in many sizes; a pattern cached per shape would only grow.
        options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(
                model if isinstance(model, bytes) else str(model), options, providers=providers(device)
            )
        except _LOADING as error:
            msg = "ONNX Runtime cannot load this network."
            raise PackError(msg) from error
        self.inputs = {item.name: list(item.shape) for item in self._session.get_inputs()}
        self.outputs = [item.name for item in self._session.get_outputs()]

    def run(self, feeds: Mapping[str, NDArray[Any]], outputs: list[str] | None = None) -> list[NDArray[np.float32]]:
        """Outputs of one forward pass, in the order asked for (all of them when nothing is asked).

        Raises:
            PackError: the network does not accept these arrays.
        """
        try:
            return list(self._session.run(outputs, dict(feeds)))
        except _LOADING as error:
            msg = "This network does not accept what its manifest says it accepts."
            raise PackError(msg) from error
