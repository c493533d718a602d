"""What the tests of sources share: reading everything, and making archives."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

from countenance.errors import PhotoRefusedError
from countenance.ingest.source import Address, SourceItem, open_sources

LIMIT = 100_000


def outcome(item: SourceItem, max_bytes: int = LIMIT) -> bytes | str:
    try:
        return item.read(max_bytes)
    except PhotoRefusedError as error:
        return error.reason if error.message.endswith(".") else f"no sentence: {error.message}"


def outcomes(*addresses: Address) -> dict[bytes, bytes | str]:
    """Last part of the path, or the member's name -> content or reason."""
    return {
        item.member if item.member is not None else os.path.basename(item.path): outcome(item)  # noqa: PTH119 - bytes
        for item in open_sources(addresses)
    }


def make_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
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
