"""Reading ICC profiles of the simple kind (three curves and a matrix), so that they can be applied fast."""

# ruff: noqa: PLR2004 - the numbers are those of file formats and kernel interfaces, named beside them

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LEVELS: Final = 4_096
# Linear sRGB from XYZ under D50: the inverse of the colorants in the sRGB profile of the ICC (v4).
_FROM_XYZ: Final = np.linalg.inv(
    np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
)


@dataclass(frozen=True, slots=True)
class MatrixProfile:
    """A profile reduced to what one pass over the pixels needs.

    Attributes:
        curves: (1, 256, 3) float32, linear light in [0, 1] of each byte value, R, G, B.
        matrix: (3, 3) float32 from the profile's linear light to linear sRGB times ``levels - 1``.
        encode: (levels,) uint8, the sRGB byte of each step of linear light.
    """

    curves: NDArray[np.float32]
    matrix: NDArray[np.float32]
    encode: NDArray[np.uint8]


def profile_space(profile: bytes) -> str:
    """Colour space a profile is for, such as ``RGB``, ``GRAY`` or ``CMYK``; empty when it is no profile.

    Args:
        profile: ICC profile.
    """
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return ""
    return profile[16:20].decode("ascii", "replace").strip()


@lru_cache(maxsize=64)
def is_srgb(profile: bytes) -> bool:
    """Whether the profile's own description calls it sRGB, so that nothing has to be converted.

    Args:
        profile: ICC profile.
    """
    text = _tags(profile).get(b"desc", b"")[:256].replace(b"\0", b"").lower()
    return b"srgb" in text


@lru_cache(maxsize=64)
def matrix_profile(profile: bytes) -> MatrixProfile | None:
    """Curves and matrix of a three-channel profile, or None when it is of another kind or damaged.

    Args:
        profile: ICC profile.

    Source:
        ICC.1:2022, sections 8.3 (matrix/TRC), 10.6 (curveType), 10.18 (parametricCurveType).
    """
    tags = _tags(profile)
    if profile_space(profile) != "RGB" or profile[20:24] != b"XYZ " or b"A2B0" in tags:
        return None
    try:
        colorants = np.stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
        curves = np.stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")], axis=1)
    except (KeyError, ValueError, IndexError):
        return None
    if not (np.isfinite(curves).all() and 0.5 < colorants[1].sum() < 1.5):
        return None
    return MatrixProfile(
        np.clip(curves, 0, 1).astype(np.float32)[None],
        (_FROM_XYZ @ colorants * (_LEVELS - 1)).astype(np.float32),
        _srgb_bytes(),
    )


@lru_cache(maxsize=1)
def _srgb_bytes() -> NDArray[np.uint8]:
    light = np.linspace(0, 1, _LEVELS)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(coded * 255), dtype=np.uint8)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    if not profile_space(profile):
        return {}
    found: dict[bytes, bytes] = {}
    for i in range(min(int.from_bytes(profile[128:132], "big"), 100)):
        entry = profile[132 + 12 * i : 144 + 12 * i]
        if len(entry) == 12:
            at, length = int.from_bytes(entry[4:8], "big"), int.from_bytes(entry[8:12], "big")
            found[entry[:4]] = profile[at : at + length]
    return found


def _xyz(tag: bytes) -> NDArray[np.float64]:
    if tag[:4] != b"XYZ " or len(tag) < 20:
        raise ValueError(tag[:4])
    return np.frombuffer(tag, ">i4", 3, 8) / 65536.0


def _curve(tag: bytes) -> NDArray[np.float64]:
    """(256,) linear light of each byte value."""
    x = np.linspace(0, 1, 256)
    if tag[:4] == b"curv":
        count = int.from_bytes(tag[8:12], "big")
        if count == 0:
            return x
        if count == 1:
            return np.asarray(x ** (int.from_bytes(tag[12:14], "big") / 256))
        table = np.frombuffer(tag, ">u2", count, 12) / 65535.0
        return np.interp(x * (count - 1), np.arange(count), table)
    if tag[:4] != b"para":
        raise ValueError(tag[:4])
    kind = int.from_bytes(tag[8:10], "big")
    g, a, b, c, d, e, f = [*(np.frombuffer(tag, ">i4", (1, 3, 4, 5, 7)[kind], 12) / 65536.0), 0, 0, 0, 0, 0, 0][:7]
    if kind == 0:
        return np.asarray(x**g)
    power = np.clip(a * x + b, 0, None) ** g
    if kind in (1, 2):
        return np.asarray(np.where(a * x + b >= 0, power, 0) + (c if kind == 2 else 0))
    return np.asarray(np.where(x >= d, power + e, c * x + f))
