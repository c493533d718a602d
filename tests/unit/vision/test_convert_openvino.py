from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from countenance.core.arrays import Crops, FloatArray, unit_rows
from countenance.demo.draw import Portrait
from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision.align import align
from countenance.vision.cache import networks
from countenance.vision.convert_openvino import convert_network
from countenance.vision.packs import Pack
from countenance.vision.pyramid import Pyramid
from countenance.vision.session import Session

SIDE = 4


class Network:
    """Writes a small network in OpenVINO's format: constants into one file, layers and edges into the other."""

    def __init__(self) -> None:
        self.constants = b""
        self.layers: list[str] = []
        self.edges: list[str] = []

    def layer(self, kind: str, facts: str = "", sources: tuple[int, ...] = (), shape: tuple[int, ...] = ()) -> int:
        number = len(self.layers)
        sizes = "".join(f"<dim>{size}</dim>" for size in shape)
        port = f'<input><port id="0">{sizes}</port></input>' if shape else ""
        self.layers.append(f'<layer id="{number}" type="{kind}"><data {facts}/>{port}</layer>')
        for at, source in enumerate(sources):
            self.edges.append(f'<edge from-layer="{source}" from-port="9" to-layer="{number}" to-port="{at}"/>')
        return number

    def constant(self, array: FloatArray) -> int:
        """As published: float16, with a conversion to float32 behind it."""
        stored = array.astype("<f2").tobytes()
        shape = ",".join(str(size) for size in array.shape)
        facts = f'element_type="f16" shape="{shape}" offset="{len(self.constants)}" size="{len(stored)}"'
        self.constants += stored
        return self.layer("Convert", sources=(self.layer("Const", facts),))

    def convert(self, colour: str = "RGB") -> Session:
        text = f"<net><layers>{''.join(self.layers)}</layers><edges>{''.join(self.edges)}</edges></net>"
        return Session(convert_network(text.encode(), self.constants, colour))


WINDOW = 'strides="1,1" pads_begin="0,0" pads_end="0,0" dilations="1,1"'


def small(kernel: FloatArray, *, slope: FloatArray, grouped: bool = False) -> Network:
    """Input, convolution, bias, PReLU, average over everything, gate by its own sigmoid."""
    made = Network()
    photo = made.layer("Parameter", f'shape="1,3,{SIDE},{SIDE}"')
    kind = "GroupConvolution" if grouped else "Convolution"
    value = made.layer(kind, WINDOW, (photo, made.constant(kernel)))
    value = made.layer("Add", sources=(value, made.constant(np.full((1, 3, 1, 1), -100.0))))
    value = made.layer("PReLU", sources=(value, made.constant(slope)))
    facts = 'kernel="4,4" strides="1,1" pads_begin="0,0" pads_end="0,0"'
    value = made.layer("AvgPool", facts, (value,), (1, 3, SIDE, SIDE))
    gate = made.layer("Sigmoid", sources=(value,))
    made.layer("Result", sources=(made.layer("Multiply", sources=(value, gate)),))
    return made


def by_hand(crops: Crops, mix: FloatArray, slope: FloatArray) -> FloatArray:
    value = crops.astype(np.float64) @ mix.T - 100
    value = np.where(value > 0, value, value * slope).mean(axis=(1, 2))
    return np.asarray(value / (1 + np.exp(-value)))


CROPS = np.random.default_rng(8).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.uint8)
MIX = np.array([[0.5, 0.25, 0.0], [0.0, 1.0, 0.5], [0.25, 0.0, 0.75]])


@pytest.mark.parametrize("slope", [np.array([0.25]), np.array([0.25, 0.5, 0.125])])
def test_a_small_network_equals_its_definition(slope: FloatArray) -> None:
    session = small(MIX[:, :, None, None], slope=slope).convert()
    found = session.run({"crops": CROPS}, ["descriptors"])[0]
    assert found == pytest.approx(by_hand(CROPS, MIX, slope), rel=1e-4, abs=1e-4)


def test_channels_are_swapped_for_networks_that_want_blue_first() -> None:
    session = small(MIX[:, :, None, None], slope=np.array([0.25])).convert("BGR")
    found = session.run({"crops": CROPS}, ["descriptors"])[0]
    assert found == pytest.approx(by_hand(CROPS[..., ::-1], MIX, np.array([0.25])), rel=1e-4, abs=1e-4)


def test_grouped_convolutions_keep_their_channels_apart() -> None:
    scales = np.array([1.0, 0.5, 2.0])
    session = small(scales.reshape(3, 1, 1, 1, 1), slope=np.array([0.25]), grouped=True).convert()
    found = session.run({"crops": CROPS}, ["descriptors"])[0]
    assert found == pytest.approx(by_hand(CROPS, np.diag(scales), np.array([0.25])), rel=1e-4, abs=1e-4)


def test_an_operation_that_is_not_known_is_named() -> None:
    made = Network()
    made.layer("Result", sources=(made.layer("Einsum", sources=(made.layer("Parameter", 'shape="1,3,4,4"'),)),))
    with pytest.raises(PackError, match="Einsum"):
        made.convert()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<net>",
        b"not xml",
        b'<net><layers><layer id="0" type="Convolution"/></layers></net>',
        b"<net><layers/></net>",
    ],
)
def test_what_is_no_network_is_refused(text: bytes) -> None:
    with pytest.raises(PackError):
        convert_network(text, b"", "RGB")


def test_constants_that_end_too_early_are_refused() -> None:
    made = small(MIX[:, :, None, None], slope=np.array([0.25]))
    made.constants = made.constants[:-1]
    with pytest.raises(PackError):
        made.convert()


def test_the_recommended_embedder_equals_the_published_conversion(
    shared: Path, recommended_pack: Pack, vision_settings: Settings, portraits: list[Portrait]
) -> None:
    spec = recommended_pack.embedder
    crops = np.concatenate([align(Pyramid(one.pixels), one.landmarks[None], spec) for one in portraits])
    ours = Session(networks(recommended_pack, vision_settings, "embedder")["embedder"]).run(
        {"crops": crops}, ["descriptors"]
    )[0]
    theirs = Session(shared / "weights/omz/face-reidentification-retail-0095/face-reidentification-retail-0095.onnx")
    name = next(iter(theirs.inputs))
    planar = np.ascontiguousarray(crops[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32))
    expected = np.concatenate([theirs.run({name: row[None]})[0].reshape(1, -1) for row in planar])
    assert ours.shape == expected.shape == (len(portraits), spec.template_size)
    assert unit_rows(ours) == pytest.approx(unit_rows(expected), abs=1e-4)
    # The comparison would be empty if all crops gave the same.
    scores = unit_rows(ours) @ unit_rows(ours).T
    assert scores[np.triu_indices(len(scores), 1)].max() < 0.99
