"""What commands print when they succeed, as far as no model is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import pytest

from countenance.cli import doctor
from countenance.cli.frame import counted
from countenance.cli.ingest import as_json, as_text
from countenance.cli.rescan import gone
from countenance.flows.ingest import IngestSummary
from countenance.ingest.confine import Layers
from tests.terminal import Here
from tests.unit.vision.test_install import DETECTOR, EMBEDDER, manifest


@pytest.mark.usefixtures("archive")
def test_collections_are_listed_in_columns(run: Here) -> None:
    name = "Zoë's club, 2027 and a name that is rather long"
    made = run("collection", "create", f" {name} ")
    assert "Next: countenance ingest 'Zoë'\"'\"'s club, 2027 and a name that is rather long' FOLDER" in made.out
    lines = run("collection", "list").out.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line[: len(name)].rstrip() for line in lines] == ["NAME", name, "gala"]
    rows = run("collection", "list", "--json").json["collections"]
    assert [row["name"] for row in rows] == [name, "gala"]
    assert set(rows[0]) >= {"id", "name", "basis", "pack", "photos", "faces", "subjects_enrolled", "files_refused"}


@pytest.mark.usefixtures("archive")
def test_an_archive_without_collections_says_what_to_do(run: Here, tmp_path: Path) -> None:
    run("init", "new", "--key-file", "new.key")
    said = run("collection", "list", "--archive", "new", "--key-file", tmp_path / "new.key").out
    assert said == "No collection yet. Make one with: countenance collection create NAME\n"


@pytest.mark.usefixtures("archive")
def test_a_release_collection(run: Here) -> None:
    basis = ("--basis", "release", "--reference", "file 7", "--approver", "Dr. Moor", "--until", "2999-12-31")
    assert run("collection", "create", "staff", *basis, "--json").json["collection"]["basis"] == "release"
    assert run("collection", "show", "staff").out.startswith("staff: basis release, pack default@")


@pytest.mark.usefixtures("archive")
def test_an_empty_collection_is_shown(run: Here) -> None:
    shown = run("collection", "show", "gala", "--json").json["collection"]
    assert (shown["photos"], shown["subjects"], shown["refused"]) == (0, [], [])
    assert shown["appearances"] == {"suggested": 0, "confirmed": 0, "rejected": 0}
    assert run("review", "gala").out == "0 suggested, 0 confirmed, 0 rejected\n"
    assert run("rescan", "gala").out == "Nobody was enrolled since the last look back.\n"


@pytest.mark.usefixtures("archive")
def test_an_empty_folder_is_done_at_once(run: Here, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    answer = run("ingest", "gala", "empty", "--journal", "journal")
    assert answer.code == 0
    assert answer.out == "The source holds no files, so nothing was done.\n"
    assert (tmp_path / "journal").read_bytes() == b""


def test_the_ingest_summary() -> None:
    summary = IngestSummary(given=9, new=3, partial=1, known=2, faces=12, suggested=5, seconds={"total": 2.0})
    summary.refused.update({"too-slow": 1, "damaged": 2})
    assert as_json(summary) == {
        "photos": {"given": 9, "new": 3, "known": 2, "partial": 1, "refused": {"damaged": 2, "too-slow": 1}},
        "faces": 12,
        "suggested": 5,
        "seconds": {"total": 2.0},
        "photos_per_second": 4.5,
    }
    assert as_text("my gala", summary).splitlines() == [
        "4 new photos, 12 faces; 2 known, 3 refused",
        "4.5 photos/s",
        "1 of the new ones is damaged; what could be read was used.",
        "5 appearances of enrolled people suggested.",
        "Refused: 2 damaged, 1 too-slow. See each with: countenance collection show 'my gala'",
    ]
    assert as_json(IngestSummary())["photos_per_second"] == 0


def test_one_of_a_kind_is_told_in_the_singular() -> None:
    lines = as_text("gala", IngestSummary(given=1, new=1, faces=1, suggested=1, seconds={"total": 2.0})).splitlines()
    assert lines[0] == "1 new photo, 1 face; 0 known, 0 refused"
    assert lines[2] == "1 appearance of enrolled people suggested."
    assert [counted(n, "entry", "entries") for n in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]
    assert gone(1).startswith("1 photo is no longer where it was;")
    assert gone(2).startswith("2 photos are no longer where they were;")


def test_packs_are_listed_with_licence_and_training_data(run: Here) -> None:
    packs = {pack["name"]: pack for pack in run("models", "list", "--json").json["packs"]}
    assert set(packs) == {"default", "recommended"}
    assert packs["default"]["ready"] is True
    assert packs["recommended"]["ready"] is False
    for pack in packs.values():
        for part in ("detector", "embedder"):
            assert all(pack[part][field] for field in ("licence", "source", "stated_training_data"))
    said = run("models", "list").out
    assert "default@" in said
    assert "(used for new collections)" in said
    assert "not installed: countenance models install recommended" in said
    assert run("models", "check").out.count("  ok ") == 4


def test_a_pack_of_ones_own_is_installed_and_may_be_refused_later(
    run: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "detector.onnx").write_bytes(DETECTOR)
    (tmp_path / "embedder.onnx").write_bytes(EMBEDDER)
    text = manifest().replace(b'licence = "MIT"', b'licence = "CC-BY-NC-4.0"')
    (tmp_path / "mine.toml").write_bytes(text)
    (tmp_path / "countenance.toml").write_text("allow_noncommercial = true", encoding="utf-8")
    assert "create NAME --pack mine" in run("models", "install", "mine.toml").out
    assert run("models", "check", "mine").code == 0
    (tmp_path / "countenance.toml").unlink()
    listed = {pack["name"]: pack for pack in run("models", "list", "--json").json["packs"]}
    assert listed["default"]["ready"] is True
    assert "forbids commercial use" in listed["mine"]["refused"]
    assert "allow_noncommercial = true" in run("models", "list").out
    assert run("models", "check", "mine").code == 1
    monkeypatch.setenv("COUNTENANCE_PACK", "mine")
    assert run("doctor").code == 3


class Confined:
    """A decoder whose child reports what the test says."""

    layers = Layers()

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder has its own tests; here it only costs time."""
    monkeypatch.setattr(doctor, "Decoder", Confined)


@pytest.mark.usefixtures("no_child")
def test_doctor_reports_what_is_missing(run: Here, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run("doctor", "--json")
    checks = {check["name"]: check for check in answer.json["checks"]}
    assert answer.code == 3
    assert checks["decoder no new privs"]["good"] is False
    assert checks["decoder landlock"] == {
        "name": "decoder landlock",
        "good": True,
        "what": "not available in this kernel",
    }
    assert checks["archive"]["what"] == "opens; every name and key readable, collections: 1"
    assert checks["model pack"]["good"] is True
    monkeypatch.delenv("COUNTENANCE_KEY_FILE")
    assert "not opened" in run("doctor").out
    assert "none in" in run("doctor", "--archive", archive / "nosuch").out


@pytest.mark.usefixtures("no_child")
def test_doctor_sees_a_cache_that_cannot_be_written(run: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTENANCE_CACHE", "/dev/null")
    assert "problem model cache: /dev/null cannot be written" in run("doctor").out


def test_doctor_finds_every_layer_of_the_real_decoder(run: Here) -> None:
    checks = {check["name"]: check for check in run("doctor", "--json").json["checks"]}
    for layer in ("memory limit", "other limits", "no new privs"):
        assert checks[f"decoder {layer}"] == {"name": f"decoder {layer}", "good": True, "what": "active"}
