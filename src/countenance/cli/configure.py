"""Settings from ``countenance.toml`` and the environment."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

from countenance.errors import UsageError
from countenance.settings import FILE_NAME, ClearSettings, DecodeLimits, Settings

_ENVIRONMENT = {"COUNTENANCE_CACHE": "cache_dir", "COUNTENANCE_PACK": "pack", "COUNTENANCE_DEVICE": "device"}

DEVICES = ("auto", "cpu", "cuda")
ADVICE = "Correct it, or remove it to use the default."
_CHANNEL_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_KINDS: dict[Any, str] = {
    Path: "a path in quotes",
    tuple[str, ...]: "a list of words in quotes",
    float: "a number",
    int: "a whole number",
    str: "a word in quotes",
    bool: "true or false",
}
_BOUNDS: dict[str, tuple[float, float]] = {
    "smallest_face_px": (10, 10_000),
    "smallest_face_share": (0.0001, 0.9),
    "batch_photos": (1, 1_024),
    "batch_bytes": (1, 2**34),
    "max_pixels": (1, 2**34),
    "max_bytes": (1, 2**34),
    "timeout_s": (0.1, 3_600),
    "memory_bytes": (2**27, 2**36),
    "work_side_px": (64, 16_384),
    "full_side_px": (400, 16_384),
    "margin": (0, 2),
    "jpeg_quality": (50, 100),
    "adult_age_years": (10, 30),
    "backup_days": (0, 36_500),
    "case_days": (1, 366),
    "case_keep_days": (1, 366),
    "case_probes": (1, 1_000),
    "case_probes_per_day": (1, 10_000),
}
"""What makes sense at all; a number outside is a slip of the pen (bytes for megabytes, a sign), not a choice."""

_WORDS = {
    "device": DEVICES,
    "style": ("solid", "emoji", "pixelate", "blur"),
    "shape": ("ellipse", "box"),
    "keep": ("colour-profile", "copyright", "credit", "taken-at"),
}

TEMPLATE = """\
# Settings of this archive. Every line that is commented out shows its default.

# Model pack of new collections: "default", "recommended", or one that was installed with `countenance models install`.
pack = "{pack}"

# device = "auto"                 # "auto" (CUDA when present), "cpu", "cuda"
# allow_noncommercial = false     # accept packs whose licence forbids commercial use
# smallest_face_px = 32           # height in pixels of the photo below which no face is looked for
# smallest_face_share = 0.0125    # the same as a share of the longer side; the larger of the two counts
# backup_days = 35                # after so many days the last backup of the archive is gone; receipts say so
# extra_channels = []             # channels besides website, social, print, press, newsletter, intranet, ...
# show_actor_names = false        # `countenance show-me` names who acted, not only their roles
# case_days = 30                  # a case may be searched under for so many days at most
# case_keep_days = 30             # candidates of a search are destroyed after so many days
# case_probes = 10                # probes that may be searched with under one case
# case_probes_per_day = 20        # probes that one actor may search with on one day

[decode]
# max_pixels = 256000000          # width times height
# max_bytes = 536870912           # size of one file
# timeout_s = 20.0                # seconds per photo
# memory_bytes = 805306368        # of the decoder process

# How photos are cleared for a channel. What becomes of each face is decided by the policy in clearance.toml.
[clear]
# smallest_face_px = 16           # clearing looks for smaller faces than finding does
# smallest_face_share = 0.008
# second_detector = "auto"        # "auto" (the other built-in pack's, when it is installed), "none", or a pack's name
# full_side_px = 4000             # photos are released at full size up to twice this
# style = "solid"                 # "solid" or "emoji"; "pixelate" and "blur" can be undone
# shape = "ellipse"               # or "box"
# margin = 0.15                   # room around a head, as a share of the face
# jpeg_quality = 92
# keep = ["colour-profile"]       # of metadata: colour-profile, copyright, credit, taken-at
# adult_age_years = 18            # a guardian's consent lapses at this age
"""


def read_settings(folder: Path) -> Settings:
    """Settings of the archive in ``folder``: defaults, then its file, then the environment.

    Raises:
        UsageError: the file is not TOML, or a setting does not exist, has another type or an impossible value.
    """
    table = _read_table(folder / FILE_NAME)
    limits = dataclasses.replace(DecodeLimits(), **_checked(DecodeLimits, _inner(table, "decode"), FILE_NAME))
    clear = dataclasses.replace(ClearSettings(), **_checked(ClearSettings, _inner(table, "clear"), FILE_NAME))
    settings = dataclasses.replace(Settings(), decode=limits, clear=clear, **_checked(Settings, table, FILE_NAME))
    for variable, name in _ENVIRONMENT.items():
        if os.environ.get(variable):
            settings = dataclasses.replace(settings, **_checked(Settings, {name: os.environ[variable]}, variable))
    return settings


def _inner(table: dict[str, Any], name: str) -> dict[str, Any]:
    inner = table.pop(name, {})
    if not isinstance(inner, dict):
        msg = f"In countenance.toml, [{name}] must be a table."
        raise UsageError(msg, advice=ADVICE)
    return inner


def _read_table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        msg = f"{path} cannot be read: {why}."
        raise UsageError(msg, advice="Correct it, or remove the file to use the defaults.") from error


def _checked(kind: type, table: dict[str, Any], origin: str) -> dict[str, Any]:
    hints = get_type_hints(kind)
    checked: dict[str, Any] = {}
    for name, value in table.items():
        if name not in hints:
            msg = f"{origin} names a setting that does not exist: {name}."
            raise UsageError(msg, advice=f"Settings are: {', '.join(sorted(hints))}.")
        wanted = hints[name]
        if wanted is Path and isinstance(value, str) and value:
            checked[name] = Path(value).expanduser()
        elif wanted == tuple[str, ...] and isinstance(value, list) and all(isinstance(item, str) for item in value):
            checked[name] = tuple(value)
        elif wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
            checked[name] = float(value)
        elif wanted in (int, str, bool) and type(value) is wanted:
            checked[name] = value
        else:
            msg = f"{origin}: {name} must be {_KINDS[wanted]}, not {value!r}."
            raise UsageError(msg, advice=ADVICE)
        _require_sane(name, checked[name], origin)
    return checked


def _require_sane(name: str, value: object, origin: str) -> None:
    low, high = _BOUNDS.get(name, (None, None))
    if low is not None and high is not None and not (isinstance(value, int | float) and low <= value <= high):
        msg = f"{origin}: {name} must lie between {low} and {high}, not {value!r}."
        raise UsageError(msg, advice=ADVICE)
    words = _WORDS.get(name)
    for word in value if isinstance(value, tuple) else (value,):
        if words is not None and word not in words:
            msg = f"{origin}: {name} must be one of {', '.join(words)}, not {word!r}."
            raise UsageError(msg, advice=ADVICE)
    for channel in value if isinstance(value, tuple) and name == "extra_channels" else ():
        if not channel or not set(channel) <= _CHANNEL_LETTERS:
            msg = f"{origin}: a channel is a word of lower-case letters, digits and hyphens, not {channel!r}."
            raise UsageError(msg, advice=ADVICE)
