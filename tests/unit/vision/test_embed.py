from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from countenance.core.arrays import Crops
from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision.embed import BATCH_FACES, Embedder, open_embedder
from countenance.vision.packs import EmbedderSpec, Pack, load_pack
from countenance.vision.session import Session, providers


@pytest.fixture
def spec(default_pack: Pack) -> EmbedderSpec:
    return replace(
        default_pack.embedder, kind="onnx", template_size=3, side_px=2, colour="RGB", mean=(10.0, 20.0, 30.0), scale=0.5
    )


def foreign(batch: int | str) -> Session:
    """A network as others publish them: planar float, its own names; gives the mean of each channel."""
    mean = helper.make_node("ReduceMean", ["data"], ["fc1"], axes=[2, 3], keepdims=0)
    shape = [batch, 3, 2, 2]
    graph = helper.make_graph(
        [mean],
        "means",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [batch, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return Session(model.SerializeToString())


def crops(*colours: tuple[int, int, int]) -> Crops:
    return np.array([np.full((2, 2, 3), colour) for colour in colours], dtype=np.uint8)


@pytest.mark.parametrize("batch", ["n", 1])
def test_a_foreign_network_gets_what_its_manifest_says(spec: EmbedderSpec, batch: int | str) -> None:
    found = Embedder(foreign(batch), spec).embed(crops((12, 20, 30), (10, 24, 36)))
    assert found == pytest.approx(np.array([[1, 0, 0], [0, 0.5547, 0.83205]]), abs=1e-4)


def test_blue_first_is_blue_first(spec: EmbedderSpec) -> None:
    found = Embedder(foreign("n"), replace(spec, colour="BGR")).embed(crops((30, 20, 12)))
    assert found == pytest.approx(np.array([[1, 0, 0]]), abs=1e-4)


def test_templates_have_unit_length_in_batches_of_any_size(default_pack: Pack, vision_settings: Settings) -> None:
    embedder = open_embedder(default_pack, vision_settings)
    n = BATCH_FACES + 3
    many = np.random.default_rng(1).integers(0, 256, (n, 150, 150, 3)).astype(np.uint8)
    found = embedder.embed(many)
    assert found.shape == (n, 128)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(n), abs=1e-6)
    assert found[-1:] == pytest.approx(embedder.embed(many[-1:]), abs=1e-6)


def test_no_crops_are_no_templates(spec: EmbedderSpec) -> None:
    assert Embedder(foreign("n"), spec).embed(crops()[:0].reshape(0, 2, 2, 3)).shape == (0, 3)


def test_a_network_of_another_size_than_its_manifest_is_refused(spec: EmbedderSpec) -> None:
    with pytest.raises(PackError, match="3 numbers; its manifest says 4"):
        Embedder(foreign("n"), replace(spec, template_size=4)).embed(crops((1, 2, 3)))


def test_numbers_that_are_not_finite_are_refused(spec: EmbedderSpec) -> None:
    with pytest.raises(PackError, match="finite"):
        Embedder(foreign("n"), replace(spec, scale=float("inf"))).embed(crops((9, 9, 9)))


def test_crops_that_the_network_does_not_accept(spec: EmbedderSpec) -> None:
    with pytest.raises(PackError, match="does not accept"):
        Embedder(foreign("n"), spec).embed(np.zeros((1, 3, 3, 3), np.uint8))


@pytest.mark.parametrize("content", [b"", b"not a network"])
def test_a_file_that_is_no_network_is_refused(content: bytes) -> None:
    with pytest.raises(PackError, match="cannot load"):
        Session(content)


def test_a_network_with_an_unknown_operation_is_refused() -> None:
    node = helper.make_node("NoSuchOperation", ["x"], ["y"], domain="nobody")
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        [numpy_helper.from_array(np.zeros(1, np.float32), "unused")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("nobody", 1)])
    with pytest.raises(PackError, match="cannot load"):
        Session(model.SerializeToString())


def test_cuda_is_used_when_present_and_an_error_when_demanded_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    assert providers("auto") == providers("cuda") == both
    assert providers("cpu") == ["CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both[1:])
    assert providers("auto") == ["CPUExecutionProvider"]
    with pytest.raises(PackError, match="CUDA"):
        providers("cuda")


def test_the_default_pack_says_its_own_template_size(vision_settings: Settings) -> None:
    assert load_pack("default", vision_settings).embedder.template_size == 128
