"""Photos made worse on purpose, so that there are errors which quality can predict: small, soft, dark, bright, coarse.

Every copy is drawn with a seed of the photo's name and the copy's number, so that it is the same in every run.
"""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from countenance.core.arrays import Pixels

KINDS = ("as it is", "small", "enlarged", "blurred", "dark", "bright", "coarse", "cut off")
"""What a copy may suffer from; ``as it is`` keeps some good ones among the others."""
COPIES = 3


def degrade(pixels: Pixels, name: str, copy: int, seed: int) -> tuple[Pixels, str]:
    """One copy of a photo, and what was done to it.

    Args:
        pixels: (height, width, 3) uint8.
        name: of the photo; part of the seed.
        copy: number of the copy; part of the seed.
        seed: of the whole run.
    """
    digest = hashlib.sha256(f"{seed}/{name}/{copy}".encode()).digest()
    chance = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    kind = KINDS[int(chance.integers(len(KINDS)))]
    strength = float(chance.uniform())
    return _worse(pixels, kind, strength, chance), kind


def _worse(pixels: Pixels, kind: str, strength: float, chance: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    if kind in {"small", "enlarged"}:
        side = 160 * (50 / 160) ** strength  # of the longer side: a face of about 65 down to 20 px
        scale = min(1.0, side / max(height, width))
        size = (max(8, round(width * scale)), max(8, round(height * scale)))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        made = small if kind == "small" else cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    elif kind == "blurred":
        made = cv2.GaussianBlur(pixels, (0, 0), max(height, width) * (0.003 + 0.025 * strength))
    elif kind == "dark":
        light = pixels.astype(np.float32) * (0.4 * (0.05 / 0.4) ** strength) + chance.normal(0, 2, pixels.shape)
        made = np.clip(np.round(light), 0, 255)
    elif kind == "bright":
        made = np.clip(pixels.astype(np.float32) * (1.3 + 2.2 * strength), 0, 255)
    elif kind == "cut off":  # at one side of the photo's middle, where these portraits have the face
        keep = round(width * (0.65 - 0.22 * strength))
        made = pixels[:, :keep] if chance.integers(2) else pixels[:, width - keep :]
    elif kind == "coarse":
        quality = int(20 - 17 * strength)
        made = _coarse(pixels, quality)
    else:
        made = pixels
    result: Pixels = np.ascontiguousarray(made, dtype=np.uint8)
    return result


def _coarse(pixels: Pixels, quality: int) -> Pixels:
    """Through a JPEG of that quality."""
    content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), dtype=np.uint8)
