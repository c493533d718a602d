"""Converted networks on disk, made once and named after the bytes that they were made from."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision import convert_dlib, convert_mtcnn, convert_openvino
from countenance.vision.packs import Pack, read_file

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


def networks(pack: Pack, settings: Settings) -> dict[str, Path]:
    """ONNX files of a pack by role (``pnet``, ``rnet``, ``onet`` or ``detector``; ``embedder``), converted if needed.

    Raises:
        PackError: a file is missing, altered, or cannot be converted.
    """
    roles: dict[str, Path] = {}
    if pack.detector.kind == "mtcnn":
        nets = {"pnet": convert_mtcnn.PNET, "rnet": convert_mtcnn.RNET, "onet": convert_mtcnn.ONET}
        for file in pack.detector.files:
            role = file.name.removesuffix(".lz4")
            content = read_file(file, pack.folder)
            roles[role] = _made(settings, role, content, partial(convert_mtcnn.convert_net, content, nets[role]))
    else:
        content = read_file(pack.detector.files[0], pack.folder)
        roles["detector"] = _made(settings, "detector", content, lambda: content)
    contents = [read_file(file, pack.folder) for file in pack.embedder.files]
    colour = pack.embedder.colour
    convert: dict[str, Callable[[], bytes]] = {
        "dlib": lambda: convert_dlib.convert_resnet(contents[0]),
        "openvino": lambda: convert_openvino.convert_network(contents[0], contents[1], colour),
        "onnx": lambda: contents[0],
    }
    roles["embedder"] = _made(settings, "embedder", b"".join(contents) + colour.encode(), convert[pack.embedder.kind])
    return roles


def _made(settings: Settings, role: str, content: bytes, convert: Callable[[], bytes]) -> Path:
    """The network made from ``content``, from the cache when it is there and whole."""
    name = hashlib.sha256(content).hexdigest()[:32]
    path = settings.cache_dir / "networks" / f"{role}-{name}-{CONVERTER_VERSION}.onnx"
    seal = path.with_suffix(".sha256")
    if path.is_file() and seal.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == seal.read_text("ascii"):
        return path
    body = convert()
    write_atomically(path, body)
    write_atomically(seal, hashlib.sha256(body).hexdigest().encode("ascii"))
    return path
