"""Settings from ``countenance.toml`` and the environment."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

from countenance.archive import SETTINGS
from countenance.errors import UsageError
from countenance.settings import DecodeLimits, Settings

_ENVIRONMENT = {"COUNTENANCE_CACHE": "cache_dir", "COUNTENANCE_PACK": "pack", "COUNTENANCE_DEVICE": "device"}

TEMPLATE = """\
# Settings of this archive. Every line that is commented out shows its default.

# Model pack of new collections: "default", "recommended", or one that was installed with `countenance models install`.
pack = "{pack}"

# device = "auto"                 # "auto" (CUDA when present), "cpu", "cuda"
# allow_noncommercial = false     # accept packs whose licence forbids commercial use
# smallest_face_px = 32           # height in pixels of the photo below which no face is looked for
# smallest_face_share = 0.0125    # the same as a share of the longer side; the larger of the two counts
# extra_channels = []             # channels besides website, social, print, press, newsletter, intranet, ...

[decode]
# max_pixels = 256000000          # width times height
# max_bytes = 536870912           # size of one file
# timeout_s = 20.0                # seconds per photo
# memory_bytes = 805306368        # of the decoder process
"""


def read_settings(folder: Path) -> Settings:
    """Settings of the archive in ``folder``: defaults, then its file, then the environment.

    Raises:
        UsageError: the file is not TOML, or names a setting that does not exist or has another type.
    """
    table: dict[str, Any] = {}
    path = folder / SETTINGS
    if path.is_file():
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            msg = f"{path} cannot be read: {error}."
            raise UsageError(msg, advice="Correct that line, or remove the file to use the defaults.") from error
    for variable, name in _ENVIRONMENT.items():
        if os.environ.get(variable):
            table[name] = os.environ[variable]
    decode = table.pop("decode", {})
    if not isinstance(decode, dict):
        msg = "In countenance.toml, [decode] must be a table."
        raise UsageError(msg)
    limits = dataclasses.replace(DecodeLimits(), **_checked(DecodeLimits, decode))
    return dataclasses.replace(Settings(), decode=limits, **_checked(Settings, table))


def _checked(kind: type, table: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    checked: dict[str, Any] = {}
    for name, value in table.items():
        if name not in hints or hints[name] is DecodeLimits:
            msg = f"countenance.toml names a setting that does not exist: {name}."
            raise UsageError(msg, advice=f"Settings are: {', '.join(sorted(hints))}.")
        wanted = hints[name]
        if wanted is Path and isinstance(value, str):
            checked[name] = Path(value).expanduser()
        elif wanted == tuple[str, ...] and isinstance(value, list) and all(isinstance(item, str) for item in value):
            checked[name] = tuple(value)
        elif wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
            checked[name] = float(value)
        elif wanted in (int, str, bool) and type(value) is wanted:
            checked[name] = value
        else:
            msg = f"Setting {name} has the wrong type in countenance.toml: {value!r}."
            raise UsageError(msg)
        if wanted in (int, float) and checked[name] <= 0:
            msg = f"Setting {name} must be greater than zero, not {value!r}."
            raise UsageError(msg)
    return checked
