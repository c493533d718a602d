"""MTCNN's three networks: weight lists of the ``mtcnn`` wheel -> ONNX graphs.

The wheel ships each network as a joblib pickle of a list of float32 arrays, compressed with LZ4, in Keras layout:
kernels (rows, columns, in, out), PReLU slopes shared over space (1, 1, channels), dense layers (in, out). They are
read by a restricted unpickler that can build nothing but those arrays, and only after the file's hash was checked.

Source:
    K. Zhang et al., "Joint face detection and alignment using multi-task cascaded convolutional networks", IEEE SPL
    23(10), 2016.
"""

from __future__ import annotations

import io
import pickle
import struct
from dataclasses import dataclass
from typing import Any, ClassVar

import lz4.frame
import numpy as np
from numpy.typing import NDArray

from countenance.errors import PackError
from countenance.vision.graph import Graph

_MIDDLE = 127.5
_UNREADABLE = (
    RuntimeError,
    ValueError,
    IndexError,
    EOFError,
    KeyError,
    AttributeError,
    TypeError,
    OverflowError,
    struct.error,
)
"""What the decompressor and the unpickler raise on damaged bytes."""


class _Dtype:
    """Stands in for ``numpy.dtype``: remembers only its name."""

    def __init__(self, name: str, *_: object) -> None:
        self.name = name

    def __setstate__(self, state: tuple[object, ...]) -> None:
        """Byte order and the like; the name says all that is used."""


class _Wrapper:
    """Stands in for joblib's ``NumpyArrayWrapper``: the array's raw bytes follow it in the stream."""

    shape: tuple[int, ...]
    order: str
    dtype: _Dtype
    numpy_array_alignment_bytes: int


class _ListReader(pickle._Unpickler):  # noqa: SLF001 - the pure-Python one: it lets us read raw bytes between opcodes
    """Unpickles a list of float32 arrays and refuses every other class."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)  # noqa: SLF001
    stack: list[object]

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self._stream = stream

    def find_class(self, module: str, name: str) -> object:
        known = {
            ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Wrapper,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): _Dtype,
        }
        if (module, name) not in known:
            msg = f"The weight list names a class that is not allowed: {module}.{name}."
            raise PackError(msg)
        return known[module, name]

    def load_build(self) -> None:
        super().load_build()  # type: ignore[misc]
        wrapper = self.stack[-1]
        if isinstance(wrapper, _Wrapper):
            self.stack[-1] = self._array(wrapper)

    dispatch[pickle.BUILD[0]] = load_build

    def _array(self, wrapper: _Wrapper) -> NDArray[np.float32]:
        if wrapper.dtype.name != "f4" or wrapper.order != "C":
            msg = "The weight list holds an array that is not float32 in C order."
            raise PackError(msg)
        padding = self._stream.read(1)[0]  # joblib aligns the bytes that follow
        self._stream.seek(padding, io.SEEK_CUR)
        count = int(np.prod(wrapper.shape))
        return np.frombuffer(self._stream.read(4 * count), dtype="<f4").reshape(wrapper.shape)


def read_weights(content: bytes) -> list[NDArray[np.float32]]:
    """Arrays of one ``.lz4`` weight list, in the order of Keras' ``get_weights``.

    Raises:
        PackError: the bytes hold anything but float32 arrays.
    """
    try:
        found = _ListReader(io.BytesIO(lz4.frame.decompress(content))).load()
    except (*_UNREADABLE, pickle.UnpicklingError) as error:
        msg = "The MTCNN weight list cannot be read."
        raise PackError(msg) from error
    if not isinstance(found, list) or not all(isinstance(item, np.ndarray) for item in found):
        msg = "The MTCNN weight list holds something else than arrays."
        raise PackError(msg)
    return found


@dataclass(frozen=True, slots=True)
class Net:
    """Layout of one of the three networks.

    Attributes:
        name: graph name.
        side_px: input side; 0 for any size.
        pools: (window, ceil) after each convolution block; None for no pooling.
        dense: True when a dense layer stands before the heads.
        heads: output names in the order of the weight list; ``p`` becomes one probability.
    """

    name: str
    side_px: int
    pools: tuple[tuple[int, bool] | None, ...]
    dense: bool
    heads: tuple[str, ...]


PNET = Net("mtcnn-pnet", 0, ((2, True), None, None), dense=False, heads=("box", "p"))
RNET = Net("mtcnn-rnet", 24, ((3, True), (3, False), None), dense=True, heads=("box", "p"))
ONET = Net("mtcnn-onet", 48, ((3, True), (3, False), (2, True), None), dense=True, heads=("box", "points", "p"))
_SIZES = {"box": 4, "points": 10, "p": 1}


def to_onnx(weights: list[NDArray[np.float32]], net: Net) -> bytes:
    """One network as ONNX: ``crops`` (n, height, width, 3) uint8 R, G, B -> its heads, float32.

    P-Net's heads are maps (n, c, rows, columns), the others' are rows (n, c); ``p`` is the probability of a face. The
    graph computes what the Keras layers compute, in an order that ONNX Runtime can fuse:

    - the input's ``(x - 127.5) / 127.5`` is folded into the first convolution, which has no padding;
    - PReLU before a max-pool moves behind it, to a quarter of the pixels. For slopes >= 0 it is increasing and commutes
      with the maximum. For slopes a < 0 it equals max(z, a z), so the convolution also gives a z for those channels,
      both are pooled, and the larger one is taken;
    - the softmax over (not a face, face) is the sigmoid of their difference.
    """
    queue = list(weights)
    graph = Graph()
    value = graph.start()
    order: NDArray[np.intp] | None = None  # how the last block reordered its channels
    for number, pool in enumerate(net.pools):
        kernel, bias, slope = queue.pop(0), queue.pop(0), queue.pop(0).reshape(-1)
        if number == 0:
            kernel, bias = kernel / _MIDDLE, bias - kernel.sum(axis=(0, 1, 2))
        value, order = _block(graph, value, (_planar(kernel, order), bias, slope), pool)
    if net.dense:
        if order is not None:
            value = graph.add("Gather", [value, graph.constant(np.argsort(order))], axis=1)
        value = graph.add("Transpose", [value], perm=[0, 3, 2, 1])  # the weights were trained on (W, H, C)
        value = graph.add("Flatten", [value], axis=1)
        value = graph.add("Gemm", [value, graph.constant(queue.pop(0)), graph.constant(queue.pop(0))])
        value = graph.add("PRelu", [value, graph.constant(queue.pop(0).reshape(-1))])
    for head in net.heads:
        kernel, bias = queue.pop(0), queue.pop(0)
        if head == "p":
            kernel, bias = kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]
        weights_of_head = [value, graph.constant(kernel if net.dense else _planar(kernel, order)), graph.constant(bias)]
        result = graph.add("Gemm" if net.dense else "Conv", weights_of_head, "logit" if head == "p" else head)
        if head == "p":
            graph.add("Sigmoid", [result], "p")
    tail: list[str | int] = [] if net.dense else ["rows", "columns"]
    side: list[str | int] = [net.side_px, net.side_px] if net.side_px else ["height", "width"]
    return graph.serialise(net.name, side, {head: ["n", _SIZES[head], *tail] for head in net.heads})


def _planar(kernel: NDArray[np.float32], order: NDArray[np.intp] | None) -> NDArray[np.float32]:
    """A Keras kernel as (out, in, rows, columns), its inputs in the order that the last block gave them."""
    planar = kernel.transpose(3, 2, 0, 1)
    return planar if order is None else planar[:, order]


def _block(
    graph: Graph,
    value: str,
    layer: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    pool: tuple[int, bool] | None,
) -> tuple[str, NDArray[np.intp] | None]:
    """Convolution, PReLU, max-pool; gives the value and the order of its channels (None when unchanged)."""
    kernel, bias, slope = layer
    if pool is None:
        value = graph.add("Conv", [value, graph.constant(kernel), graph.constant(bias)])
        return graph.add("PRelu", [value, graph.constant(slope.reshape(-1, 1, 1))]), None
    order = np.argsort(slope >= 0, kind="stable")  # falling channels first
    n_falling, n = int((slope < 0).sum()), len(slope)
    falling = order[:n_falling]
    both = np.concatenate([kernel[order], kernel[falling] * slope[falling, None, None, None]])
    biases = np.concatenate([bias[order], bias[falling] * slope[falling]])
    window, ceil = pool
    value = graph.add("Conv", [value, graph.constant(both), graph.constant(biases)])
    value = graph.add("MaxPool", [value], kernel_shape=[window] * 2, strides=[2, 2], ceil_mode=int(ceil))
    straight, turned = _cut(graph, value, 0, n_falling), _cut(graph, value, n, n + n_falling)
    slopes = graph.constant(slope[order[n_falling:]].reshape(-1, 1, 1))
    rising = graph.add("PRelu", [_cut(graph, value, n_falling, n), slopes])
    return graph.add("Concat", [graph.add("Max", [straight, turned]), rising], axis=1), order


def _cut(graph: Graph, value: str, start: int, stop: int) -> str:
    """Channels [start, stop)."""
    return graph.add("Slice", [value, *(graph.constant(np.array([bound])) for bound in (start, stop, 1))])


def convert_net(content: bytes, net: Net) -> bytes:
    """One ``.lz4`` weight list as serialised ONNX.

    Raises:
        PackError: the bytes are not the weights of that network.
    """
    weights = read_weights(content)
    try:
        return to_onnx(weights, net)
    except (IndexError, ValueError) as error:
        msg = f"The MTCNN weight list does not fit the network {net.name}."
        raise PackError(msg) from error
