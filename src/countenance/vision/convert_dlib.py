"""dlib's ``.dat`` serialisation of the face ResNet, read without dlib and written as one ONNX graph.

The file holds version integers from the outermost layer inwards, then the layers' bodies from the innermost outwards.
Tag and skip layers have no body; where a shortcut begins follows from the order of the bodies, because every block is
``con affine relu con affine [avg_pool] add_prev relu``.

Source:
    dlib ``serialize.h`` (integers: a control byte with the length in the low four bits and the sign in the top bit,
    then little-endian bytes; floats: mantissa and exponent as two such integers), ``dnn/layers.h`` and
    ``cuda/tensor_tools.h``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from countenance.errors import PackError
from countenance.vision.graph import Graph

CROP_SIDE_PX = 150
TEMPLATE_SIZE = 128
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


@dataclass(frozen=True, slots=True)
class _Value:
    """A map in the graph: its name, its side in pixels and its channels."""

    name: str
    side: int
    channels: int


class _Assembly:
    """Puts the layers together, innermost first.

    Every affine layer is folded into the convolution before it, and the input's ``(x - mean) / 256`` into the first
    convolution, which has no padding, so both are exact up to float32 rounding.
    """

    def __init__(self) -> None:
        self.graph = Graph()
        self._value = _Value(self.graph.start(), CROP_SIDE_PX, 3)
        self._block: _Value | None = None  # where the current residual block began
        self._shortcut: _Value | None = None  # its pooled beginning, in blocks that halve
        self._n_convolutions = 0

    def put(self, layer: Layer) -> None:
        """Add one layer; affine layers are passed together with their convolution."""
        known = {"relu": self._relu, "max_pool": self._max_pool, "avg_pool": self._average, "add": self._join}
        if layer.kind == "fc" and layer.weight is not None:
            flat = self.graph.add("Flatten", [self._value.name], axis=1)
            self.graph.add("MatMul", [flat, self.graph.constant(layer.weight)], "descriptors")
        elif layer.kind in known:
            known[layer.kind](layer)
        else:
            msg = f"This dlib network has a layer out of place: {layer.kind}."
            raise PackError(msg)

    def convolve(self, layer: Layer, affine: Layer) -> None:
        """Add a convolution with the affine layer behind it."""
        if layer.weight is None or layer.bias is None or affine.weight is None or affine.bias is None:
            msg = "A convolution of this dlib network has no affine layer behind it."
            raise PackError(msg)
        weight, bias = layer.weight.astype(np.float64), layer.bias.astype(np.float64)
        if self._n_convolutions == 0:
            bias = bias - (weight * np.array(_MEANS)[None, :, None, None] / _SCALE).sum(axis=(1, 2, 3))
            weight = weight / _SCALE
        elif self._block is None:
            self._block = self._value
        self._n_convolutions += 1
        gamma, beta = affine.weight.astype(np.float64), affine.bias.astype(np.float64)
        rows, columns, stride, _, pad, _ = layer.window
        inputs = [weight * gamma[:, None, None, None], bias * gamma + beta]
        name = self.graph.add(
            "Conv",
            [self._value.name, *map(self.graph.constant, inputs)],
            kernel_shape=[rows, columns],
            strides=[stride, stride],
            pads=[pad] * 4,
        )
        self._value = _Value(name, (self._value.side + 2 * pad - rows) // stride + 1, weight.shape[0])

    def _relu(self, _: Layer) -> None:
        self._value = replace(self._value, name=self.graph.add("Relu", [self._value.name]))

    def _max_pool(self, layer: Layer) -> None:
        self._value = self._pooled("MaxPool", self._value, layer)

    def _average(self, layer: Layer) -> None:
        if layer.window[0] == 0:  # over everything, before the last layer
            self._value = replace(self._value, name=self.graph.add("GlobalAveragePool", [self._value.name]), side=1)
        elif self._block is not None:
            self._shortcut = self._pooled("AveragePool", self._block, layer)

    def _pooled(self, operator: str, value: _Value, layer: Layer) -> _Value:
        rows, _, stride, _, pad, _ = layer.window
        name = self.graph.add(
            operator, [value.name], kernel_shape=[rows, rows], strides=[stride, stride], pads=[pad] * 4
        )
        return replace(value, name=name, side=(value.side + 2 * pad - rows) // stride + 1)

    def _join(self, _: Layer) -> None:
        """Add the shortcut: dlib gives the larger of both shapes and takes what is missing as zero."""
        other = self._shortcut or self._block
        if other is None:
            msg = "This dlib network has a shortcut out of place."
            raise PackError(msg)
        side, channels = max(self._value.side, other.side), max(self._value.channels, other.channels)
        both = [self._padded(value, side, channels) for value in (self._value, other)]
        self._value = _Value(self.graph.add("Add", both), side, channels)
        self._block = self._shortcut = None

    def _padded(self, value: _Value, side: int, channels: int) -> str:
        if (value.side, value.channels) == (side, channels):
            return value.name
        more = side - value.side
        extra = np.array([0, 0, 0, 0, 0, channels - value.channels, more, more], dtype=np.int64)
        return self.graph.add("Pad", [value.name, self.graph.constant(extra)], mode="constant")


def to_onnx(layers: list[Layer]) -> bytes:
    """The network as ONNX: ``crops`` (n, 150, 150, 3) uint8 R, G, B -> ``descriptors`` (n, 128) float32."""
    assembly, queue = _Assembly(), list(layers)
    while queue:
        layer = queue.pop(0)
        if layer.kind == "con" and queue:
            assembly.convolve(layer, queue.pop(0))
        else:
            assembly.put(layer)
    shape = {"descriptors": ("n", TEMPLATE_SIZE)}
    return assembly.graph.serialise("dlib-face-resnet", [CROP_SIDE_PX] * 2, shape)


def convert_resnet(content: bytes) -> bytes:
    """The ``.dat`` file of dlib's face ResNet as serialised ONNX.

    Raises:
        PackError: the bytes are not that network.
    """
    try:
        return to_onnx(read_layers(content))
    except (ValueError, IndexError, OverflowError, MemoryError) as error:
        msg = "The dlib model file is damaged."
        raise PackError(msg) from error
