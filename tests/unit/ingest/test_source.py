"""Files, folders and patterns; names of any bytes; nothing outside, nothing that is not a file."""

from __future__ import annotations

import os
import pickle
import socket
import sys
from pathlib import Path

import pytest

from countenance.errors import PhotoRefusedError, SourceError
from countenance.ingest import local
from countenance.ingest.source import SourceItem, display_name, estimate, open_sources, reopen
from tests.unit.ingest.reading import LIMIT, make_tar, make_zip, outcome, outcomes


def test_a_folder_gives_every_file_in_order(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "b/10.jpg", "a.jpg", "c.txt", ".DS_Store", "b/.hidden/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    items = list(open_sources([tmp_path]))
    names = [item.path.removeprefix(os.fsencode(tmp_path) + b"/") for item in items]
    assert names == [b".DS_Store", b"a.jpg", b"b/.hidden/x", b"b/10.jpg", b"b/2.jpg", b"c.txt"]
    assert [outcome(item) for item in items] == names
    assert all(item.path.startswith(b"/") for item in items)
    assert estimate([tmp_path]) == 6


def test_addresses_are_relative_bytes_or_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    monkeypatch.chdir(tmp_path)
    expected = [SourceItem(os.fsencode(tmp_path / "a.jpg"))]
    for address in ("a.jpg", b"a.jpg", Path("a.jpg"), "./x/../a.jpg", f"file://{tmp_path}/a.jpg"):
        assert list(open_sources([address])) == expected


@pytest.mark.parametrize(
    "name", [b"new\nline.jpg", b"\xff\xfe\x80.jpg", b"%s\\n.jpg", b" ", b"\x1b[31m.jpg", b"x" * 255, "é☃.jpg".encode()]
)
def test_names_are_bytes(tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(b"content")
    for address in (tmp_path, path):
        (item,) = open_sources([address])
        assert item.path == path
        assert outcome(item) == b"content"
        assert reopen(item.path, None, LIMIT) == b"content"
        assert item.display().isprintable()
        assert "\n" not in item.display()


def test_display() -> None:
    assert display_name(b"/a/b\n\xff.jpg") == "/a/b\\n\\xff.jpg"
    assert display_name("/a/é.zip".encode(), b"in\x1bside") == "/a/é.zip!in\\x1bside"


def test_a_path_longer_than_the_kernel_takes(tmp_path: Path) -> None:
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir(b"d" * 250, dir_fd=at)
        below = os.open(b"d" * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    handle = os.open(b"deep.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=at)
    os.write(handle, b"deep")
    os.close(handle)
    os.close(at)
    (item,) = open_sources([tmp_path])
    assert len(item.path) > 5_000
    assert outcome(item) == b"deep"
    assert reopen(item.path, None, LIMIT) == b"deep"


def test_what_is_no_regular_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("socket")
    listener.close()
    (tmp_path / "to-fifo").symlink_to("fifo")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "empty").touch()
    wanted = {
        b"fifo": "not-a-regular-file",
        b"socket": "not-a-regular-file",
        b"to-fifo": "not-a-regular-file",
        b"device": "outside-source",
        b"empty": "empty",
    }
    assert outcomes(tmp_path) == wanted
    for name, reason in ((b"fifo", "not-a-regular-file"), (b"to-fifo", "not-a-regular-file"), (b"empty", "empty")):
        assert outcomes(os.fsencode(tmp_path) + b"/" + name) == {name: reason}
    assert outcomes("/dev/zero") == {b"zero": "not-a-regular-file"}


def test_links(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "sub").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"secret")
    (inside / "sub" / "a.jpg").write_bytes(b"a")
    (inside / "link-in").symlink_to("sub/a.jpg")
    (inside / "link-out").symlink_to(outside / "secret.jpg")
    (inside / "link-through").symlink_to("../out/secret.jpg")
    (inside / "folder-in").symlink_to("sub")
    (inside / "folder-out").symlink_to(outside)
    (inside / "nowhere").symlink_to("gone")
    (inside / "round").symlink_to("round")
    assert outcomes(inside) == {
        b"a.jpg": b"a",
        b"link-in": b"a",
        b"link-out": "outside-source",
        b"link-through": "outside-source",
        b"folder-out": "outside-source",
        b"nowhere": "unreadable",
        b"round": "unreadable",
    }
    assert estimate([inside]) == 7
    assert outcomes(inside / "link-out") == {b"link-out": b"secret"}  # named by the user, so meant


@pytest.mark.parametrize("swap", ["file", "folder"])
def test_a_link_put_in_after_listing_leads_nowhere(tmp_path: Path, swap: str) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "sub").mkdir(parents=True)
    outside.mkdir()
    (outside / "a.jpg").write_bytes(b"secret")
    (inside / "sub" / "a.jpg").write_bytes(b"a")
    (item,) = open_sources([inside])
    (inside / "sub" / "a.jpg").unlink()
    if swap == "file":
        (inside / "sub" / "a.jpg").symlink_to(outside / "a.jpg")
    else:
        (inside / "sub").rmdir()
        (inside / "sub").symlink_to(outside)
    assert outcome(item) == "outside-source"
    assert reopen(item.path, None, LIMIT) == b"secret"  # which is why the caller compares the hash


def test_a_folder_name_that_begins_alike_is_outside(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.jpg").write_bytes(b"a")
    (tmp_path / "in" / "link").symlink_to("../inner/a.jpg")
    assert outcomes(tmp_path / "in") == {b"link": "outside-source"}


def test_limits_on_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (item,) = open_sources([tmp_path])
    assert outcome(item, 1000) == b"x" * 1000
    assert outcome(item, 999) == "too-many-bytes"
    for path in (make_zip(tmp_path / "z.zip", {"a": b"x" * 1000}), make_tar(tmp_path / "t.tar", {"a": b"x" * 1000})):
        (item,) = open_sources([path])
        assert outcome(item, 1000) == b"x" * 1000
        assert outcome(item, 999) == "too-many-bytes"


def test_a_large_file_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_CHUNK", 1000)
    content = bytes(range(256)) * 50
    (tmp_path / "a").write_bytes(content)
    assert reopen(os.fsencode(tmp_path / "a"), None, LIMIT) == content
    with pytest.raises(PhotoRefusedError):
        reopen(os.fsencode(tmp_path / "a"), None, 5000)


def test_our_own_archive_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "ours" / "crops").mkdir(parents=True)
    (tmp_path / "ours" / "countenance.db").touch()
    (tmp_path / "ours" / "crops" / "face.jpg").write_bytes(b"face")
    (tmp_path / "a.jpg").write_bytes(b"a")
    assert outcomes(tmp_path) == {b"a.jpg": b"a"}
    with pytest.raises(SourceError, match="archive of ours"):
        open_sources([tmp_path / "ours"])


def test_patterns(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.png", "sub/d.jpg", "odd[1].jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert list(outcomes(tmp_path / "*.jpg")) == [b"a.jpg", b"b.jpg", b"odd[1].jpg"]
    assert list(outcomes(tmp_path / "**" / "*.jpg")) == [b"a.jpg", b"b.jpg", b"odd[1].jpg", b"d.jpg"]
    assert list(outcomes(tmp_path / "odd[1].jpg")) == [b"odd[1].jpg"]


@pytest.mark.parametrize(
    "address",
    [
        "gone.jpg",
        "gone/*.jpg",
        "",
        "http://a/b.jpg",
        "HTTPS://a/b.jpg",
        "ftp://a",
        "filecache::https://a",
        "github://a",
    ],
)
def test_bad_addresses_are_said_before_anything_is_read(tmp_path: Path, address: str) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    with pytest.raises(SourceError) as caught:
        open_sources([tmp_path / "a.jpg", address])
    assert caught.value.advice
    assert caught.value.message.endswith(".")


def test_a_broken_link_as_address_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(SourceError, match="cannot be opened"):
        open_sources([tmp_path / "link"])


def test_items_can_be_sent_to_another_process(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    os.mkfifo(tmp_path / "f" / "fifo")
    (tmp_path / "f" / "a").write_bytes(b"a")
    items = list(open_sources([tmp_path / "f", make_zip(tmp_path / "z.zip", {"m": b"m"})]))
    again: list[SourceItem] = pickle.loads(pickle.dumps(items))  # noqa: S301 - our own bytes
    assert again == items
    assert [outcome(item) for item in again] == [b"a", "not-a-regular-file", b"m"]


def test_one_bad_file_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"b")
    found = list(open_sources([tmp_path]))
    (tmp_path / "b").unlink()
    assert [outcome(item) for item in found] == ["unreadable"]


def test_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "z").write_bytes(b"z")
    real = os.listdir

    def listdir(at: int) -> list[str]:
        names = real(at)
        if not names:
            raise PermissionError(13, "Permission denied")
        return names

    monkeypatch.setattr(os, "listdir", listdir)
    assert outcomes(tmp_path) == {b"closed": "unreadable", b"z": b"z"}


def test_folders_nested_without_end_are_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_DEEPEST", 3)
    (tmp_path / "a/b/c/d/e").mkdir(parents=True)
    assert outcomes(tmp_path) == {b"d": "unreadable"}


def test_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    for name, content in {"/b/y.jpg": b"y", "/b/x.jpg": b"x" * 2000, "/b/sub/é.jpg": b"e", "/b/empty": b""}.items():
        store.pipe_file(name, content)
    items = list(open_sources(["memory://b"]))
    assert [item.path.decode() for item in items] == [
        "memory://b/empty",
        "memory://b/sub/é.jpg",
        "memory://b/x.jpg",
        "memory://b/y.jpg",
    ]
    assert [outcome(item, 1999) for item in items] == ["empty", b"e", "too-many-bytes", b"y"]
    assert [item.path for item in open_sources(["memory://b/*.jpg"])] == [b"memory://b/x.jpg", b"memory://b/y.jpg"]
    assert [item.path for item in open_sources(["memory://b/y.jpg"])] == [b"memory://b/y.jpg"]
    assert reopen(b"memory://b/y.jpg", None, LIMIT) == b"y"
    assert estimate(["memory://b"]) is None
    with pytest.raises(SourceError, match="Nothing is at"):
        list(open_sources(["memory://none"]))
    with pytest.raises(PhotoRefusedError):
        reopen(b"memory://b/gone", None, LIMIT)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(SourceError) as caught:
        list(open_sources(["s3://bucket/key"]))
    assert "countenance[remote]" in caught.value.advice


def test_remote_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SourceError) as caught:
        open_sources(["s3://bucket/key"])
    assert "countenance[remote]" in caught.value.advice
