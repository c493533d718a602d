"""Files of ours that are to go: overwritten with noise, then removed; whatever was put in their place is left alone."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from enum import StrEnum
from typing import Final

from countenance.errors import StoreError
from countenance.store.written import UNFINISHED, part_of

_BLOCK: Final = 1 << 20


class Fate(StrEnum):
    """What became of a file of ours: gone, not ours any more, or nowhere to be found."""

    GONE = "gone"
    CHANGED = "changed"
    UNREACHABLE = "unreachable"


def remove_file(path: bytes, sha256: bytes) -> Fate:
    """Remove a file that we wrote, and what a killed writer left of it; other content in its place is left as it is.

    An interrupted removal is taken up again: the file got another name first. Where the whole folder is missing, the
    disk may be, and nothing can be said of the file.

    Raises:
        StoreError: it is there and cannot be removed.
    """
    above = os.path.dirname(path)  # noqa: PTH120 - names are bytes here
    if not os.path.isdir(above):  # noqa: PTH112
        return Fate.UNREACHABLE
    try:
        for left in (going_of(path), part_of(path)):
            if os.path.lexists(left):
                _overwrite_and_unlink(left)
        if os.path.lexists(path):
            if not _is_ours(path, sha256):
                return Fate.CHANGED
            os.rename(path, going_of(path))  # noqa: PTH104
            _overwrite_and_unlink(going_of(path))
    except OSError as error:
        msg = f"{os.fsdecode(path)} must go and cannot be removed: {error.strerror}."
        raise StoreError(msg, advice="Check its permissions, then run `countenance erase --resume`.") from error
    with suppress(OSError):  # a folder that is empty now goes as well
        os.rmdir(above)  # noqa: PTH106
    return Fate.GONE


def going_of(path: bytes) -> bytes:
    """The name a file has while it is overwritten; short, whatever its own name is."""
    name = b".erasing-" + hashlib.sha256(path).hexdigest()[:32].encode()
    return os.path.join(os.path.dirname(path), name)  # noqa: PTH118, PTH120


def read_file(path: bytes) -> bytes:
    """A file's content; nothing when it cannot be read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - names are bytes here
            return file.read()
    except OSError:
        return b""


def is_picture(content: bytes) -> bool:
    """Whether pieces of this file are pieces of a picture; those of a page stand in other pages as well."""
    return content.startswith(b"\xff\xd8") and b"\xff\xda" in content


def _overwrite_and_unlink(path: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        left = os.fstat(handle).st_size
        while left > 0:
            left -= os.write(handle, os.urandom(min(left, _BLOCK)))
        os.fsync(handle)
    finally:
        os.close(handle)
    os.unlink(path)  # noqa: PTH108 - names are bytes here


def _is_ours(path: bytes, sha256: bytes) -> bool:
    if os.path.islink(path) or not os.path.isfile(path):  # noqa: PTH113, PTH114 - names are bytes here
        return False
    if sha256 == UNFINISHED:
        return True
    with open(path, "rb") as file:  # noqa: PTH123 - names are bytes here
        return hashlib.file_digest(file, "sha256").digest() == sha256
