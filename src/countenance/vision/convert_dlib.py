"""dlib's ``.dat`` serialisation of the face ResNet, read without dlib and written as one ONNX graph.

The file holds version integers from the outermost layer inwards, then the layers' bodies from the innermost outwards.
Tag and skip layers have no body; where a shortcut begins follows from the order of the bodies, because every block is
``con affine relu con affine [avg_pool] add_prev relu``.

Source:
    dlib ``serialize.h`` (integers: a control byte with the length in the low four bits and the sign in the top bit, then
    little-endian bytes; floats: mantissa and exponent as two such integers), ``dnn/layers.h`` and ``cuda/tensor_tools.h``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from countenance.errors import PackError

CROP_SIDE_PX = 150
TEMPLATE_SIZE = 128
OPSET = 17
_MEANS = (122.782, 117.001, 104.298)
"""Channel means R, G, B that ``input_rgb_image_sized`` subtracts; the file is checked against them."""
_SCALE = 256.0
_INPUT_TAG = b"input_rgb_image_sized"


class DatReader:
    """Reads dlib's scalars, strings and tensors from bytes, in order."""

    def __init__(self, content: bytes, at: int = 0) -> None:
        self._content = content
        self.at = at

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes; PackError at the end of the file."""
        piece = self._content[self.at : self.at + count]
        if len(piece) != count:
            msg = "The dlib model file ends too early."
            raise PackError(msg)
        self.at += count
        return piece

    def integer(self) -> int:
        """One integer in dlib's variable-length form."""
        control = self.take(1)[0]
        value = int.from_bytes(self.take(control & 0x0F), "little")
        return -value if control & 0x80 else value

    def real(self) -> float:
        """One float or double, stored as mantissa and binary exponent."""
        mantissa = self.integer()
        return float(mantissa) * 2.0 ** self.integer()

    def text(self) -> str:
        """One string: length, then bytes."""
        return self.take(self.integer()).decode("latin-1")

    def flag(self) -> bool:
        """One bool, stored as the character 0 or 1."""
        return self.take(1) == b"1"

    def tensor(self) -> NDArray[np.float32]:
        """One tensor (samples, channels, rows, columns) float32; of size zero where dlib stored none."""
        if self.integer() != 2:  # noqa: PLR2004 - the only tensor version that dlib ever wrote to published models
            msg = "The dlib model file has an unknown tensor version."
            raise PackError(msg)
        shape = tuple(self.integer() for _ in range(4))
        count = int(np.prod(shape))
        return np.frombuffer(self.take(4 * count), dtype="<f4").reshape(shape)

    def alias(self) -> tuple[int, ...]:
        """The shape of a view into a parameter tensor."""
        self.integer()
        return tuple(self.integer() for _ in range(4))


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer with parameters: kind as dlib names it, arrays and window."""

    kind: str
    weight: NDArray[np.float32] | None = None
    bias: NDArray[np.float32] | None = None
    window: tuple[int, ...] = ()


def _split(params: NDArray[np.float32], *shapes: tuple[int, ...]) -> list[NDArray[np.float32]]:
    flat, pieces, at = params.reshape(-1), [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        pieces.append(flat[at : at + size].reshape(shape))
        at += size
    return pieces


def _convolution(read: DatReader) -> Layer:
    params = read.tensor()
    window = tuple(read.integer() for _ in range(7))  # filters, rows, columns, strides y x, paddings y x
    weight, bias = _split(params, read.alias(), read.alias())
    for _ in range(4):
        read.real()
    return Layer("con", weight, bias.reshape(-1), window[1:])


def _affine(read: DatReader) -> Layer:
    params = read.tensor()
    gamma, beta = _split(params, read.alias(), read.alias())
    read.integer()
    return Layer("affine", gamma.reshape(-1), beta.reshape(-1))


def _pool(kind: str) -> Callable[[DatReader], Layer]:
    return lambda read: Layer(kind, window=tuple(read.integer() for _ in range(6)))


def _dense(read: DatReader) -> Layer:
    read.integer()
    read.integer()
    params = read.tensor()
    weight_shape = read.alias()
    read.alias()
    read.integer()
    for _ in range(4):
        read.real()
    return Layer("fc", _split(params, weight_shape)[0].reshape(weight_shape[0], -1))


_BODIES: dict[str, Callable[[DatReader], Layer]] = {
    "con_4": _convolution,
    "affine_": _affine,
    "relu_": lambda _: Layer("relu"),
    "max_pool_2": _pool("max_pool"),
    "avg_pool_2": _pool("avg_pool"),
    "add_prev_": lambda _: Layer("add"),
    "fc_2": _dense,
}


def read_layers(content: bytes) -> list[Layer]:
    """Layers of a serialised dlib network, innermost first.

    Args:
        content: the ``.dat`` file.

    Raises:
        PackError: the file is not a network of the kinds of layer that the face ResNet uses.
    """
    start = content.find(_INPUT_TAG)
    if start < 0:
        msg = "This is not dlib's face network: the input layer is not the expected one."
        raise PackError(msg)
    read = DatReader(content, start + len(_INPUT_TAG))
    means = tuple(read.real() for _ in range(3))
    rows, columns = read.integer(), read.integer()
    if (rows, columns) != (CROP_SIDE_PX, CROP_SIDE_PX) or not np.allclose(means, _MEANS, atol=1e-2):
        msg = "This dlib network expects another input than the face ResNet does."
        raise PackError(msg)
    layers: list[Layer] = []
    while not layers or layers[-1].kind != "fc":
        name = read.text()
        if name not in _BODIES:
            msg = f"This dlib network has a layer that the converter does not know: {name[:40]!r}."
            raise PackError(msg)
        layers.append(_BODIES[name](read))
        for _ in range(3):  # set up?, gradient stale?, output disabled?
            read.flag()
        for _ in range(3):  # gradients and cached output; stored empty
            read.tensor()
        if len(layers) == 1:
            read.integer()  # sample expansion factor
    return layers


class _Graph:
    """Collects ONNX nodes and initialisers under generated names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def constant(self, array: NDArray[Any]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name


def to_onnx(layers: list[Layer]) -> onnx.ModelProto:
    """The network as ONNX: ``crops`` (n, 150, 150, 3) uint8 R, G, B -> ``descriptors`` (n, 128) float32.

    Every affine layer is folded into the convolution before it and the input's ``(x - mean) / 256`` into the first
    convolution, which has no padding, so both are exact up to float32 rounding.
    """
    graph = _Graph()
    value = graph.add("Cast", ["crops"], to=TensorProto.FLOAT)
    value = graph.add("Transpose", [value], perm=[0, 3, 1, 2])
    side, channels = CROP_SIDE_PX, 3
    block_start: tuple[str, int, int] | None = None
    shortcut: tuple[str, int, int] | None = None
    queue = list(layers)
    first = True
    while queue:
        layer = queue.pop(0)
        if layer.kind == "con":
            if layer.weight is None or layer.bias is None or queue[0].weight is None or queue[0].bias is None:
                msg = "A convolution of this dlib network has no affine layer behind it."
                raise PackError(msg)
            affine = queue.pop(0)
            gamma, beta = affine.weight.astype(np.float64), affine.bias.astype(np.float64)  # type: ignore[union-attr]
            weight, bias = layer.weight.astype(np.float64), layer.bias.astype(np.float64)
            if first:
                weight, bias = _fold_input(weight, bias)
            if not first and (block_start is None):
                block_start = (value, side, channels)
            first = False
            rows, columns, stride, _, pad, _ = layer.window
            weights = graph.constant((weight * gamma[:, None, None, None]).astype(np.float32))
            biases = graph.constant((bias * gamma + beta).astype(np.float32))
            value = graph.add(
                "Conv",
                [value, weights, biases],
                kernel_shape=[rows, columns],
                strides=[stride, stride],
                pads=[pad, pad, pad, pad],
            )
            side, channels = (side + 2 * pad - rows) // stride + 1, weight.shape[0]
        elif layer.kind == "relu":
            value = graph.add("Relu", [value])
        elif layer.kind == "max_pool":
            rows, _, stride, _, pad, _ = layer.window
            value = graph.add("MaxPool", [value], kernel_shape=[rows, rows], strides=[stride, stride], pads=[pad] * 4)
            side = (side + 2 * pad - rows) // stride + 1
        elif layer.kind == "avg_pool" and layer.window[0] == 0:
            value = graph.add("GlobalAveragePool", [value])
        elif layer.kind == "avg_pool" and block_start is not None:
            start, start_side, start_channels = block_start
            rows, _, stride, _, _, _ = layer.window
            pooled = graph.add("AveragePool", [start], kernel_shape=[rows, rows], strides=[stride, stride])
            shortcut = (pooled, (start_side - rows) // stride + 1, start_channels)
        elif layer.kind == "add" and block_start is not None:
            other, other_side, other_channels = shortcut or block_start
            out_side, out_channels = max(side, other_side), max(channels, other_channels)
            # dlib's add_prev gives the larger of both shapes and takes what is missing as zero.
            value = _pad(graph, value, side, channels, out_side, out_channels)
            other = _pad(graph, other, other_side, other_channels, out_side, out_channels)
            value = graph.add("Add", [value, other])
            side, channels, block_start, shortcut = out_side, out_channels, None, None
        elif layer.kind == "fc" and layer.weight is not None:
            value = graph.add("Flatten", [value], axis=1)
            graph.nodes.append(helper.make_node("MatMul", [value, graph.constant(layer.weight)], ["descriptors"]))
        else:
            msg = f"This dlib network has a layer out of place: {layer.kind}."
            raise PackError(msg)
    crops = helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", CROP_SIDE_PX, CROP_SIDE_PX, 3])
    out = helper.make_tensor_value_info("descriptors", TensorProto.FLOAT, ["n", TEMPLATE_SIZE])
    body = helper.make_graph(graph.nodes, "dlib-face-resnet", [crops], [out], graph.weights)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def _fold_input(weight: NDArray[Any], bias: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    means = np.array(_MEANS, dtype=np.float64)[None, :, None, None]
    return weight / _SCALE, bias - (weight * means / _SCALE).sum(axis=(1, 2, 3))


def _pad(graph: _Graph, value: str, side: int, channels: int, out_side: int, out_channels: int) -> str:
    if (side, channels) == (out_side, out_channels):
        return value
    extra = np.array([0, 0, 0, 0, 0, out_channels - channels, out_side - side, out_side - side], dtype=np.int64)
    return graph.add("Pad", [value, graph.constant(extra)], mode="constant")


def convert_resnet(content: bytes) -> bytes:
    """The ``.dat`` file of dlib's face ResNet as serialised ONNX.

    Raises:
        PackError: the bytes are not that network.
    """
    try:
        return bytes(to_onnx(read_layers(content)).SerializeToString())
    except (ValueError, IndexError, OverflowError, MemoryError, onnx.checker.ValidationError) as error:
        msg = "The dlib model file is damaged."
        raise PackError(msg) from error
