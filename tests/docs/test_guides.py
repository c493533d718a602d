"""What the guides list is what the code has."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from countenance.cli.configure import read_settings
from countenance.cli.frame import PARTLY_DONE
from countenance.cli.main import INTERRUPTED
from countenance.core.consent import CHANNELS, FINDING, PURPOSES
from countenance.flows.clear import CHANGED, NOT_LOOKED_AT
from countenance.flows.clear_report import KEPT_BACK
from countenance.flows.enrol import MOST_PHOTOS
from countenance.ingest.decoded import Reason
from countenance.run.stage import STAGE_FAILED, WORKER_DIED
from countenance.settings import ClearSettings, DecodeLimits, Settings
from countenance.vision import cache
from countenance.vision.embed import open_embedder
from countenance.vision.packs import BUILT_IN, Pack, load_pack, parse_manifest
from tests.docs.papers import TOML, read, rows
from tests.house.source import PACKAGE, modules

SETTINGS = "docs/guide/settings.md"
MODELS = "docs/guide/models.md"
TROUBLE = "docs/guide/troubleshooting.md"
FIRST = "docs/guide/first-steps.md"


def listed(section: str) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in rows(read(SETTINGS).section(section))}


@pytest.mark.parametrize(
    ("section", "kind"), [("Settings", Settings), ("`[decode]`", DecodeLimits), ("`[clear]`", ClearSettings)]
)
def test_every_setting_is_listed_with_its_default(section: str, kind: type[Any]) -> None:
    names = [field.name for field in dataclasses.fields(kind) if field.name not in {"decode", "clear"}]
    defaults = {name: getattr(kind(), name) for name in names}
    shown = listed(section)
    assert list(shown) == list(defaults), "all of them, in the order of the code"
    values = {name: tomllib.loads(f"value = {cells[0]}")["value"] for name, cells in shown.items()}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    values |= {name: Path(value).expanduser() for name, value in values.items() if name == "cache_dir"}
    assert values == defaults
    assert all(all(cells) for cells in shown.values()), "each has a unit and says what it does"


def test_the_example_settings_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "PACK", "DEVICE"):
        monkeypatch.delenv(f"COUNTENANCE_{name}", raising=False)
    examples = TOML.findall(read(SETTINGS).text)
    assert examples
    for text in examples:
        (tmp_path / "countenance.toml").write_text(text, encoding="utf-8")
        assert read_settings(tmp_path) != Settings()


def test_every_variable_of_the_environment_is_listed() -> None:
    in_code = {name for module in modules(PACKAGE) for name in re.findall(r"\"(COUNTENANCE_[A-Z_]+)\"", module.text)}
    assert {row[0] for row in rows(read(SETTINGS).section("Environment"))} == in_code
    assert len(in_code) == 6


def test_every_reason_is_listed_with_what_to_do() -> None:
    shown = {row[0]: row[1:] for row in rows(read(TROUBLE).section("Why a photo was refused"))}
    assert set(shown) == {*(reason.value for reason in Reason), WORKER_DIED, STAGE_FAILED, NOT_LOOKED_AT, CHANGED}
    assert all(len(cells) == 2 and all(cells) for cells in shown.values())


def test_every_reason_of_the_check_is_explained() -> None:
    shown = {row[0].strip("`") for row in rows(read(TROUBLE).section("Why a photo was not released"))}
    assert shown == {reason.removeprefix("check:") for reason in KEPT_BACK if reason.startswith("check:")}


def test_reasons_name_settings_that_exist() -> None:
    limits = {field.name for field in dataclasses.fields(DecodeLimits)}
    named = set(re.findall(r"`(\w+_\w+)`", read(TROUBLE).section("Why a photo was refused")))
    assert named <= limits
    assert named


def test_exit_codes() -> None:
    assert {row[0] for row in rows(read(TROUBLE).section("Exit codes"))} == {
        "0",
        "1",
        "2",
        str(PARTLY_DONE),
        str(INTERRUPTED),
    }


def test_messages_in_the_headings_are_ours() -> None:
    source = " ".join(module.text for module in modules(PACKAGE))
    quoted = re.findall(r"(?m)^## \"(.+)\"$", read(TROUBLE).text)
    assert len(quoted) == 4
    for message in quoted:
        assert all(part.strip() in source for part in message.split("...")), message


def test_purposes_and_channels() -> None:
    table = {row[0]: row[1] for row in rows(read(FIRST).section("Enrol a person"))}
    assert tuple(re.findall(r"`([a-z-]+)`", f"`{table['purposes']}`")) == PURPOSES
    assert "first two" in table["purposes"]
    assert set(PURPOSES[:2]) == FINDING
    assert tuple(re.findall(r"`([a-z-]+)`", f"`{table['channels']}`")) == CHANNELS
    assert f"1 to {MOST_PHOTOS}," in table["photos"]


@pytest.fixture
def own_pack(tmp_path: Path) -> Pack:
    """The example manifest of the guide, to the letter."""
    (text,) = [text for text in TOML.findall(read(MODELS).text) if "[embedder]" in text]
    return parse_manifest(text.encode(), tmp_path, Settings(cache_dir=tmp_path))


def test_the_example_manifest_is_accepted(own_pack: Pack) -> None:
    assert own_pack.name == "our-own"
    assert own_pack.detector == load_pack("default", Settings()).detector
    spec = own_pack.embedder
    assert (spec.kind, spec.template_size, spec.side_px, spec.colour) == ("onnx", 512, 112, "RGB")
    assert (own_pack.agree, own_pack.match, own_pack.certain) == (0.3, 0.4, 0.5)
    assert all(0 < value < spec.side_px for point in spec.points for value in point)


def test_a_network_as_the_guide_describes_it_runs(
    own_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(faces, 3, side, side) float32 in, one row a face out: here the mean of each colour, 170 times over."""
    spec = own_pack.embedder
    size = spec.template_size
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["flat"]),
            helper.make_node("Gemm", ["flat", "w"], ["y"]),
        ],
        "means",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, spec.side_px, spec.side_px])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", size])],
        [helper.make_tensor("w", TensorProto.FLOAT, [3, size], np.tile(np.eye(3), 171)[:, :size].ravel())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    monkeypatch.setattr(cache, "read_file", lambda *_: model.SerializeToString())
    embedder = open_embedder(own_pack, Settings(cache_dir=tmp_path, device="cpu"))
    crops = np.zeros((2, spec.side_px, spec.side_px, 3), dtype=np.uint8)
    crops[1, ..., 0] = 255
    templates = embedder.embed(crops)
    assert templates.shape == (2, size)
    assert templates[0, :3] == pytest.approx([templates[0, 0]] * 3)
    assert templates[1, 0] == pytest.approx(-templates[1, 1], abs=0.01), "red is the first colour of RGB"
    onnx.checker.check_model(model)


def test_the_packs_are_listed() -> None:
    shown = {row[0]: " ".join(row[1:]) for row in rows(read(MODELS).text.split("## Install", 1)[0])}
    assert tuple(shown) == BUILT_IN
    for name, text in shown.items():
        pack = load_pack(name, Settings())
        assert f"({pack.detector.licence.name})" in text
        assert f"({pack.embedder.licence.name})" in text
        assert f"{pack.embedder.template_size} numbers" in text
