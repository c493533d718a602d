"""Writes ONNX graphs node by node; what the three converters share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from countenance.errors import PackError

OPSET = 17
IR_VERSION = 9
INPUT = "crops"


class Graph:
    """A graph under construction; values and constants get generated names.

    Its input is ``crops`` (n, rows, columns, 3) uint8 R, G, B, and ``start`` turns that into what convolutions take.
    """

    def __init__(self) -> None:
        """An empty graph."""
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def start(self) -> str:
        """The input as float32 (n, 3, rows, columns)."""
        return self.add("Transpose", [self.add("Cast", [INPUT], to=TensorProto.FLOAT)], perm=[0, 3, 1, 2])

    def constant(self, array: NDArray[Any]) -> str:
        """Name of a constant: float32, or int64 for whole numbers."""
        kind = np.float32 if array.dtype.kind == "f" else np.int64
        name = f"w{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array, dtype=kind), name))
        return name

    def add(self, operator: str, inputs: Sequence[str], out: str | None = None, **attributes: Any) -> str:  # noqa: ANN401 - ONNX attributes are of many kinds
        """Name of the value that one more node gives."""
        name = out or f"x{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def serialise(
        self, name: str, side: Sequence[int | str], outputs: Mapping[str, Sequence[int | str | None]]
    ) -> bytes:
        """The finished graph, serialised.

        Args:
            name: of the graph.
            side: rows and columns of the input; words for free sizes.
            outputs: shape of each named output.

        Raises:
            PackError: ONNX finds the graph unsound.
        """
        body = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", *side, 3])],
            [helper.make_tensor_value_info(out, TensorProto.FLOAT, list(shape)) for out, shape in outputs.items()],
            self._constants,
        )
        model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        try:
            onnx.checker.check_model(model)
        except onnx.checker.ValidationError as error:
            msg = f"The network {name} cannot be converted; its file is damaged or of another kind."
            raise PackError(msg) from error
        return bytes(model.SerializeToString())
