"""Files, folders, patterns and archives; names of any bytes; nothing outside, nothing that is not a file."""

from __future__ import annotations

import io
import os
import pickle
import socket
import stat
import struct
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from countenance.errors import PhotoRefusedError, SourceError
from countenance.ingest import containers, local, source
from countenance.ingest.source import SourceItem, display_name, estimate, open_sources, reopen

LIMIT = 100_000
DAMAGED_WORDS = ("damaged", "unreadable")


def outcome(item: SourceItem, max_bytes: int = LIMIT) -> bytes | str:
    try:
        return item.read(max_bytes)
    except PhotoRefusedError as error:
        assert error.message.endswith(".")
        return error.reason


def outcomes(*addresses: source.Address) -> dict[bytes, bytes | str]:
    """Last part of the path, or the member's name -> content or reason."""
    return {
        item.member if item.member is not None else os.path.basename(item.path): outcome(item)  # noqa: PTH119 - bytes
        for item in open_sources(addresses)
    }


def make_zip(path: Path, members: dict[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:  # type: ignore[arg-type]
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode, encoding="utf-8", errors="surrogateescape") as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


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
    (tmp_path / "ours" / "countenance.toml").touch()
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
    ["gone.jpg", "gone/*.jpg", "", "http://a/b.jpg", "HTTPS://a/b.jpg", "ftp://a", "filecache::https://a", "github://a"],
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


ODD_NAMES = {"../../etc/cron.d/x": b"1", "/abs": b"2", "n" * 4000: b"3", "new\nline": b"4", "é☃": b"5", "sub/a.jpg": b"6"}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_members(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "archive"  # told by its content, whatever it is called
    if mode == "zip":
        make_zip(path, ODD_NAMES, compression=zipfile.ZIP_DEFLATED)
    else:
        make_tar(path, ODD_NAMES, mode)
    wanted = {name.encode(): content for name, content in ODD_NAMES.items()}
    if mode == "zip":
        assert estimate([path]) == 6
    else:
        assert estimate([path]) is None
    assert outcomes(path) == wanted
    items = list(open_sources([path]))
    assert {item.member: item.read(LIMIT) for item in reversed(items)} == wanted
    assert {item.path for item in items} == {os.fsencode(path)}
    containers._close_all()
    for name, content in wanted.items():
        assert reopen(os.fsencode(path), name, LIMIT) == content
    assert [child.name for child in tmp_path.iterdir()] == ["archive"]


def test_invalid_utf8_in_member_names(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "a.tar", {"x\udcff\udc80.jpg": b"1"})
    assert outcomes(tar) == {b"x\xff\x80.jpg": b"1"}
    zipped = bytearray(make_zip(tmp_path / "a.zip", {"xAB.jpg": b"2"}).read_bytes())
    (tmp_path / "a.zip").write_bytes(bytes(zipped).replace(b"xAB.jpg", b"x\xff\x80.jpg"))
    assert outcomes(tmp_path / "a.zip") == {b"x\xff\x80.jpg": b"2"}
    assert reopen(os.fsencode(tmp_path / "a.zip"), b"x\xff\x80.jpg", LIMIT) == b"2"


def test_special_members(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        kinds = {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "fifo": tarfile.FIFOTYPE, "dev": tarfile.CHRTYPE}
        for name, kind in {**kinds, "folder": tarfile.DIRTYPE}.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert outcomes(tmp_path / "a.tar") == dict.fromkeys([b"link", b"hard", b"fifo", b"dev"], "not-a-regular-file")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        info_ = zipfile.ZipInfo("link")
        info_.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(info_, "/etc/passwd")
        zipped.writestr("folder/", b"")
        zipped.writestr("empty", b"")
    assert outcomes(tmp_path / "a.zip") == {b"link": "not-a-regular-file", b"empty": "empty"}


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    data = bytearray(make_zip(tmp_path / "a.zip", {"a": b"x", "b": b"y"}).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert outcomes(tmp_path / "a.zip") == {b"a": "unreadable", b"b": b"y"}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_a_cut_archive_gives_what_is_left_and_says_so(tmp_path: Path, kind: str, keep: float) -> None:
    members = {f"{n}.jpg": os.urandom(3000) for n in range(10)}
    path = tmp_path / "archive"
    if kind == "zip":
        make_zip(path, members)
    else:
        make_tar(path, members, "w:gz" if kind == "tar.gz" else "w")
    length = path.stat().st_size if kind != "tar" else 10 * 3584
    path.write_bytes(path.read_bytes()[: int(length * keep)])
    found = outcomes(path)
    good = {name: content for name, content in found.items() if isinstance(content, bytes)}
    assert all(members[name.decode()] == content for name, content in good.items())
    assert len(good) >= (0 if kind == "zip" else int(10 * keep) - 1)
    assert any(reason in DAMAGED_WORDS for reason in found.values())


def test_a_tar_overwritten_in_the_middle_does_not_end_quietly(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", {"a": b"1" * 600, "b": b"2" * 600, "c": b"3"})
    data = bytearray(path.read_bytes())
    data[1536 : 1536 + 512] = b"\x55" * 512
    path.write_bytes(data)
    assert outcomes(path) == {b"a": b"1" * 600, b"a.tar": "damaged"}


def test_damaged_member_of_a_zip(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a": b"1" * 600, "b": b"2" * 600})
    path.write_bytes(path.read_bytes().replace(b"1" * 600, b"1" * 599 + b"9"))
    assert outcomes(path) == {b"a": "unreadable", b"b": b"2" * 600}


def test_bombs(tmp_path: Path) -> None:
    zeros = bytes(5_000_000)
    zipped = make_zip(tmp_path / "a.zip", {"bomb": zeros, "a": b"a"}, compression=zipfile.ZIP_DEFLATED)
    assert outcomes(zipped) == {b"bomb": "too-many-bytes", b"a": b"a"}
    lying = bytearray(zipped.read_bytes())  # the directory promises little
    at = lying.index(b"PK\x01\x02")
    lying[at + 24 : at + 28] = struct.pack("<I", 50)
    zipped.write_bytes(lying)
    assert outcomes(zipped)[b"bomb"] in ("unreadable", "too-many-bytes")
    packed = make_tar(tmp_path / "a.tgz", {"bomb": zeros, "a": b"a"}, "w:gz")
    found = {item.member: outcome(item) for item in open_sources([packed], max_bytes=LIMIT)}
    assert found == {b"bomb": "too-many-bytes", None: "damaged"}


def test_a_giant_tar_header_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_MOST_HEADER_BYTES", 1 << 20)
    path = make_tar(tmp_path / "a.tgz", {"x": bytes(range(256)) * 10_000}, "w:gz")
    import gzip  # noqa: PLC0415 - only here

    plain = bytearray(gzip.decompress(path.read_bytes()))
    plain[156:157] = tarfile.XHDTYPE
    plain[148:156] = b" " * 8
    plain[148:156] = b"%06o\0 " % sum(plain[:512])
    path.write_bytes(gzip.compress(bytes(plain)))
    assert outcomes(path) == {b"a.tgz": "damaged"}


def test_archives_inside_are_items_not_opened(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    inner = make_zip(tmp_path / "f" / "inner.zip", {"a": b"a"}).read_bytes()
    assert outcomes(tmp_path / "f") == {b"inner.zip": inner}
    assert outcomes(make_zip(tmp_path / "outer.zip", {"inner.zip": inner})) == {b"inner.zip": inner}


def test_a_compressed_tar_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_tar(tmp_path / "a.tgz", {f"{n}": os.urandom(5000) for n in range(50)}, "w:gz")
    opened = 0
    real = containers._Bounded.__init__

    def count(self: containers._Bounded, *arguments: object) -> None:
        nonlocal opened
        opened += 1
        real(self, *arguments)  # type: ignore[arg-type]

    backwards: list[int] = []
    real_seek: Callable[..., int] = containers._Bounded.seek

    def seek(self: containers._Bounded, offset: int, whence: int = 0) -> int:
        if offset < self.tell() - 512:
            backwards.append(offset)
        return real_seek(self, offset, whence)

    monkeypatch.setattr(containers._Bounded, "__init__", count)
    monkeypatch.setattr(containers._Bounded, "seek", seek)
    assert sum(len(item.read(LIMIT)) for item in open_sources([path])) == 250_000
    assert opened == 1
    assert backwards == []


def test_a_changed_archive_is_opened_again(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a": b"1"})
    assert reopen(os.fsencode(path), b"a", LIMIT) == b"1"
    make_zip(path, {"a": b"other", "b": b"2"})
    assert reopen(os.fsencode(path), b"a", LIMIT) == b"other"
    with pytest.raises(PhotoRefusedError) as caught:
        reopen(os.fsencode(path), b"gone", LIMIT)
    assert caught.value.reason == "unreadable"


def test_threads_share_an_archive(tmp_path: Path) -> None:
    members = {f"{n}": os.urandom(20_000) for n in range(20)}
    path = make_tar(tmp_path / "a.tgz", members, "w:gz")
    items, wrong = list(open_sources([path])), []

    def work(items: list[SourceItem]) -> None:
        wrong.extend(item for item in items if item.read(LIMIT) != members[(item.member or b"").decode()])

    threads = [threading.Thread(target=work, args=(items[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


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

    monkeypatch.setattr(local.os, "listdir", listdir)
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
