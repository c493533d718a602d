"""Reading files of this machine: regular ones only, and none outside the folder that was given."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from typing import Final

from countenance.ingest.decoded import Reason, refusal

Why = tuple[Reason, str] | None

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_FOLDER: Final = _FLAGS | getattr(os, "O_DIRECTORY", 0)
_DEEPEST: Final = 200  # folders inside folders; each level holds one open file
_LONGEST: Final = 4_000  # bytes of a path that every kernel takes in one piece, with room to spare
_CHUNK: Final = 16 * 1024 * 1024


def read_file(path: bytes, max_bytes: int) -> bytes:
    """Content of a regular file; links are followed.

    Args:
        path: absolute.
        max_bytes: above this it is refused.

    Raises:
        PhotoRefusedError: not a regular file, too large, empty or unreadable.
    """
    try:
        handle = open_regular(path) if len(path) < _LONGEST else _open_deep(path)
    except OSError as error:
        raise refusal(Reason.UNREADABLE, sentence_of(error)) from error
    return _read_all(handle, max_bytes)


def read_inside(root: bytes, path: bytes, max_bytes: int) -> bytes:
    """Content of a regular file below a folder, whatever links lie on the way and whoever changes them meanwhile.

    Every folder on the way is opened from the one above it without following links. Where the last name is a link, it
    is followed, and the file that was opened (not its name) is then shown to lie in the folder.

    Args:
        root: the folder, absolute.
        path: absolute, below ``root``; may be longer than the kernel takes in one piece.
        max_bytes: above this it is refused.

    Raises:
        PhotoRefusedError: outside the folder, not a regular file, too large, empty or unreadable.
    """
    *folders, name = os.path.relpath(path, root).split(b"/")
    if b".." in (*folders, name):
        raise refusal(Reason.OUTSIDE)
    try:
        at = os.open(root, _FOLDER)
        try:
            for folder in folders:
                below = os.open(folder, _FOLDER | _NO_LINK, dir_fd=at)
                os.close(at)
                at = below
            handle = _open_below(at, name, root)
        finally:
            os.close(at)
    except OSError as error:
        link = error.errno in (errno.ELOOP, errno.ENOTDIR)
        raise refusal(Reason.OUTSIDE if link else Reason.UNREADABLE, "" if link else sentence_of(error)) from error
    return _read_all(handle, max_bytes)


def walk(root: bytes, skip_marker: bytes) -> Iterator[tuple[bytes, Why]]:
    """Every file below a folder, sorted by name within each folder, with a reason if it cannot be read.

    Args:
        root: the folder, absolute.
        skip_marker: a folder below ``root`` that holds this name is left out.

    Yields:
        Absolute path and None, or why it cannot be read.
    """
    real = os.path.realpath(root)
    try:
        at = os.open(root, _FOLDER)
    except OSError as error:
        yield root, (Reason.UNREADABLE, sentence_of(error))
        return
    yield from _walk(at, root, real, skip_marker, _DEEPEST)


def _walk(at: int, path: bytes, real: bytes, skip_marker: bytes, levels: int) -> Iterator[tuple[bytes, Why]]:
    try:
        try:
            names = sorted(os.fsencode(name) for name in os.listdir(at))
        except OSError as error:
            yield path, (Reason.UNREADABLE, sentence_of(error))
            return
        for name in names:
            full = os.path.join(path, name)  # noqa: PTH118 - names are bytes here
            try:
                mode = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode) and not levels:
                    yield full, (Reason.UNREADABLE, "The folder lies too deep.")
                elif stat.S_ISDIR(mode):
                    below = os.open(name, _FOLDER | _NO_LINK, dir_fd=at)
                    if _has(below, skip_marker):
                        os.close(below)
                    else:
                        yield from _walk(below, full, real, skip_marker, levels - 1)
                elif stat.S_ISLNK(mode):
                    yield from _link(at, name, full, real)
                elif stat.S_ISREG(mode):
                    yield full, None
                else:
                    yield full, (Reason.NOT_REGULAR, "")
            except OSError as error:
                yield full, (Reason.UNREADABLE, sentence_of(error))
    finally:
        os.close(at)


def _link(at: int, name: bytes, full: bytes, real: bytes) -> Iterator[tuple[bytes, Why]]:
    """A link is judged here for the listing and once more, on the open file, when it is read."""
    mode = os.stat(name, dir_fd=at).st_mode
    inside = _is_below(os.path.realpath(full), real)
    if stat.S_ISDIR(mode):
        if not inside:
            yield full, (Reason.OUTSIDE, "")
        return  # a folder inside is met where it really is
    if not inside:
        yield full, (Reason.OUTSIDE, "")
    elif stat.S_ISREG(mode):
        yield full, None
    else:
        yield full, (Reason.NOT_REGULAR, "")


def _has(at: int, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=at, follow_symlinks=False)
    except OSError:
        return False
    return True


def _is_below(path: bytes, root: bytes) -> bool:
    return path.startswith(root.rstrip(b"/") + b"/")


def _open_below(at: int, name: bytes, root: bytes) -> int:
    if not stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
        return open_regular(name, at, _NO_LINK)
    handle = open_regular(name, at)
    if not _is_below(_real_name(handle), os.path.realpath(root)):
        os.close(handle)
        raise refusal(Reason.OUTSIDE)
    return handle


def _open_deep(path: bytes) -> int:
    """A path that is too long for one system call, folder by folder."""
    *folders, name = path.strip(b"/").split(b"/")
    at = os.open(b"/", _FOLDER)
    try:
        for folder in folders:
            below = os.open(folder, _FOLDER, dir_fd=at)
            os.close(at)
            at = below
        return open_regular(name, at)
    finally:
        os.close(at)


def open_regular(name: bytes, at: int | None = None, more: int = 0) -> int:
    """Descriptor of a regular file, open for reading.

    It is looked at first, because opening a device can do something, and again once it is open, because it may have
    been changed between.

    Args:
        name: path, below ``at`` if that is given.
        at: descriptor of a folder.
        more: flags besides our own; without any, links are followed.

    Raises:
        PhotoRefusedError: something else is there.
        OSError: it cannot be opened.
    """
    if not stat.S_ISREG(os.stat(name, dir_fd=at, follow_symlinks=not more).st_mode):
        raise refusal(Reason.NOT_REGULAR)
    handle = os.open(name, _FLAGS | more, dir_fd=at)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise refusal(Reason.NOT_REGULAR)
    return handle


def _real_name(handle: int) -> bytes:
    """Where an open file really is; empty if this system does not say."""
    if sys.platform == "darwin":
        import fcntl  # noqa: PLC0415 - F_GETPATH exists there only

        return bytes(fcntl.fcntl(handle, fcntl.F_GETPATH, b"\0" * 1024)).rstrip(b"\0")
    try:
        return os.readlink(b"/proc/self/fd/%d" % handle)  # noqa: PTH115 - names are bytes here
    except OSError:
        return b""


def _read_all(handle: int, max_bytes: int) -> bytes:
    try:
        size = os.fstat(handle).st_size
        if size > max_bytes:
            raise refusal(Reason.TOO_MANY_BYTES)
        content = os.read(handle, min(size + 1, _CHUNK))
        if len(content) > size or len(content) == size < _CHUNK:
            return _checked(content, max_bytes)
        parts, length = [content], len(content)
        while length <= max_bytes and (content := os.read(handle, _CHUNK)):
            parts.append(content)
            length += len(content)
        return _checked(b"".join(parts), max_bytes)
    except OSError as error:
        raise refusal(Reason.UNREADABLE, sentence_of(error)) from error
    finally:
        os.close(handle)


def _checked(content: bytes, max_bytes: int) -> bytes:
    if len(content) > max_bytes:
        raise refusal(Reason.TOO_MANY_BYTES)
    if not content:
        raise refusal(Reason.EMPTY)
    return content


def sentence_of(error: OSError) -> str:
    """What a failed system call means for the file.

    Args:
        error: of the call.
    """
    return f"The file cannot be read: {error.strerror or error}."
