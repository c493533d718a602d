"""Object stores, through fsspec where it is installed. Nothing here follows a link."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

from countenance.errors import SourceError
from countenance.ingest.decoded import Reason, refusal

STORES: Final = ("abfs", "az", "gcs", "gs", "memory", "oci", "oss", "s3", "s3a")
"""Schemes that are read: object stores, where an organisation keeps its own files under a name without a host."""

_SECRET: Final = re.compile(r"//[^/@]*@")


def check(address: bytes) -> None:
    """Refuse an address that is never fetched, or that nothing here can fetch.

    Args:
        address: with its scheme.

    Raises:
        SourceError: web addresses, chained addresses, unknown schemes, or the extra is not installed.
    """
    scheme = _scheme(address)
    if scheme in ("http", "https", "ftp") or b"http:" in address.lower() or b"https:" in address.lower():
        msg = "Photos are never fetched from the web."
        raise SourceError(msg, advice="Download what you may use yourself, and give the folder.")
    if scheme not in STORES or b"::" in address:
        msg = f"Addresses of this kind are not read: {scheme}."
        raise SourceError(msg, advice=f"Known are files, folders and {', '.join(STORES)}.")
    _fsspec()


def find(address: bytes) -> Iterator[bytes]:
    """Addresses of all objects below an address or matching its pattern, sorted.

    Args:
        address: one that ``check`` let through.

    Raises:
        SourceError: the store does not answer, or nothing is there.
    """
    scheme = _scheme(address)
    store, path = _open(address)
    try:
        if any(sign in path for sign in "*?["):
            found = [name for name in store.glob(path) if store.isfile(name)]
        else:
            found = store.find(path) if store.isdir(path) else [path] if store.exists(path) else []
    except Exception as error:
        msg = f"{_shown(address)} cannot be listed: {type(error).__name__}."
        raise SourceError(msg, advice="Check the address, the credentials and the network.") from error
    if not found:
        msg = f"Nothing is at {_shown(address)}."
        raise SourceError(msg)
    for name in sorted(found):
        yield f"{scheme}://{name.removeprefix(f'{scheme}://').lstrip('/')}".encode("utf-8", "surrogateescape")


def read(address: bytes, max_bytes: int) -> bytes:
    """Content of one object.

    Args:
        address: one that ``find`` gave.
        max_bytes: above this it is refused.

    Raises:
        PhotoRefusedError: too large, empty or unreadable.
    """
    try:
        check(address)
        store, path = _open(address)
        with store.open(path, "rb") as file:
            content = bytes(file.read(max_bytes + 1))
    except Exception as error:
        raise refusal(Reason.UNREADABLE, f"The object cannot be read: {type(error).__name__}.") from error
    if len(content) > max_bytes:
        raise refusal(Reason.TOO_MANY_BYTES)
    if not content:
        raise refusal(Reason.EMPTY)
    return content


def _scheme(address: bytes) -> str:
    return address.split(b":", 1)[0].decode("ascii", "replace").lower()


def _shown(address: bytes) -> str:
    return _SECRET.sub("//...@", address.decode("utf-8", "backslashreplace"))


def _fsspec() -> ModuleType:
    if importlib.util.find_spec("fsspec") is None:
        msg = "Remote addresses need an extra that is not installed."
        raise SourceError(msg, advice="Install it with `pip install 'countenance[remote]'`.")
    return importlib.import_module("fsspec")


def _open(address: bytes) -> tuple[Any, str]:
    try:
        store, path = _fsspec().core.url_to_fs(address.decode("utf-8", "surrogateescape"))
    except ImportError as error:
        msg = f"Addresses of the kind {_scheme(address)} need a package that is not installed."
        raise SourceError(msg, advice="Install it with `pip install 'countenance[remote]'`.") from error
    except Exception as error:
        msg = f"{_shown(address)} cannot be opened: {type(error).__name__}."
        raise SourceError(msg, advice="Check the address, the credentials and the network.") from error
    return store, str(path)
