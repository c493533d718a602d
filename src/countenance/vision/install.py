"""Brings packs into the cache: from their publishers' pinned addresses, or from a folder where there is no internet."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from http.client import HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import urljoin, urlsplit

from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision.cache import write_atomically
from countenance.vision.packs import (
    BUILT_IN,
    MANIFESTS,
    Pack,
    check_hash,
    load_pack,
    locate,
    pack_folder,
    parse_manifest,
    read_file,
)

MAX_FILE_BYTES = 2 * 1024**3
_TIMEOUT_S = 60
_CHUNK_BYTES = 1 << 20


def install(what: str, settings: Settings, *, sha256: str = "", folder: Path | None = None) -> Pack:
    """Install a pack and return it.

    Args:
        what: name of a built-in pack, a manifest file, or the address of a manifest.
        settings: cache and licence rules.
        sha256: hex SHA-256 of the manifest; required for an address, checked for a file when given.
        folder: take the model files from here (searched recursively by name) instead of their addresses.

    Raises:
        PackError: manifest refused, file unreachable, hash wrong. Nothing is left half installed.
    """
    if what in BUILT_IN:
        content, base = (MANIFESTS / f"{what}.toml").read_bytes(), ""
    elif urlsplit(what).scheme in ("https", "http"):
        if not sha256:
            msg = "An address needs --sha256, so that what arrives can be checked."
            raise PackError(msg)
        content, base = fetch(what), what
        check_hash(content, sha256, "The manifest")
    else:
        path = Path(what)
        if not path.is_file():
            msg = f"There is no pack and no manifest file called {what}."
            raise PackError(msg, advice=f"Built-in packs are: {', '.join(BUILT_IN)}.")
        content, base = path.read_bytes(), ""
        if sha256:
            check_hash(content, sha256, path.name)
        folder = folder or path.resolve().parent
    pack = parse_manifest(content, settings.cache_dir, settings)
    if what not in BUILT_IN and pack.name in BUILT_IN:
        msg = f"A pack of your own cannot be called {pack.name!r}."
        raise PackError(msg, advice="Give it another name in its manifest.")
    pack = parse_manifest(content, pack_folder(settings, pack.name), settings)
    for file in pack.files:
        if locate(file, pack.folder) is not None and (file.package or _is_whole(file.name, pack, file.sha256)):
            continue
        body = _obtain(file.name, file.address, base, folder)
        check_hash(body, file.sha256, file.name)
        write_atomically(pack.folder / file.name, body)
    # The manifest comes last: a pack without it is not listed, so an interrupted install is simply run again.
    write_atomically(pack.folder / "manifest.toml", content)
    return load_pack(pack.name, settings)


def _is_whole(name: str, pack: Pack, sha256: str) -> bool:
    try:
        check_hash((pack.folder / name).read_bytes(), sha256, name)
    except PackError:
        return False
    return True


def _obtain(name: str, address: str, base: str, folder: Path | None) -> bytes:
    if folder is not None:
        found = sorted(folder.rglob(name)) if folder.is_dir() else []
        if found:
            return found[0].read_bytes()
        if not address:
            msg = f"{name} is not in {folder}."
            raise PackError(msg, advice="Put every file that the manifest names into that folder.")
    if folder is not None and not base and address:
        msg = f"{name} is not in {folder}."
        raise PackError(msg, advice=f"Fetch it from {address} and put it there, or leave out --from.")
    return fetch(urljoin(base, address) if base else address)


def fetch(address: str) -> bytes:
    """The bytes at one pinned address.

    Raises:
        PackError: not https (http is allowed to this machine only), unreachable, or larger than 2 GiB.
    """
    _require_safe(address)
    pieces, size = [], 0
    try:
        with urllib.request.build_opener(_SafeRedirects).open(address, timeout=_TIMEOUT_S) as answer:
            while piece := answer.read(_CHUNK_BYTES):
                pieces.append(piece)
                size += len(piece)
                if size > MAX_FILE_BYTES:
                    msg = f"{address} is larger than 2 GiB, which no pack of ours is."
                    raise PackError(msg)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it is the server's answer too, and holds the connection
        msg = f"{address} cannot be fetched: {error}."
        advice = "Check the connection, or fetch the files elsewhere and use --from DIR."
        raise PackError(msg, advice=advice) from error
    return b"".join(pieces)


def _require_safe(address: str) -> None:
    parts = urlsplit(address)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        msg = f"Models are fetched over https only, not from {address}."
        raise PackError(msg)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a publisher to another address under the same rule only."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        try:
            _require_safe(newurl)
        except PackError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check(pack: Pack) -> list[tuple[str, str]]:
    """State of every file of a pack: (name, ``ok`` or what is wrong)."""
    rows = []
    for file in pack.files:
        try:
            read_file(file, pack.folder)
        except PackError as error:
            rows.append((file.name, error.message))
        else:
            rows.append((file.name, "ok"))
    return rows
