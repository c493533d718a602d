"""Converted networks on disk, made once and named after the bytes that they were made from."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision import convert_dlib, convert_mtcnn, convert_openvino
from countenance.vision.packs import ModelFile, Pack, read_file

CONVERTER_VERSION = 1
"""Raise it whenever a converter writes another graph for the same bytes."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see all of it or nothing.

    Raises:
        PackError: the cache cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        msg = f"The model cache {path.parent} cannot be written: {error.strerror}."
        raise PackError(msg, advice="Set COUNTENANCE_CACHE to a folder that this account may write.") from error


def networks(pack: Pack, settings: Settings, part: str) -> dict[str, Path]:
    """ONNX files of one part of a pack by role, converted if needed.

    Args:
        pack: the pack.
        settings: where the cache is.
        part: ``detector`` (roles ``pnet``, ``rnet``, ``onet``, or ``detector``) or ``embedder`` (role ``embedder``).

    Raises:
        PackError: a file is missing, altered, or cannot be converted.
    """
    if part == "embedder":
        return {"embedder": _made(pack, settings, "embedder", pack.embedder.files, partial(_embedder, pack))}
    if pack.detector.kind == "mtcnn":
        nets = {"pnet": convert_mtcnn.PNET, "rnet": convert_mtcnn.RNET, "onet": convert_mtcnn.ONET}
        roles = {file.name.removesuffix(".lz4"): file for file in pack.detector.files}
        return {
            role: _made(pack, settings, role, (roles[role],), partial(_mtcnn, net))
            for role, net in nets.items()
            if role in roles
        }
    return {"detector": _made(pack, settings, "detector", pack.detector.files[:1], lambda contents: contents[0])}


def broken_networks(settings: Settings) -> list[Path]:
    """Networks in the cache that are not as they were converted, or lack their seal, by name."""
    found = sorted((settings.cache_dir / "networks").glob("*.onnx"))
    return [path for path in found if not _is_whole(path, path.with_suffix(".sha256"))]


def _is_whole(path: Path, seal: Path) -> bool:
    # As bytes: a seal that is not even text is no error of reading.
    return (
        path.is_file()
        and seal.is_file()
        and hashlib.sha256(path.read_bytes()).hexdigest().encode() == seal.read_bytes()
    )


def _mtcnn(net: convert_mtcnn.Net, contents: list[bytes]) -> bytes:
    return convert_mtcnn.convert_net(contents[0], net)


def _embedder(pack: Pack, contents: list[bytes]) -> bytes:
    if pack.embedder.kind == "dlib":
        return convert_dlib.convert_resnet(contents[0])
    if pack.embedder.kind == "openvino":
        return convert_openvino.convert_network(contents[0], contents[1], pack.embedder.colour)
    return contents[0]


def _made(
    pack: Pack, settings: Settings, role: str, files: Sequence[ModelFile], convert: Callable[[list[bytes]], bytes]
) -> Path:
    """The network made from a pack's files: from the cache when it is there and whole, else read, checked, converted.

    The name says which source bytes it was made from, so a pack that is installed again in another version never meets
    an old network; the seal beside it says what the converter wrote.
    """
    origin = ":".join([*(file.sha256 for file in files), pack.embedder.colour if role == "embedder" else ""])
    name = hashlib.sha256(origin.encode()).hexdigest()[:32]
    path = settings.cache_dir / "networks" / f"{role}-{name}-{CONVERTER_VERSION}.onnx"
    seal = path.with_suffix(".sha256")
    if _is_whole(path, seal):
        return path
    body = convert([read_file(file, pack.folder) for file in files])
    write_atomically(path, body)
    write_atomically(seal, hashlib.sha256(body).hexdigest().encode("ascii"))
    return path
