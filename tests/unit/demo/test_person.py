"""Who is drawn: one seed is one person, and seeds differ."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from countenance.demo.cast import CAST
from countenance.demo.dice import Dice
from countenance.demo.palette import mix, ramp
from countenance.demo.person import BEARDS, GLASSES, HAIR_STYLES, person

SEEDS = range(200)


def test_a_seed_is_always_the_same_person() -> None:
    assert [person(seed) for seed in range(20)] == [person(seed) for seed in range(20)]


def test_seeds_give_different_people() -> None:
    people = [person(seed) for seed in SEEDS]
    for name in ("face_width", "eye_x", "nose_length", "mouth_width", "skin", "brow_y", "hairline_y"):
        assert len({getattr(who, name) for who in people}) == len(people), name


def test_every_style_occurs() -> None:
    people = [person(seed) for seed in SEEDS]
    assert {who.hair_style for who in people} == set(HAIR_STYLES)
    assert {who.beard for who in people} == set(BEARDS)
    assert {who.glasses for who in people} == set(GLASSES)


def test_a_scarf_is_never_worn_with_a_beard() -> None:
    scarves = [who for who in map(person, SEEDS) if who.hair_style == "scarf"]
    assert scarves
    assert {who.beard for who in scarves} == {"none"}


def test_features_of_every_face_keep_their_order() -> None:
    for who in map(person, SEEDS):
        assert who.hairline_y < who.brow_y - who.brow_size < -who.eye_height, who.seed
        assert who.eye_height < who.nose_length < who.mouth_y - who.lip_upper, who.seed
        assert who.mouth_y + who.lip_lower < who.chin_y, who.seed
        assert who.eye_x - who.eye_width > 0, who.seed
        assert who.eye_x + who.eye_width < who.face_width, who.seed


def test_skin_covers_light_and_dark() -> None:
    lightness = np.array([np.mean(person(seed).skin) for seed in SEEDS])
    assert lightness.min() < 0.35
    assert lightness.max() > 0.8


def test_a_person_cannot_be_changed() -> None:
    who = person(1)
    with pytest.raises(AttributeError):
        setattr(who, fields(who)[1].name, 0.0)


def test_the_cast_has_no_doubles() -> None:
    assert len(CAST) >= 24
    assert len(set(CAST)) == len(CAST)
    assert all(seed >= 0 for seed in CAST)


def test_between_leans_to_its_ends() -> None:
    dice = Dice(0)
    draws = np.array([dice.between(2, 4) for _ in range(2_000)])
    assert draws.min() >= 2
    assert draws.max() <= 4
    assert np.mean((draws < 2.5) | (draws > 3.5)) > 0.6


def test_colours_mix_and_ramp() -> None:
    black, white = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    assert mix(black, white, 0.25) == (0.25, 0.25, 0.25)
    assert ramp((black, white, black), 0.5) == white
    assert ramp((black, white), 1.0) == white
