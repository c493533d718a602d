"""Files of ours that are to go: overwritten with noise, then removed; whatever was put in their place is left alone."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import Final

from countenance.errors import StoreError
from countenance.store.written import UNFINISHED

_SUFFIX: Final = b".countenance-erasing"
_BLOCK: Final = 1 << 20


def remove_file(path: bytes, sha256: bytes) -> bool:
    """Remove a file that we wrote; False when other content stands there now, which is left as it is.

    An interrupted removal is taken up again: the file got another name first.

    Raises:
        StoreError: it is there and cannot be removed.
    """
    going = path + _SUFFIX
    try:
        if os.path.lexists(going):
            _overwrite_and_unlink(going)
        if os.path.lexists(path):
            if not _is_ours(path, sha256):
                return False
            os.rename(path, going)  # noqa: PTH104 - names are bytes here
            _overwrite_and_unlink(going)
    except OSError as error:
        msg = f"{os.fsdecode(path)} must go and cannot be removed: {error.strerror}."
        raise StoreError(msg, advice="Check its permissions, then run `countenance erase --resume`.") from error
    above = os.path.dirname(path)  # noqa: PTH120
    with suppress(OSError):  # a folder that is empty now goes as well
        os.rmdir(above)  # noqa: PTH106
    return True


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
