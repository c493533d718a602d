"""A pack, with real detectors on people who do not exist: what is in it, and that nobody else can be seen."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from countenance.core.canonical import parse
from countenance.errors import ConflictError, NotFoundError, PermitError, PhotoRefusedError
from countenance.flows import show_me_photos
from countenance.flows.identity import Check
from countenance.flows.show_me import JSON, PAGE, Pack
from countenance.ledger.event import commitment
from countenance.settings import Settings
from countenance.store import entries, written
from countenance.store.appearances import CONFIRMED, REJECTED
from tests.drawn import CLUB, EVIDENCE, SCENES, Club, name_of, portrait, scene
from tests.gala import guests_of
from tests.unit.flows.pictures import nobody

ME, OTHER = 0, 1
MET = Check("met-in-person")
Record = dict[str, Any]


@pytest.fixture(scope="module")
def told_club(stock: Path, tmp_path_factory: pytest.TempPathFactory, story_settings: Settings) -> Iterator[Club]:
    """An archive in which this person's appearances are confirmed, but for one that is rejected; and the pack of it."""
    folder = tmp_path_factory.mktemp("told")
    with Club.open_copy(stock, folder, story_settings) as club:
        found = {Path(row.path.decode()).name: row.id for row in club.find(ME)}
        club.archive.decide(CLUB, [found["a.jpg"]], CONFIRMED, "Ms Reed")
        club.archive.decide(CLUB, [found["b.jpg"]], REJECTED, "Ms Reed")
        club.archive.set_role("Ms Reed", "steward")
        yield club


@pytest.fixture(scope="module")
def pack(told_club: Club, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return told_club.archive.show_me(name_of(ME), MET, tmp_path_factory.mktemp("out") / "me")


def records(pack: Pack) -> Record:
    found: Record = json.loads((pack.folder / JSON).read_bytes())
    return found


def photo_of(pack: Pack, name: str) -> Record:
    digest = hashlib.sha256(scene(SCENES[name], list(SCENES).index(name))).hexdigest()
    (found,) = [each for each in records(pack)["photos"] if each["sha256"] == digest]
    return found


def files_of(pack: Pack) -> dict[str, bytes]:
    return {
        str(path.relative_to(pack.folder)): path.read_bytes() for path in pack.folder.rglob("*") if path.is_file()
    }


def test_only_this_person_can_be_seen(pack: Pack) -> None:
    copied = cv2.imread(str(pack.folder / photo_of(pack, "a.jpg")["copy"]))
    original = cv2.imdecode(np.frombuffer(scene(SCENES["a.jpg"], 0), np.uint8), cv2.IMREAD_COLOR)
    assert copied.shape == original.shape
    for seat, face in guests_of("a.jpg").items():
        x, y, w, h = (round(value) for value in face.box)
        middle = np.s_[y + h // 4 : y + 3 * h // 4, x + w // 4 : x + 3 * w // 4]
        if seat == ME:
            away = np.abs(copied[middle].astype(int) - original[middle].astype(int))
            assert away.mean() < 6, "the person asked about looks as in the photo"
        else:
            assert np.ptp(copied[middle].reshape(-1, 3).astype(int), axis=0).max() < 12, "everybody else is one colour"
    assert photo_of(pack, "a.jpg")["others_hidden"] == 2
