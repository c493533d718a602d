"""Drawn photos, an archive of them, and the rows that came of it: for tests of whole stories.

Pictures are drawn once per run, when they are first asked for. Everything here shows people who do not exist.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from countenance.archive import DATABASE, Archive
from countenance.demo.cast import CAST
from countenance.demo.draw import draw_portrait
from countenance.demo.person import person
from countenance.demo.scene import draw_scene
from countenance.flows.enrol import ConsentForm, Enrolment
from countenance.flows.ingest import IngestSummary
from countenance.flows.scope import SERIAL, Engine
from countenance.redact.render import encode_jpeg
from countenance.settings import Settings
from countenance.store.appearances import Appearance
from countenance.store.consents import of_subject
from countenance.store.consents import withdraw as withdraw_consent
from countenance.store.keyfile import Master, PassphraseCost

CHEAP = PassphraseCost(iterations=1, memory_kib=64, lanes=1)
EVIDENCE = hashlib.sha256(b"a signed form").hexdigest()
CLUB = "club"
SCENES: dict[str, tuple[int, ...]] = {
    "a.jpg": (0, 1, 2),
    "b.jpg": (0, 3),
    "c.jpg": (1, 4),
    "d.jpg": (3, 4, 5),
    "e.jpg": (5,),
    "f.jpg": (0, 1),
}
"""Who (place in the cast) is in which scene; 0, 1 and 2 are enrolled in most tests, the others are strangers."""

Row = tuple[object, ...]


@cache
def portrait(seat: int, picture: int = 100, size_px: int = 320) -> bytes:
    """One JPEG of one person."""
    return encode_jpeg(draw_portrait(person(CAST[seat]), picture, size_px).pixels)


@cache
def scene(seats: tuple[int, ...], seed: int = 0, width_px: int = 640, height_px: int = 427) -> bytes:
    """One JPEG of several people."""
    return encode_jpeg(draw_scene([person(CAST[seat]) for seat in seats], seed, width_px, height_px).pixels)


def scenes() -> dict[str, bytes]:
    """The six scenes by file name."""
    return {name: scene(seats, seed) for seed, (name, seats) in enumerate(SCENES.items())}


class Clock:
    """A clock that a test moves. It starts at the real time, because the database checks consents by its own clock."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


class Club:
    """An open archive with one collection, and a folder for photos beside it."""

    def __init__(self, archive: Archive, photos: Path, clock: Clock) -> None:
        self.archive, self.photos, self.clock = archive, photos, clock
        self.photos.mkdir(parents=True, exist_ok=True)

    @classmethod
    def make(cls, folder: Path, settings: Settings, pictures: dict[str, bytes] | None = None) -> Self:
        """A new archive; nothing is ingested yet."""
        clock = Clock()
        archive = Archive.create(folder / "archive", _master(), settings, clock)
        archive.create_collection(CLUB)
        made = cls(archive, folder / "photos", clock)
        made.put(scenes() if pictures is None else pictures)
        return made

    @classmethod
    def open_copy(cls, stock: Path, folder: Path, settings: Settings) -> Self:
        """A copy of an archive that is closed; its photos stay where they are and must not be changed."""
        clock = Clock()
        shutil.copytree(stock / "archive", folder / "archive")
        return cls(Archive.open(folder / "archive", _master(), settings, clock), folder / "photos", clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.archive.close()

    def take_photos(self, stock: Path) -> None:
        """Have the photos of the archive that this one is a copy of moved here, where they may be changed."""
        shutil.copytree(stock / "photos", self.photos, dirs_exist_ok=True)
        old, new = bytes(stock / "photos"), bytes(self.photos)
        with self.archive._store.transaction() as tx:
            for row in tx.exec_driver_sql("SELECT id, path FROM photo_paths").all():
                tx.exec_driver_sql("UPDATE photo_paths SET path = ? WHERE id = ?", (row[1].replace(old, new), row[0]))

    def put(self, pictures: dict[str, bytes]) -> list[Path]:
        """Write photos into the folder."""
        for name, content in pictures.items():
            path = self.photos / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return [self.photos / name for name in pictures]

    def ingest(self, *names: str, engine: Engine = SERIAL) -> IngestSummary:
        """Ingest these photos, or all of them."""
        wanted = [self.photos / name for name in names] or [self.photos]
        return self.archive.ingest(CLUB, wanted, engine)

    def form(
        self, *, purposes: Sequence[str] = ("find-my-photos",), days: float = 30, **changes: object
    ) -> ConsentForm:
        """A consent that holds now."""
        values: dict[str, object] = {
            "purposes": tuple(purposes),
            "channels": ("website",),
            "from_at": self.clock.now - timedelta(minutes=1),
            "until_at": self.clock.now + timedelta(days=days),
            "evidence_sha256": EVIDENCE,
            "evidence_name": "form.pdf",
        }
        return ConsentForm(**(values | changes))  # type: ignore[arg-type]

    def enrol(self, seat: int, form: ConsentForm | None = None, pictures: Sequence[int] = (100, 101)) -> Enrolment:
        """Enrol a person of the cast, without a look back."""
        references = [(f"{seat}-{picture}.jpg", portrait(seat, picture)) for picture in pictures]
        return self.archive.enrol(CLUB, name_of(seat), references, form or self.form(), "office")

    def find(self, seat: int, state: str = "any") -> list[Appearance]:
        """Appearances of a person of the cast."""
        return self.archive.find(name_of(seat), state=state)

    def found_in(self, seat: int) -> list[str]:
        """Names of the photos a person of the cast is found in, sorted."""
        return sorted(Path(row.path.decode()).name for row in self.find(seat))

    def withdraw(self, seat: int) -> None:
        """End every consent of a person of the cast now."""
        archive, now = self.archive, self.clock.now
        with archive._store.transaction() as tx:
            for stored in of_subject(tx, archive._keys, archive.subject(name_of(seat)).id):
                withdraw_consent(tx, stored.id, at=now)

    def rows(self) -> dict[str, list[Row]]:
        """Everything in the database that a story writes."""
        return rows(self.archive.folder)


def _master() -> Master:
    return Master.from_passphrase("correct horse", CHEAP)


def name_of(seat: int) -> str:
    return f"Person {seat}"


_QUERIES = {
    "photos": """
        SELECT hex(sha256), bytes, width, height, format, orientation, taken_at, status, n_faces, pack_id
        FROM photos""",
    "paths": "SELECT hex(sha256), path, member FROM photo_paths JOIN photos ON photos.id = photo_id",
    "faces": """
        SELECT hex(sha256), ordinal, x, y, w, h, landmarks, confidence, quality
        FROM faces JOIN photos ON photos.id = photo_id""",
    # A person is known by the reference photos, because ids are chance and names are sealed.
    "appearances": """
        SELECT hex(p.sha256), f.ordinal,
            (SELECT group_concat(hex(r.photo_sha256), ' ') FROM
                (SELECT photo_sha256 FROM subject_references WHERE subject_id = a.subject_id ORDER BY 1) AS r),
            a.state, a.score
        FROM appearances AS a JOIN faces AS f ON f.id = a.face_id JOIN photos AS p ON p.id = f.photo_id""",
    "refusals": "SELECT path, member, hex(sha256), reason, message FROM refusals",
    "templates": "SELECT face_id FROM face_templates",
}


def rows(archive: Path) -> dict[str, list[Row]]:
    """Everything in an archive's database that does not depend on chance or time, by table, sorted."""
    with closing(sqlite3.connect(archive / DATABASE)) as raw:
        return {table: sorted(map(_open_landmarks, raw.execute(query))) for table, query in _QUERIES.items()}


def count(archive: Path, table: str) -> int:
    """Rows of one table."""
    with closing(sqlite3.connect(archive / DATABASE)) as raw:
        return int(raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - names of our tables


def differences(one: dict[str, list[Row]], two: dict[str, list[Row]], tolerance: float = 0.02) -> list[str]:
    """What differs between two sets of rows; numbers may differ by rounding, as batches may be cut in other places."""
    found = []
    for table, ours in one.items():
        if len(ours) != len(two[table]):
            found.append(f"{table}: {len(ours)} and {len(two[table])} rows")
        for left, right in zip(ours, two[table], strict=False):
            if not all(map(_same, left, right, [tolerance] * len(left))):
                found.append(f"{table}: {left} and {right}")
    return found


def _same(left: object, right: object, tolerance: float) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return abs(left - right) <= tolerance
    return left == right


def _open_landmarks(row: Row) -> Row:
    opened: list[object] = []
    for cell in row:
        if isinstance(cell, bytes) and len(cell) == 40:
            opened += np.frombuffer(cell, "<f4").tolist()
        else:
            opened.append(cell)
    return tuple(opened)
