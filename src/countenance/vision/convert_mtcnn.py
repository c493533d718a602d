"""MTCNN's three networks: weight lists of the ``mtcnn`` wheel -> ONNX graphs.

The wheel ships each network as a joblib pickle of a list of float32 arrays, compressed with LZ4, in Keras layout: kernels
(rows, columns, in, out), PReLU slopes shared over space (1, 1, channels), dense layers (in, out). They are read by a
restricted unpickler that can build nothing but those arrays, and only after the file's hash was checked.

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
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from countenance.errors import PackError

OPSET = 17
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


def to_onnx(weights: list[NDArray[np.float32]], net: Net) -> onnx.ModelProto:
    """One network as ONNX: ``crops`` (n, height, width, 3) uint8 R, G, B -> its heads, float32.

    P-Net's heads are maps (n, c, rows, columns), the others' are rows (n, c); ``p`` is the probability of a face. The
    graph computes what the Keras layers compute, in an order that ONNX Runtime can fuse:

    - the input's ``(x - 127.5) / 127.5`` is folded into the first convolution, which has no padding;
    - PReLU before a max-pool moves behind it, to a quarter of the pixels. For slopes >= 0 it is increasing and commutes
      with the maximum. For slopes a < 0 it equals max(z, a z), so the convolution also gives a z for those channels, both
      are pooled, and the larger one is taken;
    - the softmax over (not a face, face) is the sigmoid of their difference.
    """
    queue = list(weights)
    graph = _Graph()
    value = graph.add("Cast", ["crops"], to=TensorProto.FLOAT)
    value = graph.add("Transpose", [value], perm=[0, 3, 1, 2])
    order: NDArray[np.intp] | None = None  # how the last block reordered its channels
    for number, pool in enumerate(net.pools):
        kernel, bias, slope = queue.pop(0), queue.pop(0), queue.pop(0).reshape(-1)
        if number == 0:
            kernel, bias = kernel / _MIDDLE, bias - kernel.sum(axis=(0, 1, 2))
        kernel = kernel.transpose(3, 2, 0, 1)
        kernel = kernel if order is None else kernel[:, order]
        value, order = graph.block(value, kernel, bias, slope, pool)
    if net.dense:
        value = graph.restored(value, order)
        value = graph.add("Transpose", [value], perm=[0, 3, 2, 1])  # the weights were trained on (W, H, C)
        value = graph.add("Flatten", [value], axis=1)
        value = graph.add("Gemm", [value, graph.constant(queue.pop(0)), graph.constant(queue.pop(0))])
        value = graph.add("PRelu", [value, graph.constant(queue.pop(0).reshape(-1))])
    for head in net.heads:
        kernel, bias = queue.pop(0), queue.pop(0)
        if head == "p":
            kernel, bias = kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]
        if not net.dense:
            kernel = kernel.transpose(3, 2, 0, 1) if order is None else kernel.transpose(3, 2, 0, 1)[:, order]
        result = graph.add(
            "Gemm" if net.dense else "Conv",
            [value, graph.constant(kernel), graph.constant(bias)],
            f"{head}_raw" if head == "p" else head,
        )
        if head == "p":
            graph.add("Sigmoid", [result], "p")
    return graph.model(net)


class _Graph:
    """Collects ONNX nodes and constants."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, array: NDArray[np.float32] | NDArray[np.intp]) -> str:
        kind = np.float32 if array.dtype.kind == "f" else np.int64
        self._constants.append(
            numpy_helper.from_array(np.ascontiguousarray(array, dtype=kind), f"w{len(self._constants)}")
        )
        return str(self._constants[-1].name)

    def add(self, operator: str, inputs: list[str], out: str | None = None, **attributes: Any) -> str:
        name = out or f"x{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def block(
        self,
        value: str,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32],
        slope: NDArray[np.float32],
        pool: tuple[int, bool] | None,
    ) -> tuple[str, NDArray[np.intp] | None]:
        """Convolution, PReLU, max-pool; gives the value and the order of its channels (None when unchanged)."""
        if pool is None:
            value = self.add("Conv", [value, self.constant(kernel), self.constant(bias)])
            value = self.add("PRelu", [value, self.constant(slope.reshape(-1, 1, 1))])
            return value, None
        order = np.argsort(slope >= 0, kind="stable")  # falling channels first
        n_falling, n = int((slope < 0).sum()), len(slope)
        falling = order[:n_falling]
        both = np.concatenate([kernel[order], kernel[falling] * slope[falling, None, None, None]])
        biases = np.concatenate([bias[order], bias[falling] * slope[falling]])
        value = self._pooled(self.add("Conv", [value, self.constant(both), self.constant(biases)]), pool)
        straight, turned = self._cut(value, 0, n_falling), self._cut(value, n, n + n_falling)
        rising = self.add(
            "PRelu", [self._cut(value, n_falling, n), self.constant(slope[order[n_falling:]].reshape(-1, 1, 1))]
        )
        return self.add("Concat", [self.add("Max", [straight, turned]), rising], axis=1), order

    def restored(self, value: str, order: NDArray[np.intp] | None) -> str:
        """Channels back in the order of the weights."""
        return value if order is None else self.add("Gather", [value, self.constant(np.argsort(order))], axis=1)

    def _pooled(self, value: str, pool: tuple[int, bool]) -> str:
        window, ceil = pool
        return self.add("MaxPool", [value], kernel_shape=[window, window], strides=[2, 2], ceil_mode=int(ceil))

    def _cut(self, value: str, start: int, stop: int) -> str:
        bounds = [self.constant(np.array([bound], dtype=np.intp)) for bound in (start, stop, 1)]
        return self.add("Slice", [value, *bounds])

    def model(self, net: Net) -> onnx.ModelProto:
        side: list[str | int | None] = [net.side_px, net.side_px] if net.side_px else ["height", "width"]
        tail: list[str | int | None] = [] if net.dense else ["rows", "columns"]
        body = helper.make_graph(
            self._nodes,
            net.name,
            [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", *side, 3])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", _SIZES[name], *tail]) for name in net.heads],
            self._constants,
        )
        model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        onnx.checker.check_model(model)
        return model


def convert_net(content: bytes, net: Net) -> bytes:
    """One ``.lz4`` weight list as serialised ONNX.

    Raises:
        PackError: the bytes are not the weights of that network.
    """
    weights = read_weights(content)
    try:
        return bytes(to_onnx(weights, net).SerializeToString())
    except (IndexError, ValueError, onnx.checker.ValidationError) as error:
        msg = f"The MTCNN weight list does not fit the network {net.name}."
        raise PackError(msg) from error
