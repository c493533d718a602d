from __future__ import annotations

import collections
import os
import pickle
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np
import pytest

from countenance.core.arrays import FloatArray
from countenance.errors import PackError
from countenance.vision.convert_mtcnn import ONET, PNET, RNET, Net, convert_net, read_weights
from countenance.vision.packs import Pack, read_file
from countenance.vision.session import Session

NETS = {"pnet": PNET, "rnet": RNET, "onet": ONET}
SHAPES = {
    "pnet": [
        *[(3, 3, 3, 10), (10,), (1, 1, 10), (3, 3, 10, 16), (16,), (1, 1, 16), (3, 3, 16, 32), (32,), (1, 1, 32)],
        *[(1, 1, 32, 4), (4,), (1, 1, 32, 2), (2,)],
    ],
    "rnet": [
        *[(3, 3, 3, 28), (28,), (1, 1, 28), (3, 3, 28, 48), (48,), (1, 1, 48), (2, 2, 48, 64), (64,), (1, 1, 64)],
        *[(576, 128), (128,), (128,), (128, 4), (4,), (128, 2), (2,)],
    ],
    "onet": [
        *[(3, 3, 3, 32), (32,), (1, 1, 32), (3, 3, 32, 64), (64,), (1, 1, 64), (3, 3, 64, 64), (64,), (1, 1, 64)],
        *[(2, 2, 64, 128), (128,), (1, 1, 128), (1152, 256), (256,), (256,)],
        *[(256, 4), (4,), (256, 10), (10,), (256, 2), (2,)],
    ],
}


@pytest.fixture(scope="module")
def contents(default_pack: Pack) -> dict[str, bytes]:
    return {
        file.name.removesuffix(".lz4"): read_file(file, default_pack.folder) for file in default_pack.detector.files
    }


def forward(weights: list[FloatArray], net: Net, crops: np.ndarray[Any, Any]) -> dict[str, FloatArray]:
    """The network as Keras defines it: channels last, loops over the window, nothing folded."""
    queue = [array.astype(np.float64) for array in weights]
    x: FloatArray = (crops.astype(np.float64) - 127.5) / 127.5
    for pool in net.pools:
        x = convolve(x, queue.pop(0)) + queue.pop(0)
        x = np.where(x > 0, x, x * queue.pop(0).reshape(-1))
        if pool is not None:
            x = max_pool(x, *pool)
    if net.dense:
        x = x.transpose(0, 2, 1, 3).reshape(len(x), -1) @ queue.pop(0) + queue.pop(0)
        x = np.where(x > 0, x, x * queue.pop(0))
    heads: dict[str, FloatArray] = {}
    for name in net.heads:
        kernel, bias = queue.pop(0), queue.pop(0)
        y = (x @ kernel if net.dense else convolve(x, kernel)) + bias
        if name == "p":
            y = (np.exp(y) / np.exp(y).sum(axis=-1, keepdims=True))[..., 1:]  # of a face, not of no face
        heads[name] = y if net.dense else y.transpose(0, 3, 1, 2)
    return heads


def convolve(x: FloatArray, kernel: FloatArray) -> FloatArray:
    rows, columns = kernel.shape[:2]
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    parts = [x[:, dy : dy + height, dx : dx + width] @ kernel[dy, dx] for dy in range(rows) for dx in range(columns)]
    return np.asarray(np.sum(parts, axis=0))


def max_pool(x: FloatArray, window: int, ceil: bool) -> FloatArray:  # noqa: FBT001 - the layout's own pair
    def outputs(size: int) -> int:
        return (-(-(size - window) // 2) if ceil else (size - window) // 2) + 1

    height, width = outputs(x.shape[1]), outputs(x.shape[2])
    y = np.empty((len(x), height, width, x.shape[3]))
    for row in range(height):
        for column in range(width):
            y[:, row, column] = x[:, row * 2 : row * 2 + window, column * 2 : column * 2 + window].max(axis=(1, 2))
    return y


@pytest.mark.parametrize("name", NETS)
def test_the_weight_lists_have_the_published_layout(contents: dict[str, bytes], name: str) -> None:
    arrays = read_weights(contents[name])
    assert [array.shape for array in arrays] == SHAPES[name]
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in arrays)


@pytest.mark.parametrize(
    ("name", "height", "width"), [("pnet", 12, 12), ("pnet", 33, 46), ("rnet", 24, 24), ("onet", 48, 48)]
)
def test_the_graph_equals_the_definition(contents: dict[str, bytes], name: str, height: int, width: int) -> None:
    net = NETS[name]
    crops = np.random.default_rng(4).integers(0, 256, (2, height, width, 3)).astype(np.uint8)
    expected = forward(read_weights(contents[name]), net, crops)
    found = Session(convert_net(contents[name], net)).run({"crops": crops}, list(net.heads))
    for head, ours in zip(net.heads, found, strict=True):
        assert ours.shape == expected[head].shape
        assert ours == pytest.approx(expected[head], abs=1e-4)


def test_pooling_rounds_up_so_that_an_odd_rest_still_counts(contents: dict[str, bytes]) -> None:
    session = Session(convert_net(contents["pnet"], PNET))
    for side, cells in ((12, 1), (13, 2), (14, 2), (15, 3)):  # (side - 2) / 2 up, less 4
        box = session.run({"crops": np.zeros((1, side, side, 3), np.uint8)}, ["box"])[0]
        assert box.shape == (1, 4, cells, cells)


def test_weights_of_another_network_are_refused(contents: dict[str, bytes]) -> None:
    with pytest.raises(PackError, match="does not fit"):
        convert_net(contents["pnet"], RNET)


class Runs:
    """What an attacker would put into a weight file."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_names_another_class_runs_nothing(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "ran"
    bad = pickle.dumps([Runs(f"touch {mark}")], protocol=protocol)
    with pytest.raises(PackError, match="not allowed"):
        read_weights(lz4.frame.compress(bad))
    assert not mark.exists()
    pickle.loads(bad)  # noqa: S301 - shows that the file would have run
    assert mark.exists()


@pytest.mark.parametrize(
    "thing",
    [
        [collections.OrderedDict()],
        [os.path.join],
        [eval],
        [np.float32],
        [np.array([1.0], np.float32)],  # as numpy itself pickles it, which needs a function of numpy
    ],
)
def test_other_classes_are_refused_by_name(thing: object) -> None:
    with pytest.raises(PackError, match="not allowed"):
        read_weights(lz4.frame.compress(pickle.dumps(thing)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not lz4 at all",
        lz4.frame.compress(b""),
        lz4.frame.compress(b"\x80\x04."),
        lz4.frame.compress(b"\x80\x04\x95\xff\xff\xff\xff"),
        lz4.frame.compress(b"garbage that is no pickle"),
        lz4.frame.compress(pickle.dumps({"a": 1})),
        lz4.frame.compress(pickle.dumps([1, 2, 3])),
        lz4.frame.compress(pickle.dumps("text")),
    ],
)
def test_what_is_no_weight_list_is_refused(content: bytes) -> None:
    with pytest.raises(PackError):
        read_weights(content)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_weight_list_that_ends_too_early_is_refused(contents: dict[str, bytes], share: float) -> None:
    plain = lz4.frame.decompress(contents["rnet"])
    with pytest.raises(PackError):
        read_weights(lz4.frame.compress(plain[: int(len(plain) * share)]))


def test_arrays_of_another_type_are_refused(contents: dict[str, bytes]) -> None:
    plain = lz4.frame.decompress(contents["pnet"])
    assert b"f4" in plain
    with pytest.raises(PackError, match="not float32"):
        read_weights(lz4.frame.compress(plain.replace(b"f4", b"f8")))
