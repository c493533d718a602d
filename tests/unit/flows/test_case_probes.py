"""Photos handed in as probes, through the real stages."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from countenance.errors import PhotoRefusedError
from countenance.flows.case import Wanted
from countenance.flows.case_probes import read_probes
from countenance.store.collections import Release
from tests.drawn import CLUB, SCENES, Club, portrait, scene, scenes
from tests.searching import NUMBER, OKORO, REED, STUDIO


def test_a_probe_is_one_face_with_a_picture(club: Club) -> None:
    content = portrait(0, 100)
    (found,) = read_probes(club.archive._scope(CLUB), [("a.jpg", content)])
    assert found.photo_sha256 == hashlib.sha256(content).digest()
    assert found.template.shape == (128,)
    assert np.linalg.norm(found.template) == pytest.approx(1, abs=1e-5)
    assert found.quality >= 20
    picture = cv2.imdecode(np.frombuffer(found.crop, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert 100 < max(picture.shape[:2]) <= 320


@pytest.mark.parametrize(
    ("content", "reason"),
    [(scene((0, 1, 2)), "several-faces"), (b"hello", "not-an-image"), (None, "no-face")],
)
def test_a_photo_without_one_usable_face_is_refused_by_name(club: Club, content: bytes | None, reason: str) -> None:
    grey = cv2.imencode(".jpg", np.full((200, 200, 3), 128, np.uint8))[1].tobytes()
    photos = [("fine.jpg", portrait(0, 100)), ("poor.jpg", grey if content is None else content)]
    with pytest.raises(PhotoRefusedError, match=r"The probe poor\.jpg cannot be used\.") as caught:
        read_probes(club.archive._scope(CLUB), photos)
    assert caught.value.reason == reason
    assert "Give another photo" in caught.value.advice


def test_drawn_people_are_found_under_a_case(club: Club) -> None:
    """The whole line with nothing pretended: a probe finds the scenes with that person, and nobody else."""
    now = club.clock.now
    club.archive.create_collection(STUDIO, Release("contract 12", "The board", now.replace(year=now.year + 1, day=1)))
    club.put(scenes())
    club.archive.ingest(STUDIO, [club.photos])
    club.archive.actor = REED
    club.archive.open_case(Wanted(NUMBER, "missing-person"), [STUDIO], [("probe.jpg", portrait(0, 100))])
    club.archive.actor = OKORO
    page = club.archive.show_probes(NUMBER, club.photos.parent / "look").read_text("utf-8")
    club.archive.approve_case(NUMBER, re.findall(r'id="code">([^<]+)<', page)[0])
    found = club.archive.search_case(NUMBER)
    names = {Path(found.paths[each.found.photo or ""]).name for each in found.results.candidates}
    assert names == {name for name, seats in SCENES.items() if 0 in seats}
    assert [club.found_in(0)] == [sorted(names)], "as finding an enrolled person does"
