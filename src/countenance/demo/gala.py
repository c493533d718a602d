"""A school gala that never was: who came, what each of them said about photos, and who is on which photo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from countenance.core.arrays import Pixels
from countenance.demo.backdrop import PLACES, paint_backdrop
from countenance.demo.cast import CAST
from countenance.demo.draw import draw_portrait
from countenance.demo.person import person
from countenance.demo.scene import SceneFace, draw_scene

WIDTH_PX, HEIGHT_PX = 1_200, 800
N_EMPTY = 4
"""Photos on which nobody is."""
_SEED = 2_382


class Story(StrEnum):
    """What became of a guest's consent by the day the photos are cleared."""

    YES = "said yes to the website"
    MINOR = "is a minor; the guardian said yes"
    PRINT_ONLY = "said yes to print, not to the website"
    EXPIRED = "said yes once; it has ended"
    WITHDRAWN = "said yes and took it back"
    MUST_NOT_APPEAR = "must not appear anywhere"


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who is enrolled: the name, the place in ``CAST``, and the story."""

    name: str
    seat: int
    story: Story


GUESTS: Final = tuple(
    Guest(name, seat, story)
    for seat, (name, story) in enumerate(
        [
            ("Ada Fern", Story.YES),
            ("Bo Lind", Story.YES),
            ("Cleo Marsh", Story.YES),
            ("Dara Moor", Story.YES),
            ("Eli Stone", Story.YES),
            ("Finn Hale", Story.YES),
            ("Hana Wold", Story.YES),
            ("Ivo Brook", Story.YES),
            ("Jun Heath", Story.YES),
            ("Kit Reed", Story.MINOR),
            ("Lea Glen", Story.PRINT_ONLY),
            ("Mia Frost", Story.EXPIRED),
            ("Noa Vale", Story.WITHDRAWN),
            ("Oda Birch", Story.MUST_NOT_APPEAR),
        ]
    )
)
"""The 14 of the 24 who are enrolled; the other ten are guests whom nobody asked."""

GUARDIAN: Final = "Vera Reed"


@dataclass(frozen=True, slots=True)
class GalaPhoto:
    """One photo: its file name and who is on it, by place in ``CAST``."""

    name: str
    seats: tuple[int, ...]
    seed: int

    def draw(self) -> tuple[Pixels, dict[int, SceneFace]]:
        """(800, 1200, 3) uint8 RGB, and where the face of each seat is."""
        if self.seats:
            scene = draw_scene([person(CAST[seat]) for seat in self.seats], self.seed, WIDTH_PX, HEIGHT_PX)
            return scene.pixels, {self.seats[face.person]: face for face in scene.faces}
        paint = paint_backdrop(PLACES[self.seed % len(PLACES)], self.seed, WIDTH_PX, HEIGHT_PX)
        return np.asarray(np.clip(paint * 255 + 0.5, 0, 255), dtype=np.uint8), {}


def portrait_of(guest: Guest) -> Pixels:
    """(512, 512, 3) uint8 RGB: the photo that a guest is enrolled with."""
    return draw_portrait(person(CAST[guest.seat]), 100).pixels


def photos(n_photos: int = 120) -> Iterator[GalaPhoto]:
    """The photos of the evening, in three folders; the same number gives the same photos.

    Two in five were taken of people who had said yes; on the others is whoever stood there.
    """
    dice = np.random.default_rng(_SEED)
    welcome = [guest.seat for guest in GUESTS if guest.story in {Story.YES, Story.MINOR}]
    shy = next(guest.seat for guest in GUESTS if guest.story == Story.MUST_NOT_APPEAR)
    everybody = [seat for seat in range(len(CAST)) if seat != shy]
    n_empty = min(N_EMPTY, n_photos // 10)
    for number in range(n_photos):
        folder = ("arrival", "stage", "dance")[number * 3 // n_photos]
        name = f"{folder}/gala-{number + 1:03}.jpg"
        size = int(dice.choice([1, 2, 3, 4, 5, 6, 9, 12], p=[0.2, 0.22, 0.18, 0.12, 0.1, 0.08, 0.06, 0.04]))
        known = dice.random() < 0.4
        among = welcome if known and size <= len(welcome) else everybody
        seats = [int(seat) for seat in dice.choice(among, size=size, replace=False)]
        if number % 30 == 17:
            seats[0] = shy
        yield GalaPhoto(name, () if number >= n_photos - n_empty else tuple(seats), number)
