from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision import install as module
from countenance.vision.install import check, fetch, install
from countenance.vision.packs import MANIFESTS, installed, load_pack

DETECTOR, EMBEDDER = b"bytes of a detector" * 500, b"bytes of an embedder" * 500


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest(name: str = "mine", *, detector_at: str = "", embedder_at: str = "", embedder: bytes = EMBEDDER) -> bytes:
    facts = 'licence = "MIT"\nsource = "https://example.org"\nstated_training_data = "drawn faces"'
    return f"""
name = "{name}"
[detector]
kind = "yunet"
threshold = 0.6
{facts}
[[detector.files]]
name = "detector.onnx"
sha256 = "{sha256(DETECTOR)}"
address = "{detector_at}"
[embedder]
kind = "onnx"
template_size = 4
side_px = 32
points = [[1, 1], [2, 1], [1, 2], [1, 3], [2, 3]]
{facts}
[[embedder.files]]
name = "embedder.onnx"
sha256 = "{sha256(embedder)}"
address = "{embedder_at}"
[operating_points]
match = 0.4
certain = 0.5
""".encode()


@dataclass
class Server:
    """A publisher on this machine."""

    base: str
    files: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def offer(self, path: str, content: bytes) -> str:
        self.files[path] = content
        return self.base + path


@pytest.fixture
def server(loopback: str) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if self.path in made.moved:
                self.send_response(302)
                self.send_header("Location", made.moved[self.path])
                self.end_headers()
                return
            content = made.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if self.path in made.cut else content)

        def log_message(self, *_: object) -> None:
            """Tests say enough."""

    listening = ThreadingHTTPServer((loopback, 0), Handler)
    made = Server(f"http://{loopback}:{listening.server_port}")
    worker = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    worker.start()
    yield made
    listening.shutdown()
    worker.join()
    listening.server_close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache")


def nothing_is_installed(settings: Settings) -> bool:
    """No pack is listed, no file is half written, and no file has other bytes than its name promises."""
    left = [path for path in settings.cache_dir.rglob("*") if path.is_file()] if settings.cache_dir.exists() else []
    whole = all(path.read_bytes() in (DETECTOR, EMBEDDER) for path in left)
    return installed(settings) == [] and whole


def test_a_pack_is_installed_from_an_address(server: Server, settings: Settings) -> None:
    content = manifest(detector_at=server.offer("/d.onnx", DETECTOR), embedder_at="files/e.onnx")
    server.offer("/packs/files/e.onnx", EMBEDDER)  # a relative address is meant from the manifest's own
    pack = install(server.offer("/packs/mine.toml", content), settings, sha256=sha256(content))
    assert installed(settings) == ["mine"]
    assert load_pack("mine", settings) == pack
    assert (pack.folder / "detector.onnx").read_bytes() == DETECTOR
    assert (pack.folder / "embedder.onnx").read_bytes() == EMBEDDER
    assert check(pack) == [("detector.onnx", "ok"), ("embedder.onnx", "ok")]


def test_what_is_there_is_not_fetched_again(server: Server, settings: Settings) -> None:
    content = manifest(detector_at=server.offer("/d", DETECTOR), embedder_at=server.offer("/e", EMBEDDER))
    address = server.offer("/m", content)
    pack = install(address, settings, sha256=sha256(content))
    (pack.folder / "embedder.onnx").write_bytes(b"altered")
    server.asked.clear()
    install(address, settings, sha256=sha256(content))
    assert server.asked == ["/m", "/e"]
    assert check(pack)[1] == ("embedder.onnx", "ok")


def test_an_address_needs_a_hash(server: Server, settings: Settings) -> None:
    with pytest.raises(PackError, match="--sha256"):
        install(server.offer("/m", manifest()), settings)
    assert server.asked == []


def test_another_manifest_than_expected_is_refused(server: Server, settings: Settings) -> None:
    address = server.offer(
        "/m", manifest(detector_at=server.offer("/d", DETECTOR), embedder_at=server.offer("/e", EMBEDDER))
    )
    with pytest.raises(PackError, match="not the expected file"):
        install(address, settings, sha256="0" * 64)
    assert server.asked == ["/m"]
    assert nothing_is_installed(settings)


def test_another_file_than_the_manifest_names_is_refused(server: Server, settings: Settings) -> None:
    content = manifest(detector_at=server.offer("/d", DETECTOR), embedder_at=server.offer("/e", b"not the embedder"))
    with pytest.raises(PackError, match=r"embedder\.onnx is not the expected file"):
        install(server.offer("/m", content), settings, sha256=sha256(content))
    assert nothing_is_installed(settings)


def test_a_file_that_is_gone_is_an_error_with_advice(server: Server, settings: Settings) -> None:
    content = manifest(detector_at=server.offer("/d", DETECTOR), embedder_at=f"{server.base}/gone")
    with pytest.raises(PackError, match="404") as caught:
        install(server.offer("/m", content), settings, sha256=sha256(content))
    assert "--from" in caught.value.advice
    assert nothing_is_installed(settings)


@pytest.mark.parametrize("path", ["/m", "/e"])
def test_a_connection_that_is_cut_leaves_nothing_and_can_be_tried_again(
    server: Server, settings: Settings, path: str
) -> None:
    content = manifest(detector_at=server.offer("/d", DETECTOR), embedder_at=server.offer("/e", EMBEDDER))
    address = server.offer("/m", content)
    server.cut.add(path)
    with pytest.raises(PackError):
        install(address, settings, sha256=sha256(content))
    assert nothing_is_installed(settings)
    server.cut.clear()
    assert install(address, settings, sha256=sha256(content)).name == "mine"


def test_a_publisher_may_move_a_file_but_not_to_an_open_connection(server: Server) -> None:
    server.moved = {
        "/old": server.offer("/new", b"content"),
        "/bad": "http://example.org/x",
        "/file": "file:///etc/passwd",
    }
    assert fetch(f"{server.base}/old") == b"content"
    for path in ("/bad", "/file"):
        with pytest.raises(PackError, match=r"https only|cannot be fetched"):
            fetch(server.base + path)


def test_a_server_that_is_not_there(server: Server, settings: Settings) -> None:
    nobody = server.base.rpartition(":")[0] + ":1"
    with pytest.raises(PackError, match="cannot be fetched"):
        install(f"{nobody}/m", settings, sha256="0" * 64)


def test_a_file_that_is_too_large_is_not_read_to_its_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 1_000)
    with pytest.raises(PackError, match="larger"):
        fetch(server.offer("/large", bytes(1_001)))
    assert fetch(server.offer("/small", bytes(1_000))) == bytes(1_000)


@pytest.mark.parametrize(
    "address", ["http://example.org/m", "ftp://example.org/m", "file:///etc/passwd", "127.0.0.1/m"]
)
def test_only_https_and_this_machine(address: str) -> None:
    with pytest.raises(PackError, match="https"):
        fetch(address)


def test_a_pack_is_installed_from_a_folder(tmp_path: Path, settings: Settings) -> None:
    source = tmp_path / "carried" / "deep"
    source.mkdir(parents=True)
    (source / "detector.onnx").write_bytes(DETECTOR)
    (source.parent / "embedder.onnx").write_bytes(EMBEDDER)
    (tmp_path / "mine.toml").write_bytes(manifest())
    pack = install(str(tmp_path / "mine.toml"), settings, folder=tmp_path / "carried")
    assert check(pack) == [("detector.onnx", "ok"), ("embedder.onnx", "ok")]


def test_files_beside_a_manifest_are_found(tmp_path: Path, settings: Settings) -> None:
    for name, content in (("detector.onnx", DETECTOR), ("embedder.onnx", EMBEDDER), ("mine.toml", manifest())):
        (tmp_path / name).write_bytes(content)
    assert install(str(tmp_path / "mine.toml"), settings, sha256=sha256(manifest())).name == "mine"
    with pytest.raises(PackError, match="not the expected file"):
        install(str(tmp_path / "mine.toml"), settings, sha256="0" * 64)


def test_a_file_that_the_folder_lacks_is_named(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "detector.onnx").write_bytes(DETECTOR)
    (tmp_path / "mine.toml").write_bytes(manifest())
    with pytest.raises(PackError, match=r"embedder\.onnx is not in"):
        install(str(tmp_path / "mine.toml"), settings)
    with pytest.raises(PackError, match=r"yunet_n_dynamic\.onnx is not in") as caught:
        install("recommended", settings, folder=tmp_path / "none")
    assert "https://" in caught.value.advice
    assert nothing_is_installed(settings)


def test_a_folder_with_an_altered_file_is_refused(tmp_path: Path, settings: Settings) -> None:
    for name, content in (("detector.onnx", DETECTOR), ("embedder.onnx", b"altered"), ("mine.toml", manifest())):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PackError, match=r"embedder\.onnx is not the expected file"):
        install(str(tmp_path / "mine.toml"), settings)
    assert nothing_is_installed(settings)


@pytest.mark.parametrize("name", ["default", "recommended"])
def test_a_pack_of_ones_own_cannot_take_a_built_in_name(tmp_path: Path, settings: Settings, name: str) -> None:
    (tmp_path / "m.toml").write_bytes(manifest(name))
    with pytest.raises(PackError, match="cannot be called"):
        install(str(tmp_path / "m.toml"), settings)
    assert not settings.cache_dir.exists()


def test_what_is_neither_pack_nor_file_is_refused(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(PackError, match="no pack and no manifest") as caught:
        install(str(tmp_path / "none.toml"), settings)
    assert "recommended" in caught.value.advice


def test_a_refused_licence_installs_nothing(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "m.toml").write_bytes(manifest().replace(b'"MIT"', b'"CC-BY-NC-4.0"'))
    with pytest.raises(PackError, match="forbids commercial use"):
        install(str(tmp_path / "m.toml"), settings)
    assert not settings.cache_dir.exists()


def test_the_default_pack_needs_no_download(settings: Settings) -> None:
    pack = install("default", settings)
    assert {state for _, state in check(pack)} == {"ok"}


def test_check_tells_what_is_wrong(tmp_path: Path, settings: Settings) -> None:
    for name, content in (("detector.onnx", DETECTOR), ("embedder.onnx", EMBEDDER), ("mine.toml", manifest())):
        (tmp_path / name).write_bytes(content)
    pack = install(str(tmp_path / "mine.toml"), settings)
    (pack.folder / "detector.onnx").write_bytes(b"altered")
    (pack.folder / "embedder.onnx").unlink()
    states = dict(check(pack))
    assert "not the expected file" in states["detector.onnx"]
    assert "not on this machine" in states["embedder.onnx"]


def test_a_cache_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, content in (("detector.onnx", DETECTOR), ("embedder.onnx", EMBEDDER), ("mine.toml", manifest())):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PackError, match="cannot be written"):
        install(str(tmp_path / "mine.toml"), Settings(cache_dir=tmp_path / "file" / "cache"))


def test_the_recommended_pack_from_a_local_publisher(server: Server, settings: Settings, shared: Path) -> None:
    """The built-in manifest under another name, with this machine's addresses for its publishers'."""
    content = (MANIFESTS / "recommended.toml").read_bytes().replace(b'name = "recommended"', b'name = "rec"', 1)
    for path in [*(shared / "weights" / "yunet").iterdir(), *(shared / "weights" / "omz").rglob("*retail-0095.*")]:
        server.offer(f"/{path.name}", path.read_bytes())
    lines = []
    for line in content.decode().splitlines():
        value = line.partition("=")[2].strip().strip('"')
        lines.append(f'address = "{value.rpartition("/")[2]}"' if line.startswith("address") else line)
    text = "\n".join(lines).encode()
    pack = install(server.offer("/rec.toml", text), settings, sha256=sha256(text))
    assert {state for _, state in check(pack)} == {"ok"}
    assert pack.embedder.points == load_pack("recommended", settings).embedder.points
