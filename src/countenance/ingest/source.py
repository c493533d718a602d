"""Where photos come from: files, folders, globs, archives and remote addresses, as items that are read one by one."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from countenance.errors import PhotoRefusedError, SourceError
from countenance.ingest import containers, local, remote
from countenance.ingest.decoded import Reason, refusal
from countenance.settings import DecodeLimits

Address = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_SCHEME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:(?=:|//)")
_MAGIC: Final = re.compile(rb"[*?\[]")
_OUR_DATABASE: Final = b"countenance.db"


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One photo that may be read, or the reason why it may not. Plain data: it can be sent to another process.

    Attributes:
        path: absolute path of the file or of the archive it lies in, or a remote address; any bytes.
        member: name inside the archive, None outside archives; any bytes.
        root: folder that a symbolic link must not lead out of, None for a file that was named itself.
        refused: reason and sentence if it is already known that it cannot be read.
    """

    path: bytes
    member: bytes | None = None
    root: bytes | None = None
    refused: tuple[Reason, str] | None = None

    def read(self, max_bytes: int) -> bytes:
        """The whole content.

        Members of compressed archives are cheap to read in the order in which ``open_sources`` gives them.

        Args:
            max_bytes: above this it is refused, archives' declared sizes notwithstanding.

        Raises:
            PhotoRefusedError: it cannot be read; the reason says why.
        """
        if self.refused is not None:
            raise refusal(*self.refused)
        if self.root is not None:
            return local.read_inside(self.root, self.path, max_bytes)
        return reopen(self.path, self.member, max_bytes)

    def display(self) -> str:
        """A printable name for people; not a path that could be opened again."""
        return display_name(self.path, self.member)


def display_name(path: bytes, member: bytes | None = None) -> str:
    """A printable name for people: what cannot be printed is escaped, an archive's member follows ``!``.

    Args:
        path: path or remote address.
        member: name inside the archive.
    """
    whole = path if member is None else path + b"!" + member
    text = whole.decode("utf-8", "surrogateescape")
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - a byte that was not UTF-8, as Python smuggles it
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def open_sources(addresses: Sequence[Address], *, max_bytes: int = DecodeLimits().max_bytes) -> Iterator[SourceItem]:
    """Every photo that some addresses lead to, in an order that depends on names only.

    An address is a file, a folder (with everything below it), a pattern with ``*``, ``?`` or ``[``, an archive (tar,
    compressed or not, or zip: its members are streamed, never unpacked), or a remote address such as
    ``s3://bucket/folder``. Archives inside folders and archives are not opened. All addresses are looked at before the
    first item comes.

    Args:
        addresses: at least one.
        max_bytes: limit per photo, from which the limit on an archive's expansion follows.

    Returns:
        Items; whatever cannot be read is an item too, whose ``read`` says why.

    Raises:
        SourceError: an address does not exist, cannot be opened at all, or is of a kind that is never fetched.
    """
    checked = [found for address in addresses for found in _resolve(os.fsencode(address))]
    return (item for path in checked for item in _items(path, max_bytes))


def reopen(path: bytes, member: bytes | None, max_bytes: int) -> bytes:
    """Read one item again, perhaps much later. Compare its SHA-256: the file may have changed.

    Args:
        path: as in ``SourceItem``.
        member: as in ``SourceItem``.
        max_bytes: above this it is refused.

    Raises:
        PhotoRefusedError: it cannot be read (any more).
    """
    if _SCHEME.match(path):
        return remote.read(path, max_bytes)
    if member is not None:
        return containers.read_member(path, member, max_bytes)
    return local.read_file(path, max_bytes)


def estimate(addresses: Sequence[Address]) -> int | None:
    """How many items there will be, for a progress bar; None where only reading would tell.

    Args:
        addresses: as for ``open_sources``.

    Raises:
        SourceError: as ``open_sources``.
    """
    total = 0
    for path in (found for address in addresses for found in _resolve(os.fsencode(address))):
        if _SCHEME.match(path):
            return None
        if os.path.isdir(path):  # noqa: PTH112 - names are bytes here
            total += sum(1 for _ in local.walk(path, _OUR_DATABASE))
            continue
        count = containers.count_members(path)
        if count is None:
            return None
        total += count
    return total


def _resolve(address: bytes) -> list[bytes]:
    """Absolute paths and remote addresses, each known to exist."""
    shown = display_name(address)
    if address.startswith(b"file://"):
        address = address.removeprefix(b"file://")
    if _SCHEME.match(address):
        remote.check(address)
        return [address]
    if not address or b"\0" in address:
        msg = "An empty name is not a source."
        raise SourceError(msg)
    path = os.path.abspath(address)  # noqa: PTH100 - names are bytes here
    if os.path.lexists(path):
        return [_usable(path, shown)]
    found = sorted(glob.glob(path, recursive=True)) if _MAGIC.search(address) else []  # noqa: PTH207 - bytes again
    if not found:
        msg = f"Nothing is at {shown}."
        raise SourceError(msg, advice="Check the spelling; patterns need quotes in the shell.")
    return [_usable(each, display_name(each)) for each in found]


def _usable(path: bytes, shown: str) -> bytes:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - names are bytes here
    except OSError as error:
        msg = f"{shown} cannot be opened: {error.strerror}."
        raise SourceError(msg) from error
    folder = stat.S_ISDIR(mode)
    if _is_ours(os.path.realpath(path)) or (folder and os.path.lexists(os.path.join(path, _OUR_DATABASE))):  # noqa: PTH118
        msg = f"{shown} belongs to an archive of ours and holds no photos."
        raise SourceError(msg, advice="Give the folder that holds the photos.")
    if folder and not os.access(path, os.R_OK | os.X_OK):
        msg = f"{shown} cannot be opened: no permission."
        raise SourceError(msg)
    return path


def _is_ours(path: bytes) -> bool:
    """Database, settings or keys of an archive. Reading a database of our own would also drop the locks on it."""
    above, name = os.path.split(path)
    if os.path.basename(above) == b"keys":  # noqa: PTH119 - names are bytes here
        above, name = os.path.split(above)
    mine = name == b"keys" or name.startswith(b"countenance.")
    return mine and os.path.lexists(os.path.join(above, _OUR_DATABASE))  # noqa: PTH118 - names are bytes here


def _items(path: bytes, max_bytes: int) -> Iterator[SourceItem]:
    if _SCHEME.match(path):
        yield from (SourceItem(found) for found in remote.find(path))
    elif os.path.isdir(path):  # noqa: PTH112 - names are bytes here
        for found, why in local.walk(path, _OUR_DATABASE):
            yield SourceItem(found, None, path, why)
    else:
        yield from _file_items(path, max_bytes)


def _file_items(path: bytes, max_bytes: int) -> Iterator[SourceItem]:
    try:
        archive = containers.kind_of(path)
    except PhotoRefusedError as error:
        yield SourceItem(path, refused=(Reason(error.reason), error.message))
        return
    if not archive:
        yield SourceItem(path)
        return
    for name, why in containers.members(path, max_bytes):
        yield SourceItem(path, name, None, why)
