"""Tar and zip: members of any name, damage, bombs, and reading without starting over."""

from __future__ import annotations

import os
import stat
import struct
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from countenance.errors import PhotoRefusedError
from countenance.ingest import containers
from countenance.ingest.source import SourceItem, estimate, open_sources, reopen
from tests.unit.ingest.reading import LIMIT, make_tar, make_zip, outcome, outcomes

DAMAGED_WORDS = ("damaged", "unreadable")
ODD_NAMES = {
    "../../etc/cron.d/x": b"1",
    "/abs": b"2",
    "n" * 4000: b"3",
    "new\nline": b"4",
    "é☃": b"5",
    "sub/a.jpg": b"6",
}


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
    items = list(open_sources([path]))
    wrong: list[SourceItem] = []

    def work(items: list[SourceItem]) -> None:
        wrong.extend(item for item in items if item.read(LIMIT) != members[(item.member or b"").decode()])

    threads = [threading.Thread(target=work, args=(items[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
