"""Pictures that the tests of ``ingest`` make for themselves: four quarters of known colours, so that turning shows."""

from __future__ import annotations

import base64
import io
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

RED, GREEN, BLUE, GREY = (220, 30, 30), (30, 200, 30), (30, 30, 220), (120, 120, 120)

# A picture of 32 x 48 that its container turns by 90 degrees: red above, blue below; EXIF says 2021-05-06 07:08:09.
HEIC = zlib.decompress(
    base64.b85decode(
        "c-mc2JxIe)5Wd&65<yz=4;7JiP{b)M{?@_Z&)8KQjcGy;8vAHNsbi@kZsOpkIJvqwsFUKZgCH(~gOgLi#b4rG5=A`n-raroUGDB301Vjfx-3"
        "{|0*Qlmnr#OS8$g^mmTN#DsY1S34sDQVy6{iNuvqecvY<l*1Y6=h&?G~IG4l0`EYX=lT(f<Tquu0K0S%x~HPi416iivHp-+!XbR7tp@Pe`|N#"
        "CM0OQfrmJ1-Q5c6`!c6F$FQUjY)z3T5=_qD^=n6BK4B{0*K*bc2GUb3*)!9470rz2~Q+vs1O8B?(gag48O}TNcD+<zkzPbYVqW;cR+%M$DqYZ"
        "D?VqN!Fg{HF;vvkKyF)5^KnbimIxlTCrSmsW|kabbdA<K*Z{iXk(M?ek@ydh{w%*#q^(?OEjFk!MjO~h~wqAjtB3q)7u~0O7vZSyl=$rZ)WxW"
        "o`ad)3|tYZC3w(W4o1mSAtE|>W}XXR3n3czJsdQ!qxju+@#YxFXqj|Y8_#MJNo_K#O=Y!d_y$>8Yl{"
    )
)


def quarters(width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Red, green (above), blue and grey (below) quarters."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, GREY
    return pixels


def corners(pixels: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """Colours in the middle of the four quarters: above left, above right, below left, below right."""
    height, width = pixels.shape[:2]
    places = [(height // 4, width // 4), (height // 4, -width // 4), (-height // 4, width // 4)]
    return [tuple(int(c) for c in pixels[place]) for place in [*places, (-height // 4, -width // 4)]]


def saved(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:  # noqa: ANN401 - as Pillow takes them
    """The picture as a file of some format."""
    held = io.BytesIO()
    (image if image is not None else Image.fromarray(quarters())).save(held, kind, **options)
    return held.getvalue()


def exif(orientation: int, taken: str = "", offset: str = "") -> bytes:
    """An EXIF block."""
    block = Image.Exif()
    block[0x0112] = orientation
    if taken:
        block.get_ifd(0x8769)[0x9003] = taken
    if offset:
        block.get_ifd(0x8769)[0x9011] = offset
    return block.tobytes()


def profile(name: str) -> bytes:
    """An ICC profile of LittleCMS: ``sRGB`` or ``LAB``."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()  # type: ignore[arg-type]


def swapped_profile() -> bytes:
    """A profile that calls red what sRGB calls blue, under a name that does not give it away."""
    whole = bytearray(profile("sRGB"))
    red, blue = whole.index(b"rXYZ"), whole.index(b"bXYZ")
    whole[red : red + 4], whole[blue : blue + 4] = b"bXYZ", b"rXYZ"
    at = whole.index(b"desc", 132)
    whole[at : at + 4] = b"xxxx"
    return bytes(whole)


def noise(width: int, height: int, seed: int = 5) -> NDArray[np.uint8]:
    """Smooth noise: files of a real size."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
