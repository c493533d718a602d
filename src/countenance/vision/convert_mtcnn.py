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

    dispatch = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]  # noqa: SLF001, RUF012
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
        heads: output names in the order of the weight list; ``p`` becomes a softmax.
    """

    name: str
    side_px: int
    pools: tuple[tuple[int, bool] | None, ...]
    dense: bool
    heads: tuple[str, ...]


PNET = Net("mtcnn-pnet", 0, ((2, True), None, None), dense=False, heads=("box", "p"))
RNET = Net("mtcnn-rnet", 24, ((3, True), (3, False), None), dense=True, heads=("box", "p"))
ONET = Net("mtcnn-onet", 48, ((3, True), (3, False), (2, True), None), dense=True, heads=("box", "points", "p"))
_SIZES = {"box": 4, "points": 10, "p": 2}


def to_onnx(weights: list[NDArray[np.float32]], net: Net) -> onnx.ModelProto:
    """One network as ONNX: ``crops`` (n, height, width, 3) uint8 R, G, B -> its heads, float32.

    P-Net's heads are maps (n, c, rows, columns), the others' are rows (n, c); ``p`` is (not a face, face). The input's
    ``(x - 127.5) / 127.5`` is folded into the first convolution, which has no padding.
    """
    queue = list(weights)
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(array: NDArray[np.float32]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array, dtype=np.float32), f"w{len(constants)}"))
        return str(constants[-1].name)

    def add(operator: str, inputs: list[str], out: str | None = None, **attributes: object) -> str:
        name = out or f"x{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    value = add("Cast", ["crops"], to=TensorProto.FLOAT)
    value = add("Transpose", [value], perm=[0, 3, 1, 2])
    for number, pool in enumerate(net.pools):
        kernel, bias = queue.pop(0), queue.pop(0)
        if number == 0:
            kernel, bias = kernel / _MIDDLE, bias - kernel.sum(axis=(0, 1, 2))
        value = add("Conv", [value, constant(kernel.transpose(3, 2, 0, 1)), constant(bias)])
        value = add("PRelu", [value, constant(queue.pop(0).reshape(-1, 1, 1))])
        if pool is not None:
            window, ceil = pool
            value = add(
                "MaxPool", [value], kernel_shape=[window, window], strides=[2, 2], ceil_mode=int(ceil)
            )
    if net.dense:
        value = add("Transpose", [value], perm=[0, 3, 2, 1])  # the weights were trained on (W, H, C)
        value = add("Flatten", [value], axis=1)
        value = add("Gemm", [value, constant(queue.pop(0)), constant(queue.pop(0))])
        value = add("PRelu", [value, constant(queue.pop(0).reshape(-1))])
    for head in net.heads:
        kernel, bias = queue.pop(0), queue.pop(0)
        target = f"{head}_raw" if head == "p" else head
        if net.dense:
            result = add("Gemm", [value, constant(kernel), constant(bias)], target)
        else:
            result = add("Conv", [value, constant(kernel.transpose(3, 2, 0, 1)), constant(bias)], target)
        if head == "p":
            add("Softmax", [result], "p", axis=1)
    side: list[object] = [net.side_px, net.side_px] if net.side_px else ["height", "width"]
    tail: list[object] = [] if net.dense else ["rows", "columns"]
    body = helper.make_graph(
        nodes,
        net.name,
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", *side, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", _SIZES[name], *tail]) for name in net.heads],
        constants,
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
    except (IndexError, ValueError) as error:
        msg = f"The MTCNN weight list does not fit the network {net.name}."
        raise PackError(msg) from error
