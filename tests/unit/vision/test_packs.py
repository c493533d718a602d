from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision.packs import (
    BUILT_IN,
    MANIFESTS,
    ModelFile,
    check_hash,
    installed,
    load_pack,
    locate,
    parse_manifest,
    read_file,
)

GOOD = """
name = "mine"
summary = "a pack for tests"
[detector]
kind = "yunet"
threshold = 0.6
licence = "MIT"
source = "https://example.org/detector"
stated_training_data = "drawn faces"
[[detector.files]]
name = "detector.onnx"
sha256 = "{detector}"
[embedder]
kind = "onnx"
template_size = 64
side_px = 112
colour = "BGR"
mean = [127.5, 127.5, 127.5]
scale = 0.0078125
points = [[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]]
licence = "Apache-2.0"
source = "https://example.org/embedder"
stated_training_data = "drawn faces"
[[embedder.files]]
name = "embedder.onnx"
sha256 = "{embedder}"
[operating_points]
match = 0.4
certain = 0.5
""".format(detector="1" * 64, embedder="2" * 64)


def parse(text: str, tmp_path: Path, **settings: object) -> object:
    return parse_manifest(text.encode(), tmp_path, Settings(cache_dir=tmp_path, **settings))  # type: ignore[arg-type]


def changed(old: str, new: str, count: int = 1) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, count)


def test_a_good_manifest(tmp_path: Path) -> None:
    pack = parse_manifest(GOOD.encode(), tmp_path, Settings(cache_dir=tmp_path))
    assert pack.name == "mine"
    assert re.fullmatch(r"mine@[0-9a-f]{12}", pack.id)
    assert pack.summary == "a pack for tests"
    assert (pack.match, pack.certain) == (0.4, 0.5)
    assert pack.embedder.mean == (127.5, 127.5, 127.5)
    assert pack.embedder.points[2] == (56.0, 72.0)
    assert pack.detector.licence.stated_training_data == "drawn faces"
    assert [file.name for file in pack.files] == ["detector.onnx", "embedder.onnx"]


BAD = {
    "no TOML": ("= [[", "not valid TOML"),
    "no text": ("\x00", "not valid TOML"),
    "no name": (changed('name = "mine"', ""), "'name'"),
    "name with a slash": (changed('"mine"', '"../mine"'), "lower-case"),
    "name with capitals": (changed('"mine"', '"Mine"'), "lower-case"),
    "empty name": (changed('"mine"', '""'), "lower-case"),
    "no detector": (changed("[detector]", "[other]").replace("[[detector.files]]", "[[other.files]]"), "'detector'"),
    "detector is a word": ('name = "x"\ndetector = "mtcnn"\nembedder = "dlib"\n', "wrong type"),
    "no licence of the detector": (changed('licence = "MIT"', ""), "no licence for its detector"),
    "no licence of the embedder": (changed('licence = "Apache-2.0"', ""), "no licence for its embedder"),
    "blank licence": (changed('licence = "MIT"', 'licence = "  "'), "no licence for its detector"),
    "no source": (changed('source = "https://example.org/embedder"', ""), "source and stated_training_data"),
    "no training data": (changed('stated_training_data = "drawn faces"', ""), "source and stated_training_data"),
    "unknown kind of detector": (changed('"yunet"', '"haar"'), "haar"),
    "unknown kind of embedder": (changed('kind = "onnx"', 'kind = "caffe"'), "kind must be"),
    "unknown colour": (changed('"BGR"', '"YUV"'), "colour"),
    "no threshold": (changed("threshold = 0.6", ""), "'threshold'"),
    "threshold is a word": (changed("threshold = 0.6", 'threshold = "high"'), "wrong type"),
    "four points": (changed("[38, 52], ", ""), "five alignment points"),
    "points of three numbers": (changed("[38, 52]", "[38, 52, 1]"), "wrong type"),
    "two means": (changed("[127.5, 127.5, 127.5]", "[127.5, 127.5]"), "three means"),
    "side too large": (changed("side_px = 112", "side_px = 4096"), "side"),
    "side too small": (changed("side_px = 112", "side_px = 4"), "side"),
    "template of one number": (changed("template_size = 64", "template_size = 1"), "template size"),
    "short hash": (changed("1" * 64, "1" * 63), "full SHA-256"),
    "file name with a folder": (changed('"detector.onnx"', '"../detector.onnx"'), "plain name"),
    "no files": (
        GOOD.split("[[embedder.files]]", maxsplit=1)[0] + "files = []\n" + "[operating_points]\nmatch=0\ncertain=1\n",
        "no files",
    ),
    "no operating points": (GOOD.split("[operating_points]", maxsplit=1)[0], "'operating_points'"),
    "certain below match": (changed("certain = 0.5", "certain = 0.3"), "match <= certain"),
    "score above one": (changed("certain = 0.5", "certain = 1.5"), "match <= certain"),
    "not a number": (changed("match = 0.4", "match = nan"), "match <= certain"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_manifest_is_refused_with_one_sentence(tmp_path: Path, case: str) -> None:
    text, says = BAD[case]
    content = b"\xff\xfe" if text == "\x00" else text.encode()
    with pytest.raises(PackError, match=re.escape(says)) as caught:
        parse_manifest(content, tmp_path, Settings(cache_dir=tmp_path))
    assert caught.value.message.endswith(".")
    assert caught.value.advice


@pytest.mark.parametrize(
    "text",
    [
        changed('licence = "MIT"', 'licence = "CC-BY-NC-4.0"'),
        changed('licence = "MIT"', 'licence = "InsightFace, Non-Commercial research purposes only"'),
        changed('licence = "Apache-2.0"', 'licence = "for academic use"'),
        changed('licence = "Apache-2.0"', 'licence = "Research only"'),
        changed('licence = "Apache-2.0"', 'licence = "Custom"\nnoncommercial = true'),
    ],
)
def test_a_licence_that_forbids_commerce_needs_a_setting(tmp_path: Path, text: str) -> None:
    with pytest.raises(PackError, match="forbids commercial use"):
        parse(text, tmp_path)
    assert parse(text, tmp_path, allow_noncommercial=True)


def test_no_setting_replaces_a_licence(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no licence"):
        parse(changed('licence = "MIT"', ""), tmp_path, allow_noncommercial=True)


def identity(text: str, tmp_path: Path) -> str:
    return parse_manifest(text.encode(), tmp_path, Settings(cache_dir=tmp_path)).id


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1" * 64, "3" * 64),
        ("2" * 64, "3" * 64),
        ("[38, 52]", "[38, 53]"),
        ('"BGR"', '"RGB"'),
        ("side_px = 112", "side_px = 128"),
        ("scale = 0.0078125", "scale = 0.01"),
    ],
)
def test_the_id_changes_with_what_changes_templates(tmp_path: Path, old: str, new: str) -> None:
    assert identity(changed(old, new), tmp_path) != identity(GOOD, tmp_path)


@pytest.mark.parametrize(("old", "new"), [("a pack for tests", "the same pack"), ("match = 0.4", "match = 0.45")])
def test_the_id_stays_when_templates_stay(tmp_path: Path, old: str, new: str) -> None:
    assert identity(changed(old, new), tmp_path) == identity(GOOD, tmp_path)


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_packs_are_acceptable_and_forbid_nothing(tmp_path: Path, name: str) -> None:
    pack = load_pack(name, Settings(cache_dir=tmp_path))
    for part in (pack.detector, pack.embedder):
        assert part.licence.name
        assert not part.licence.noncommercial
        assert "web" in part.licence.stated_training_data
    assert all(file.package or file.address.startswith("https://") for file in pack.files)


def test_built_in_manifests_are_all_listed() -> None:
    assert sorted(path.stem for path in MANIFESTS.glob("*.toml")) == sorted(BUILT_IN)


def test_an_unknown_pack_names_the_known_ones(tmp_path: Path) -> None:
    folder = tmp_path / "packs" / "mine"
    folder.mkdir(parents=True)
    (folder / "manifest.toml").write_text(GOOD)
    (tmp_path / "packs" / "half").mkdir()
    settings = Settings(cache_dir=tmp_path)
    assert installed(settings) == ["mine"]
    assert load_pack("mine", settings).folder == folder
    with pytest.raises(PackError) as caught:
        load_pack("half", settings)
    assert "default, mine, recommended" in caught.value.advice


def test_nothing_is_installed_in_a_cache_that_does_not_exist(tmp_path: Path) -> None:
    assert installed(Settings(cache_dir=tmp_path / "none")) == []


def test_a_pack_may_use_the_detector_of_another(tmp_path: Path) -> None:
    start, end = GOOD.index("[detector]"), GOOD.index("[embedder]")
    pack = parse_manifest((GOOD[:start] + '[detector]\nuse = "default"\n' + GOOD[end:]).encode(), tmp_path, Settings())
    assert pack.detector == load_pack("default", Settings()).detector
    start, end = end, GOOD.index("[operating_points]")
    other = parse_manifest((GOOD[:start] + '[embedder]\nuse = "default"\n' + GOOD[end:]).encode(), tmp_path, Settings())
    assert other.embedder == load_pack("default", Settings()).embedder


def test_files_of_a_wheel_are_found_without_importing_it(tmp_path: Path) -> None:
    pack = load_pack("default", Settings(cache_dir=tmp_path))
    for file in pack.files:
        assert len(read_file(file, pack.folder)) > 10_000
    assert not {"mtcnn", "face_recognition_models", "tensorflow"} & set(sys.modules)


def test_a_file_that_is_missing_says_what_brings_it(tmp_path: Path) -> None:
    settings = Settings(cache_dir=tmp_path)
    wheel = ModelFile("x.bin", "0" * 64, package="no_such_wheel/x.bin")
    assert locate(wheel, tmp_path) is None
    with pytest.raises(PackError) as caught:
        read_file(wheel, tmp_path)
    assert "pip install no-such-wheel" in caught.value.advice
    fetched = load_pack("recommended", settings)
    with pytest.raises(PackError) as caught:
        read_file(fetched.files[0], fetched.folder)
    assert "models install recommended" in caught.value.advice


def test_an_altered_file_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"altered")
    file = ModelFile("x.bin", hashlib.sha256(b"published").hexdigest())
    with pytest.raises(PackError, match="not the expected file"):
        read_file(file, tmp_path)
    whole = replace(file, sha256=hashlib.sha256(b"altered").hexdigest())
    assert read_file(whole, tmp_path) == b"altered"


def test_hashes_are_compared_whatever_their_case() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    check_hash(b"x", digest.upper(), "x")
    with pytest.raises(PackError):
        check_hash(b"y", digest, "y")
