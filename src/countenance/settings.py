"""All settings, as one frozen value. Only ``cli`` and ``server.py`` read it from TOML and the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FILE_NAME: Final = "countenance.toml"
"""Where an archive keeps its settings."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one photo may cost before it is refused.

    Attributes:
        max_pixels: width times height as the file declares them.
        max_bytes: size of the file.
        timeout_s: seconds of wall time per photo before the decoder is killed.
        memory_bytes: private memory the decoder process may use.
        work_side_px: a JPEG is decoded at 1/2, 1/4 or 1/8 as long as its longer side stays at least this; every other
            format is decoded whole and then reduced to at most twice this.
    """

    max_pixels: int = 256_000_000
    max_bytes: int = 512 * 1024 * 1024
    timeout_s: float = 20.0
    memory_bytes: int = 768 * 1024 * 1024
    work_side_px: int = 1_600


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one archive.

    Attributes:
        pack: name of the model pack that new collections use.
        cache_dir: where converted models are kept.
        device: ``auto`` (CUDA when present), ``cpu`` or ``cuda``.
        allow_noncommercial: accept packs whose licence forbids commercial use.
        smallest_face_px: height in pixels of the photo as taken below which no face is looked for.
        smallest_face_share: the same as a share of the longer side, in (0, 1); the larger of the two counts.
        batch_photos: photos that travel through the pipeline together.
        batch_bytes: encoded bytes that travel together at most.
        extra_channels: channels that this organisation adds to the built-in ones.
        decode: limits of the decoder.
    """

    pack: str = "default"
    cache_dir: Path = field(default_factory=lambda: Path.home() / ".cache" / "countenance")
    device: str = "auto"
    allow_noncommercial: bool = False
    smallest_face_px: int = 32
    smallest_face_share: float = 0.0125
    batch_photos: int = 8
    batch_bytes: int = 64 * 1024 * 1024
    extra_channels: tuple[str, ...] = ()
    decode: DecodeLimits = field(default_factory=DecodeLimits)
