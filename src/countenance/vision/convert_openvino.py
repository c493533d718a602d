"""OpenVINO IR (version 11, compressed to FP16) -> ONNX, for convolutional embedders published in that form only.

Source:
    OpenVINO IR documentation, operation sets 1-8: a layer list and an edge list in XML, constants as offsets into one
    binary file.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countenance.errors import PackError
from countenance.vision.graph import Graph

_DTYPES = {"f16": "<f2", "f32": "<f4", "i64": "<i8"}
_SAME_NAME = {"Add": "Add", "Multiply": "Mul", "Sigmoid": "Sigmoid"}


def convert_network(description: bytes, constants: bytes, colour: str) -> bytes:
    """The network as serialised ONNX: ``crops`` (n, side, side, 3) uint8 R, G, B -> ``descriptors`` (n, d) float32.

    Args:
        description: the ``.xml`` file.
        constants: the ``.bin`` file.
        colour: ``RGB`` or ``BGR``, the order in which the network wants its channels.

    Raises:
        PackError: the description is not IR or has an operation that the converter does not know.
    """
    try:
        root = ET.fromstring(description)  # noqa: S314 - the file's hash was checked against its manifest
        return _Conversion(root, constants, colour).serialise()
    except (ET.ParseError, KeyError, IndexError, ValueError, AttributeError) as error:
        msg = "The OpenVINO files of this pack cannot be converted."
        raise PackError(msg) from error


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part.strip()]


class _Conversion:
    """One pass over the layers, which IR keeps in topological order."""

    def __init__(self, root: ET.Element, constants: bytes, colour: str) -> None:
        self._root, self._constants, self._colour = root, constants, colour
        self._arrays: dict[str, NDArray[Any]] = {}
        self._names: dict[str, str] = {}
        self._graph = Graph()
        self._side = 0
        self._inputs: dict[str, list[str]] = {}
        edges = sorted(root.iter("edge"), key=lambda edge: int(edge.attrib["to-port"]))
        for edge in edges:
            self._inputs.setdefault(edge.attrib["to-layer"], []).append(edge.attrib["from-layer"])

    def serialise(self) -> bytes:
        out = ""
        layers = self._root.find("layers")
        for layer in layers if layers is not None else ():
            out = self._layer(layer) or out
        self._graph.add("Flatten", [out], "descriptors", axis=1)
        return self._graph.serialise("openvino-embedder", [self._side] * 2, {"descriptors": ["n", "d"]})

    def _layer(self, layer: ET.Element) -> str:
        """Convert one layer; its output name, or nothing for constants and the end."""
        kind, key = layer.attrib["type"], layer.attrib["id"]
        element = layer.find("data")
        facts = element.attrib if element is not None else {}
        sources = self._inputs.get(key, [])
        if kind == "Const":
            self._arrays[key] = self._constant(facts)
            return ""
        if kind == "Convert" and sources[0] in self._arrays:
            self._arrays[key] = self._arrays[sources[0]].astype(np.float32)
            return ""
        if kind == "Parameter":
            self._names[key] = self._input(_numbers(facts["shape"]))
        elif kind in _SAME_NAME:
            self._names[key] = self._graph.add(_SAME_NAME[kind], [self._value(source) for source in sources])
        elif kind in ("Convolution", "GroupConvolution"):
            self._names[key] = self._convolution(sources, facts, grouped=kind == "GroupConvolution")
        elif kind == "PReLU":
            self._names[key] = self._activation(self._value(sources[0]), self._arrays[sources[1]])
        elif kind == "AvgPool" and not any(_numbers(facts["pads_begin"]) + _numbers(facts["pads_end"])):
            self._names[key] = self._pool(self._value(sources[0]), facts, self._shape_of_input(layer))
        elif kind == "Result":
            return self._names[sources[0]]
        else:
            msg = f"This pack's network has an operation that the converter does not know: {kind}."
            raise PackError(msg)
        return ""

    def _activation(self, value: str, slope: NDArray[Any]) -> str:
        """One slope for all channels is a leaky ReLU, which ONNX Runtime fuses into the convolution."""
        if slope.size == 1:
            return self._graph.add("LeakyRelu", [value], alpha=float(slope.reshape(-1)[0]))
        return self._graph.add("PRelu", [value, self._graph.constant(slope.reshape(-1, 1, 1))])

    def _pool(self, value: str, facts: dict[str, str], side: list[int]) -> str:
        kernel = _numbers(facts["kernel"])
        if kernel == side:
            return self._graph.add("GlobalAveragePool", [value])
        return self._graph.add("AveragePool", [value], kernel_shape=kernel, strides=_numbers(facts["strides"]))

    @staticmethod
    def _shape_of_input(layer: ET.Element) -> list[int]:
        """Rows and columns of a layer's first input."""
        port = layer.find("input/port")
        sizes = [int(size.text or 0) for size in port.findall("dim")] if port is not None else []
        return sizes[2:]

    def _constant(self, facts: dict[str, str]) -> NDArray[Any]:
        start, size = int(facts["offset"]), int(facts["size"])
        piece = self._constants[start : start + size]
        return np.frombuffer(piece, dtype=_DTYPES[facts["element_type"]]).reshape(_numbers(facts["shape"]))

    def _input(self, shape: list[int]) -> str:
        self._side = shape[-1]
        value = self._graph.start()
        if self._colour == "BGR":
            value = self._graph.add(
                "Gather", [value, self._graph.constant(np.array([2, 1, 0], dtype=np.int64))], axis=1
            )
        return value

    def _convolution(self, sources: list[str], facts: dict[str, str], *, grouped: bool) -> str:
        kernel = self._arrays[sources[1]]
        groups = kernel.shape[0] if grouped else 1
        if grouped:
            kernel = kernel.reshape(kernel.shape[0] * kernel.shape[1], *kernel.shape[2:])
        return self._graph.add(
            "Conv",
            [self._value(sources[0]), self._graph.constant(kernel)],
            kernel_shape=list(kernel.shape[2:]),
            strides=_numbers(facts["strides"]),
            pads=_numbers(facts["pads_begin"]) + _numbers(facts["pads_end"]),
            dilations=_numbers(facts["dilations"]),
            group=groups,
        )

    def _value(self, source: str) -> str:
        return self._graph.constant(self._arrays[source]) if source in self._arrays else self._names[source]
