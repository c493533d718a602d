"""Copies without one person, on real drawn pictures: this person's head is filled, everybody else can be seen."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from countenance.errors import ConflictError
from countenance.redact.fill import COLOUR
from countenance.store import appearances, written
from countenance.store.written import REMOVED_PERSON
from tests.drawn import Club, name_of


def middle_of(picture: bytes, box: tuple[float, float, float, float]) -> NDArray[np.float64]:
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    x, y = round(box[0] + box[2] / 2), round(box[1] + box[3] / 2)
    return np.asarray(pixels[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(axis=0), dtype=np.float64)


def test_only_this_person_is_hidden_and_the_copies_outlive_the_erasure(club: Club, tmp_path: Path) -> None:
    archive, out = club.archive, tmp_path / "without"
    found = archive.find(name_of(0))
    assert found, "the first of the cast is on some scenes"
    done, redacted = archive.redact_and_erase(name_of(0), out)
    assert len(redacted.photos) + len(redacted.left_out) == len({row.photo for row in found})
    assert redacted.photos
    pictures = {photo: Path(path.decode()).read_bytes() for path, photo in redacted.photos.items()}
    for row in found:
        if row.photo in pictures:
            assert np.abs(middle_of(pictures[row.photo], row.box) - COLOUR).max() < 12
    with archive._store.reading() as tx:
        others = {
            photo: label.box
            for photo in pictures
            for label in appearances.of_photo(tx, photo)
            if label.subject == archive.subject(name_of(1)).id
        }
        rows = [file for file in written.everything(tx) if file.kind == REMOVED_PERSON]
    assert {file.photo for file in rows if file.photo} == set(pictures)
    assert len(json.loads((out / "index.json").read_text("utf-8"))) == len(pictures)
    assert done.statement["sweep"]["found"] == 0
    for photo, box in others.items():
        assert np.abs(middle_of(pictures[photo], box) - COLOUR).max() > 12, "somebody else can be seen"
    archive.erase(name_of(1))
    assert {photo for path, photo in redacted.photos.items() if Path(path.decode()).exists()} == set(pictures) - set(
        others
    )


def test_a_folder_that_is_not_empty_is_refused_before_anything_goes(club: Club, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ConflictError, match="not empty"):
        club.archive.redact_and_erase(name_of(0), tmp_path)
    assert club.archive.subject(name_of(0)).name == name_of(0)
