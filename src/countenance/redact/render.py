"""Pixels -> files that we write. No metadata of the source ever reaches them."""

from __future__ import annotations

import cv2
import numpy as np

from countenance.core.arrays import Pixels
from countenance.errors import CountenanceError

JPEG_QUALITY = 88


def encode_jpeg(pixels: Pixels, quality: int = JPEG_QUALITY) -> bytes:
    """A new JPEG without any metadata.

    Args:
        pixels: (height, width, 3) uint8 R, G, B.
        quality: 1 to 100.

    Raises:
        CountenanceError: the picture has no pixels.
    """
    if not pixels.size:
        msg = "A picture without pixels cannot be written."
        raise CountenanceError(msg)
    flags = [int(cv2.IMWRITE_JPEG_QUALITY), quality]
    return cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]), flags)[1].tobytes()


def cut_out(pixels: Pixels, box: tuple[float, float, float, float], margin: float, longest_px: int) -> Pixels:
    """A face with its surroundings, reduced to a thumbnail.

    Args:
        pixels: (height, width, 3) uint8 of the photo.
        box: left, top, width, height in these pixels.
        margin: added on each side, as a share of the box.
        longest_px: longer side of the result at most.

    Returns:
        (h, w, 3) uint8, at least 1 x 1.
    """
    x, y, w, h = box
    height, width = pixels.shape[:2]
    left, right = max(0, int(x - margin * w)), min(width, int(np.ceil(x + w + margin * w)))
    top, bottom = max(0, int(y - margin * h)), min(height, int(np.ceil(y + h + margin * h)))
    part = pixels[min(top, height - 1) : max(bottom, top + 1), min(left, width - 1) : max(right, left + 1)]
    ratio = longest_px / max(part.shape[:2])
    if ratio >= 1:
        return part
    size = (max(1, round(part.shape[1] * ratio)), max(1, round(part.shape[0] * ratio)))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
