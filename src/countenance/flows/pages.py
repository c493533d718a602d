"""Pages that stand alone, and files that are there whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import Any

import jinja2

from countenance.store.written import part_of


def render(template: str, **values: Any) -> str:  # noqa: ANN401 - whatever the template shows
    """A page from ``flows/templates``; every value is escaped, and a missing one is a mistake of ours."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("countenance.flows"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(values)


class Part:
    """A file that is whole but has not got its name yet; as long as it is one, nobody else writes that file."""

    def __init__(self, path: bytes, content: bytes, *, mode: int) -> None:
        """Write it durably beside the path that it is for.

        Args:
            path: where it belongs; its folder is there.
            content: of the file.
            mode: permissions.

        Raises:
            OSError: it cannot be written, or another program is writing it; nothing is left behind.
        """
        self.path, self._part = path, part_of(path)
        remove_part(self._part)
        self._handle = os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with os.fdopen(os.dup(self._handle), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.fchmod(self._handle, mode)
            _require_named(self._handle)
        except BaseException:
            self.discard()
            raise

    def give_name(self) -> None:
        """Put it where it belongs.

        Raises:
            OSError: it is not there any more, or the folder cannot be written.
        """
        os.replace(self._part, self.path)  # noqa: PTH105 - names are bytes here
        os.close(self._handle)

    def discard(self) -> None:
        """Remove it."""
        if _is_at(self._handle, self._part):
            os.unlink(self._part)  # noqa: PTH108 - as above
        os.close(self._handle)


def write_whole(path: bytes, content: bytes, *, mode: int) -> None:
    """Write a file so that nobody ever sees a part of it, durably.

    Args:
        path: where; its folder is there.
        content: of the file.
        mode: permissions.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    part = Part(path, content, mode=mode)
    try:
        part.give_name()
    except BaseException:
        part.discard()
        raise


def remove_part(part: bytes) -> None:
    """Remove what a killed writer left under this name, if it left anything.

    Raises:
        OSError: it cannot be removed, or it is being written by a program that lives.
    """
    try:
        left = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(left, part):
            os.unlink(part)  # noqa: PTH108 - names are bytes here
    finally:
        os.close(left)


def _is_at(handle: int, path: bytes) -> bool:
    """Whether an open file still has that name."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))  # noqa: PTH116 - as above
    except FileNotFoundError:
        return False


def _require_named(handle: int) -> None:
    """Raise BlockingIOError when another program took a file for a leftover before it was locked."""
    if not os.fstat(handle).st_nlink:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
