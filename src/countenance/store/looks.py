"""Which photos were looked at for clearing, by which eye, and whether somebody seemed to be there without a face."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, select, text

from countenance.store.connection import Tx
from countenance.store.moments import to_text
from countenance.store.schema import looks

_CHUNK = 500
_NOTE = text(
    "INSERT INTO looks (photo_id, eye, signs_of_people, looked_at) VALUES (:photo, :eye, :signs, :at) "
    "ON CONFLICT (photo_id) DO UPDATE SET eye = excluded.eye, signs_of_people = excluded.signs_of_people, "
    "looked_at = excluded.looked_at"
)
_OF = select(looks).where(looks.c.photo_id.in_(bindparam("photos", expanding=True)))


def note(tx: Tx, photo: str, eye: str, *, signs_of_people: bool, at: datetime) -> None:
    """Note a look; it replaces an earlier one of another eye.

    Args:
        tx: writing transaction.
        photo: id of the photo.
        eye: names everything that changes what is seen.
        signs_of_people: no face was seen, and yet somebody seems to be there.
        at: aware moment.
    """
    tx.execute(_NOTE, {"photo": photo, "eye": eye, "signs": signs_of_people, "at": to_text(at)})


def of_photos(tx: Tx, photos: Iterable[str], eye: str) -> dict[str, bool]:
    """Signs of people, by photo, for those of these photos that this eye has looked at."""
    wanted, found = list(photos), {}
    for start in range(0, len(wanted), _CHUNK):
        for row in tx.execute(_OF, {"photos": wanted[start : start + _CHUNK]}):
            if row.eye == eye:
                found[str(row.photo_id)] = bool(row.signs_of_people)
    return found
