from __future__ import annotations

import re
import struct

import cv2
import dlib
import numpy as np
import onnx
import pytest

from countenance.core.arrays import Crops
from countenance.demo.draw import Portrait
from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision import convert_dlib
from countenance.vision.align import align
from countenance.vision.cache import networks
from countenance.vision.convert_dlib import DatReader, convert_resnet, read_layers
from countenance.vision.packs import Pack, locate, read_file
from countenance.vision.pyramid import Pyramid
from countenance.vision.session import Session

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def content(default_pack: Pack) -> bytes:
    return read_file(default_pack.embedder.files[0], default_pack.folder)


@pytest.fixture(scope="module")
def session(default_pack: Pack, vision_settings: Settings) -> Session:
    return Session(networks(default_pack, vision_settings, "embedder")["embedder"])


@pytest.fixture(scope="module")
def crops(portraits: list[Portrait], default_pack: Pack) -> Crops:
    """Drawn faces, aligned; smooth random pictures; hard edges; black; white."""
    faces = [align(Pyramid(one.pixels), one.landmarks[None], default_pack.embedder) for one in portraits[:4]]
    chance = np.random.default_rng(5)
    smooth = [cv2.resize(chance.integers(0, 256, (6, 6, 3)).astype(np.uint8), (150, 150)) for _ in range(2)]
    edges = np.kron(chance.integers(0, 2, (15, 15, 1)), np.ones((10, 10, 3))).astype(np.uint8) * 255
    plain = [np.zeros((150, 150, 3), np.uint8), np.full((150, 150, 3), 255, np.uint8)]
    return np.concatenate([*faces, np.stack([*smooth, edges, *plain])]).astype(np.uint8)


def test_the_network_equals_dlibs_own(session: Session, crops: Crops, default_pack: Pack) -> None:
    path = locate(default_pack.embedder.files[0], default_pack.folder)
    theirs = dlib.face_recognition_model_v1(str(path))
    expected = np.array([np.array(theirs.compute_face_descriptor(crop)) for crop in crops])
    ours = session.run({"crops": crops}, ["descriptors"])[0]
    assert ours.shape == expected.shape == (len(crops), 128)
    assert np.abs(ours - expected).max() <= TOLERANCE
    # The comparison would be empty if every crop gave much the same numbers.
    apart = np.linalg.norm(expected[:, None] - expected[None], axis=2)[np.triu_indices(len(crops), 1)]
    assert apart.min() > 0.05


def test_a_batch_gives_what_its_crops_give_alone(session: Session, crops: Crops) -> None:
    together = session.run({"crops": crops}, ["descriptors"])[0]
    alone = np.concatenate([session.run({"crops": crop[None]}, ["descriptors"])[0] for crop in crops])
    assert together == pytest.approx(alone, abs=1e-6)


def test_no_crops_are_no_descriptors(session: Session) -> None:
    none = np.empty((0, 150, 150, 3), dtype=np.uint8)
    assert session.run({"crops": none}, ["descriptors"])[0].shape == (0, 128)


def test_channels_are_red_green_blue(session: Session, crops: Crops) -> None:
    swapped = np.ascontiguousarray(crops[:1, :, :, ::-1])
    ours, other = (session.run({"crops": batch}, ["descriptors"])[0] for batch in (crops[:1], swapped))
    assert np.abs(ours - other).max() > 0.01


def test_the_layers_are_those_of_the_face_resnet(content: bytes) -> None:
    kinds = [layer.kind for layer in read_layers(content)]
    assert kinds.count("con") == 29
    assert kinds.count("add") == 14
    assert kinds[-2:] == ["avg_pool", "fc"]


def test_conversion_gives_the_same_bytes_each_time(content: bytes) -> None:
    first = convert_resnet(content)
    assert first == convert_resnet(content)
    onnx.checker.check_model(onnx.load_from_string(first), full_check=True)


@pytest.mark.parametrize("length", [0, 100, 1_000, 1_000_000])
def test_a_file_that_ends_too_early_is_refused(content: bytes, length: int) -> None:
    with pytest.raises(PackError):
        convert_resnet(content[:length])


def test_damaged_numbers_are_refused_and_never_crash(content: bytes) -> None:
    """Bytes of the layer list are changed; the tensors between them are large and would only change weights."""
    places = [found.start() for found in re.finditer(rb"con_4|affine_|add_prev_|fc_2", content)]
    chance = np.random.default_rng(9)
    refused = 0
    for _ in range(12):
        damaged = bytearray(content)
        damaged[int(chance.choice(places)) + int(chance.integers(4, 40))] = int(chance.integers(256))
        try:
            convert_resnet(bytes(damaged))
        except PackError:
            refused += 1
    assert refused > 3


def test_other_bytes_are_refused() -> None:
    with pytest.raises(PackError, match="input layer"):
        convert_resnet(bytes(range(256)) * 100)


def test_another_input_is_refused(content: bytes) -> None:
    start = content.index(b"input_rgb_image_sized") + len(b"input_rgb_image_sized")
    side = content.index(b"\x01\x96\x01\x96", start)  # 150 rows, 150 columns
    assert side < start + 30
    with pytest.raises(PackError, match="another input"):
        convert_resnet(content[:side] + b"\x01\x95" + content[side + 2 :])


def test_an_unknown_layer_is_named(content: bytes) -> None:
    with pytest.raises(PackError, match="con_9"):
        convert_resnet(content.replace(b"con_4", b"con_9", 1))


def test_an_unknown_tensor_version_is_refused() -> None:
    with pytest.raises(PackError, match="tensor version"):
        DatReader(b"\x01\x07").tensor()


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        (b"\x01\x00", 0),
        (b"\x01\x2a", 42),
        (b"\x81\x2a", -42),
        (b"\x02\x01\x02", 513),
        (b"\x84\xff\xff\xff\x7f", -(2**31) + 1),
    ],
)
def test_integers_are_read_as_dlib_writes_them(stored: bytes, value: int) -> None:
    read = DatReader(stored)
    assert read.integer() == value
    assert read.at == len(stored)


def test_reals_are_mantissa_and_exponent() -> None:
    assert DatReader(b"\x01\x03\x81\x01").real() == 1.5
    assert DatReader(b"\x81\x05\x01\x02").real() == -20


def test_text_flags_and_tensors() -> None:
    shape = b"".join(b"\x01" + bytes([size]) for size in (1, 2, 1, 3))
    numbers = struct.pack("<6f", *range(6))
    read = DatReader(b"\x01\x02hi" + b"10" + b"\x01\x02" + shape + numbers)
    assert read.text() == "hi"
    assert (read.flag(), read.flag()) == (True, False)
    assert read.tensor().tolist() == [[[[0, 1, 2]], [[3, 4, 5]]]]
    with pytest.raises(PackError, match="ends too early"):
        read.take(1)


def test_the_smaller_side_of_a_shortcut_is_filled_with_zeros() -> None:
    """`add_prev` of dlib takes what is missing as zero; two shortcuts of the network rely on it."""
    layers = [
        convert_dlib.Layer(
            "con", np.full((2, 3, 7, 7), 1 / 147, np.float32), np.zeros(2, np.float32), (7, 7, 2, 2, 0, 0)
        ),
        convert_dlib.Layer("affine", np.full(2, 256, np.float32), np.full(2, 500, np.float32)),
        convert_dlib.Layer("relu"),
        convert_dlib.Layer(
            "con", np.full((3, 2, 3, 3), 1 / 18, np.float32), np.zeros(3, np.float32), (3, 3, 2, 2, 0, 0)
        ),
        convert_dlib.Layer("affine", np.ones(3, np.float32), np.zeros(3, np.float32)),
        convert_dlib.Layer("avg_pool", window=(2, 2, 2, 2, 0, 0)),
        convert_dlib.Layer("add"),
        convert_dlib.Layer("avg_pool", window=(0, 0, 1, 1, 0, 0)),
        convert_dlib.Layer("fc", np.eye(3, 128, dtype=np.float32)),
    ]
    out = Session(convert_dlib.to_onnx(layers)).run({"crops": np.full((1, 150, 150, 3), 120, np.uint8)})
    level = 120 - np.mean([122.782, 117.001, 104.298]) + 500  # of a plain picture, after the first convolution
    # 72 px -> 35 px through the convolution, 36 px through the pooled shortcut: what is missing of the former is zero.
    expected = [level * (1 + 35**2 / 36**2)] * 2 + [level * 35**2 / 36**2]
    assert out[0][0, :3] == pytest.approx(expected, rel=1e-4)
