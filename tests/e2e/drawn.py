"""A folder of drawn people for whole-line tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from countenance.demo.cast import CAST
from countenance.demo.draw import draw_portrait
from countenance.demo.person import person
from countenance.demo.scene import draw_scene
from countenance.redact.render import encode_jpeg

PORTRAIT_PX = 384
SCENE_PX = (1_000, 667)


def write_portrait(path: Path, who: int, picture: int) -> Path:
    """Picture number ``picture`` of the person in seat ``who`` of the cast."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_jpeg(draw_portrait(person(CAST[who]), picture, PORTRAIT_PX).pixels))
    return path


def write_scene(path: Path, seats: Sequence[int], picture: int) -> Path:
    """Several people of the cast in one photo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    guests = [person(CAST[seat]) for seat in seats]
    path.write_bytes(encode_jpeg(draw_scene(guests, picture, *SCENE_PX).pixels))
    return path
