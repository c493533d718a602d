"""Photos inside tar and zip archives, streamed member by member and never unpacked."""

from __future__ import annotations

import atexit
import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, Final, Self

from countenance.errors import PhotoRefusedError
from countenance.ingest import local
from countenance.ingest.decoded import Reason, refusal

_OPENERS: Final[dict[bytes, Callable[[Any], Any]]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_SUFFIXES: Final = (b".tar", b".tgz", b".tbz2", b".txz", b".tar.gz", b".tar.bz2", b".tar.xz")
_MOST_EXPANSION: Final = 100  # photos hardly compress: an archive that grows more than this is a trap
_MOST_HEADER_BYTES: Final = 16 * 1024 * 1024
_ENCRYPTED: Final = 0x1
_NAME_IS_UTF8: Final = 0x800
_BLOCK: Final = tarfile.BLOCKSIZE
_BROKEN: Final = (
    *(OSError, EOFError, ValueError, RuntimeError, KeyError, IndexError, OverflowError),
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)


def kind_of(path: bytes) -> str:
    """``zip``, ``tar`` or empty for a file that is no archive.

    Args:
        path: absolute; links are followed.

    Raises:
        PhotoRefusedError: not a regular file, or unreadable.
    """
    with _open_file(path) as file:
        head = file.read(_BLOCK)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    packed = head.startswith(tuple(_OPENERS))
    return "tar" if head[257:262] == b"ustar" or packed or path.lower().endswith(_SUFFIXES) else ""


def members(path: bytes, max_bytes: int) -> Iterator[tuple[bytes | None, local.Why]]:
    """Names of all members that are not folders, in the archive's order, each with a reason if it cannot be read.

    Args:
        path: absolute, an archive.
        max_bytes: limit per member.

    Yields:
        Name and None, or why it cannot be read. Damage of the archive itself comes last, under the name None.
    """
    try:
        archive = _borrow(path, max_bytes)
        archive.readers += 1
        try:
            yield from archive.members(max_bytes)
        finally:
            archive.readers -= 1
    except PhotoRefusedError as error:
        yield None, (Reason(error.reason), error.message)
    except _BROKEN as error:
        yield None, (Reason.DAMAGED, f"The archive is damaged: {_words(error)}.")


def read_member(path: bytes, member: bytes, max_bytes: int) -> bytes:
    """Content of one member; of the first, where several have the same name.

    Args:
        path: absolute, an archive.
        member: its name.
        max_bytes: above this it is refused.

    Raises:
        PhotoRefusedError: it cannot be read.
    """
    try:
        content = _borrow(path, max_bytes).read(member, max_bytes)
    except _BROKEN as error:
        raise refusal(Reason.UNREADABLE, f"It cannot be read from its archive: {_words(error)}.") from error
    if len(content) > max_bytes:
        raise refusal(Reason.TOO_MANY_BYTES)
    if not content:
        raise refusal(Reason.EMPTY)
    return content


def count_members(path: bytes) -> int | None:
    """How many items a file gives: 1 for a plain file, None where only reading the whole would tell.

    Args:
        path: absolute.
    """
    try:
        kind = kind_of(path)
    except PhotoRefusedError:
        return 1
    if kind == "tar":
        return None
    return sum(1 for _ in members(path, 0)) if kind else 1


class _Zip:
    """A zip archive; its directory is read at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self.readers = 0
        self._lock = threading.Lock()
        self._file = file
        self._zip = zipfile.ZipFile(file)
        self._first: dict[bytes, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            self._first.setdefault(_zip_name(info), info)

    def members(self, max_bytes: int) -> Iterator[tuple[bytes, local.Why]]:
        for info in self._zip.infolist():
            if not info.is_dir():
                yield _zip_name(info), _zip_why(info, max_bytes)

    def read(self, member: bytes, max_bytes: int) -> bytes:
        info = self._first[member]
        if why := _zip_why(info, max_bytes):
            raise refusal(*why)
        with self._lock, self._zip.open(info) as file:
            return file.read(max_bytes + 1)

    def close(self) -> None:
        self._zip.close()
        self._file.close()


def _zip_name(info: zipfile.ZipInfo) -> bytes:
    """The bytes that stand in the archive: code page 437 has a character for each, so nothing was lost."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & _NAME_IS_UTF8 else "cp437", "surrogateescape")


def _zip_why(info: zipfile.ZipInfo, max_bytes: int) -> local.Why:
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return Reason.NOT_REGULAR, ""
    if info.flag_bits & _ENCRYPTED:
        return Reason.UNREADABLE, "It is encrypted inside its archive."
    return (Reason.TOO_MANY_BYTES, "") if info.file_size > max_bytes else None


class _Tar:
    """A tar archive, compressed or not; headers are read one after the other, as far as somebody asked."""

    def __init__(self, file: IO[bytes], max_bytes: int) -> None:
        self.readers = 0
        self._lock = threading.Lock()
        self._stream = _Bounded(file, max_bytes)
        self._tar = tarfile.open(fileobj=self._stream, mode="r:", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
        self._known: list[tarfile.TarInfo] = []
        self._first: dict[bytes, tarfile.TarInfo] = {}
        self._ended = False

    def members(self, max_bytes: int) -> Iterator[tuple[bytes, local.Why]]:
        at = 0
        while at < len(self._known) or self._advance():
            info = self._known[at]
            at += 1
            if not info.isdir():
                yield _tar_name(info), _tar_why(info, max_bytes)

    def read(self, member: bytes, max_bytes: int) -> bytes:
        while member not in self._first:
            if not self._advance():
                raise KeyError(member)
        info = self._first[member]
        if why := _tar_why(info, max_bytes):
            raise refusal(*why)
        with self._lock:
            file = self._tar.extractfile(info)
            return file.read(max_bytes + 1) if file is not None else b""

    def close(self) -> None:
        self._tar.close()
        self._stream.close()

    def _advance(self) -> bool:
        """Read one more header; False at the end.

        Raises:
            tarfile.ReadError: what comes next is neither a header nor the end.
        """
        with self._lock:
            if self._ended:
                return False
            with self._stream.small_reads():
                info = self._tar.next()
            if info is not None:
                self._known.append(info)
                self._first.setdefault(_tar_name(info), info)
                return True
            self._ended = True
            self._stream.seek(self._tar.offset)
            rest = self._stream.read(_BLOCK)
        if rest != bytes(_BLOCK):  # a cut between two members would otherwise pass for the end
            msg = "its end is missing or overwritten"
            raise tarfile.ReadError(msg)
        return False


def _tar_name(info: tarfile.TarInfo) -> bytes:
    return info.name.encode("utf-8", "surrogateescape")


def _tar_why(info: tarfile.TarInfo, max_bytes: int) -> local.Why:
    if not info.isreg():
        return Reason.NOT_REGULAR, ""
    return (Reason.TOO_MANY_BYTES, "") if info.size > max_bytes else None


class _Bounded(io.RawIOBase):
    """The tar stream of a file, unpacked on the fly; it fails rather than grow far beyond what photos would."""

    def __init__(self, file: IO[bytes], max_bytes: int) -> None:
        head = file.read(6)
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)
        self._raw = self._file = file
        if opener is not None:
            self._file = opener(file)
        self._most = size if opener is None else max_bytes + _MOST_EXPANSION * size
        self._most_at_once = self._most
        self._packed = opener is not None

    def small_reads(self) -> _Bounded:
        self._most_at_once = _MOST_HEADER_BYTES
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._most_at_once = self._most

    def read(self, size: int = -1) -> bytes:
        if self._packed and (self._file.tell() > self._most or not 0 <= size <= self._most_at_once):
            msg = "it grows more than an archive of photos can"
            raise tarfile.ReadError(msg)
        return self._file.read(min(size, self._most_at_once) if size >= 0 else self._most_at_once)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if self._packed and offset > self._most:
            msg = "it grows more than an archive of photos can"
            raise tarfile.ReadError(msg)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        self._raw.close()
        super().close()


_lock = threading.Lock()
_open_archives: dict[tuple[int, bytes], tuple[tuple[int, int, int], _Zip | _Tar]] = {}


def _borrow(path: bytes, max_bytes: int) -> _Zip | _Tar:
    """The archive at a path, kept open so that reading members in order never starts over.

    One archive that nobody is walking through is kept for each process.
    """
    key = os.getpid(), path
    with _lock:
        status = os.stat(path)  # noqa: PTH116 - names are bytes here
        stamp = status.st_ino, status.st_size, status.st_mtime_ns
        found = _open_archives.get(key)
        if found is not None and found[0] == stamp:
            return found[1]
        for other in [name for name, (_, archive) in _open_archives.items() if not archive.readers or name == key]:
            _, archive = _open_archives.pop(other)
            archive.close()
        kind, file = kind_of(path), _open_file(path)
        try:
            archive = _Zip(file) if kind == "zip" else _Tar(file, max_bytes)
        except BaseException:
            file.close()
            raise
        _open_archives[key] = stamp, archive
        return archive


@atexit.register
def _close_all() -> None:
    while _open_archives:
        _, (_, archive) = _open_archives.popitem()
        archive.close()


def _open_file(path: bytes) -> IO[bytes]:
    try:
        return os.fdopen(local.open_regular(path), "rb")
    except OSError as error:
        raise refusal(Reason.UNREADABLE, local.sentence_of(error)) from error


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
