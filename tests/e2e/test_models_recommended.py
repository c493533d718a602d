"""The recommended pack: fetched from a publisher on this machine, or taken from a folder, then the whole main line."""

from __future__ import annotations

import csv
import functools
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from countenance.vision import install, packs
from tests.e2e.drawn import write_portrait
from tests.terminal import Here, Terminal

CONSENT = ("--purpose", "find-my-photos", "--channel", "website", "--until", "2999-12-31", "--evidence", "form.txt")
FILES = {"yunet_n_dynamic.onnx", "face-reidentification-retail-0095.xml", "face-reidentification-retail-0095.bin"}


class Quiet(SimpleHTTPRequestHandler):
    """Offers one folder and says nothing."""

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def publisher(loopback: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with the pack's files; the built-in manifests name it instead of the publishers."""
    weights = shared / "weights"
    listening = ThreadingHTTPServer((loopback, 0), functools.partial(Quiet, directory=str(weights)))
    base = f"http://{loopback}:{listening.server_port}"
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    for name in packs.BUILT_IN:
        text = (packs.MANIFESTS / f"{name}.toml").read_text(encoding="utf-8")
        text = re.sub(
            r'(?m)^address = ".*/([^/"]+)"$',
            lambda match: f'address = "{base}/{next(weights.rglob(match[1])).relative_to(weights)}"',
            text,
        )
        (manifests / f"{name}.toml").write_text(text, encoding="utf-8")
    for module in (packs, install):
        monkeypatch.setattr(module, "MANIFESTS", manifests)
    worker = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    worker.start()
    yield base
    listening.shutdown()
    worker.join()
    listening.server_close()


@pytest.fixture(autouse=True)
def empty_cache(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No pack is installed. After the archive was made, which needs none."""
    assert here("collection", "list").code == 0
    monkeypatch.setenv("COUNTENANCE_CACHE", str(tmp_path / "models"))
    return tmp_path / "models"


def require_main_line(here: Here, terminal: Terminal, shared: Path) -> None:
    """Drawn people and two real ones: each is found in the photos that show them and in no other."""
    assert here("collection", "create", "prom", "--pack", "recommended").code == 0
    photos, references = terminal.folder / "prom", terminal.folder / "references"
    for seat in (0, 1):
        write_portrait(photos / f"drawn-{seat}.jpg", seat, 1)
        write_portrait(references / f"drawn-{seat}.jpg", seat, 2)
    with (shared / "photos" / "london" / "labels.csv").open(encoding="utf-8") as file:
        real = sorted({row["identity"] for row in csv.DictReader(file)})[:3]
    for name in real:
        (photos / f"{name}.jpg").write_bytes((shared / "photos" / "london" / f"{name}_smiling.jpg").read_bytes())
        (references / f"{name}.jpg").write_bytes((shared / "photos" / "london" / f"{name}_neutral.jpg").read_bytes())
    ingested = here("ingest", "prom", "prom", "--json").done
    assert (ingested["photos"]["new"], ingested["faces"]) == (5, 5)
    for photo in sorted(references.iterdir()):
        assert here("enrol", "prom", photo.stem, "--no-rescan", *CONSENT, "--photo", photo).code == 0
    assert here("rescan", "prom", "--json").done["subjects"] == 5
    for photo in sorted(references.iterdir()):
        found = here("find", photo.stem, "--collection", "prom", "--out", f"sheets/{photo.stem}", "--json").done
        assert [Path(row["photo"]).name for row in found["appearances"]] == [photo.name]
        assert found["appearances"][0]["score"] > 0.45


def test_installed_from_its_publishers(
    here: Here, terminal: Terminal, publisher: str, shared: Path, empty_cache: Path
) -> None:
    assert publisher
    before = here("models", "check", "recommended", "--json")
    assert (before.code, before.json["error"]["code"]) == (1, "pack-refused")
    assert here("models", "install", "recommended", "--json").done["pack"]["ready"] is True
    assert {path.name for path in (empty_cache / "packs" / "recommended").iterdir()} == {*FILES, "manifest.toml"}
    assert here("models", "check", "recommended").code == 0
    require_main_line(here, terminal, shared)


def test_installed_from_a_folder(here: Here, shared: Path, empty_cache: Path) -> None:
    assert here("models", "install", "recommended", "--from", shared / "weights").code == 0
    assert {path.name for path in (empty_cache / "packs" / "recommended").iterdir()} == {*FILES, "manifest.toml"}
    listed = here("models", "list", "--json").done["packs"]
    assert {pack["name"]: pack["ready"] for pack in listed} == {"default": True, "recommended": True}


def test_an_altered_file_is_never_used(here: Here, shared: Path, empty_cache: Path) -> None:
    assert here("models", "install", "recommended", "--from", shared / "weights").code == 0
    file = empty_cache / "packs" / "recommended" / "yunet_n_dynamic.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert here("collection", "create", "prom", "--pack", "recommended").code == 0
    answer = here("ingest", "prom", "photos", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (1, "pack-refused")
    assert "yunet_n_dynamic.onnx is not the expected file" in answer.json["error"]["message"]
    assert here("collection", "show", "prom", "--json").done["collection"]["photos"] == 0
    assert here("doctor", "--json").code == 0, "the default pack is whole"
    assert here("models", "install", "recommended", "--from", shared / "weights").code == 0
    assert here("models", "check", "recommended").code == 0


def test_a_collection_keeps_its_pack(here: Here, shared: Path) -> None:
    """Packs never mix: the settings choose for new collections only."""
    assert here("models", "install", "recommended", "--from", shared / "weights").code == 0
    assert here("collection", "create", "prom", "--pack", "recommended").code == 0
    packs_of = {row["name"]: row["pack"] for row in here("collection", "list", "--json").done["collections"]}
    assert packs_of["gala"].startswith("default@")
    assert packs_of["prom"].startswith("recommended@")
