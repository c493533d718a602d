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
class ClearSettings:
    """How photos are looked at, hidden in and written when they are cleared for a channel.

    Attributes:
        smallest_face_px: height in pixels of the photo as taken below which no face is looked for.
        smallest_face_share: the same as a share of the longer side, in (0, 1); the larger of the two counts.
        second_detector: ``auto`` (the detector of the other built-in pack, when its files are here), ``none``, or the
            name of a pack whose detector is to look as well.
        full_side_px: a photo is released at full size as long as its longer side stays below twice this.
        style: ``solid``, ``pixelate``, ``blur`` or ``emoji``; pixelate and blur can be undone.
        shape: ``ellipse`` or ``box``.
        margin: room around the head, as a share of the face box.
        jpeg_quality: 1 to 100.
        keep: what a released file keeps of the photo's metadata: ``colour-profile``, ``copyright``, ``credit``,
            ``taken-at``.
        adult_age_years: age at which a guardian's consent lapses.
    """

    smallest_face_px: int = 16
    smallest_face_share: float = 0.008
    second_detector: str = "auto"
    full_side_px: int = 4_000
    style: str = "solid"
    shape: str = "ellipse"
    margin: float = 0.15
    jpeg_quality: int = 92
    keep: tuple[str, ...] = ("colour-profile",)
    adult_age_years: int = 18


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
        backup_days: days after which the last backup of the archive is gone; receipts say when an erasure is complete.
        extra_channels: channels that this organisation adds to the built-in ones.
        show_actor_names: tell people who ask for their data the names of those who acted, not their roles alone.
        case_days: how long a case may be searched under at most.
        case_keep_days: days after a search at which its candidates are destroyed.
        case_probes: how many probes may be searched with under one case.
        case_probes_per_day: how many probes one actor may search with on one day (UTC), under all cases.
        decode: limits of the decoder.
        clear: how photos are cleared for a channel.
    """

    pack: str = "default"
    cache_dir: Path = field(default_factory=lambda: Path.home() / ".cache" / "countenance")
    device: str = "auto"
    allow_noncommercial: bool = False
    smallest_face_px: int = 32
    smallest_face_share: float = 0.0125
    batch_photos: int = 8
    batch_bytes: int = 64 * 1024 * 1024
    backup_days: int = 35
    extra_channels: tuple[str, ...] = ()
    show_actor_names: bool = False
    case_days: int = 30
    case_keep_days: int = 30
    case_probes: int = 10
    case_probes_per_day: int = 20
    decode: DecodeLimits = field(default_factory=DecodeLimits)
    clear: ClearSettings = field(default_factory=ClearSettings)
