"""Photos that say who is in them, and stages that read it there: for tests of what is decided, not of what is seen.

A photo is a few bytes: the start of a JPEG and a list of faces. What is written of it lists the faces that are still to
be seen. Everything else is real: archive, consents, gallery, suggestions, decisions, folders.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from countenance.archive import Archive
from countenance.core.clearance import FaceDecision
from countenance.core.consent import CHANNELS, Consent
from countenance.core.permit import permit_reference
from countenance.core.policy import DEFAULT_POLICY, parse_policy
from countenance.core.rotation import rotation
from countenance.flows import calibrate as flow
from countenance.flows import clear, ingest, rescan
from countenance.flows.clear import Cleared, Outcome, Request
from countenance.flows.enrol import ConsentForm
from countenance.flows.release import Copy
from countenance.flows.scope import Scope
from countenance.flows.stages import Step, Work
from countenance.run.stage import Batch
from countenance.settings import Settings
from countenance.store import consents, subjects, templates, turns
from countenance.store.collections import Release
from countenance.store.keyfile import Master
from countenance.store.written import PART
from tests.calibrated import calibrate
from tests.drawn import CHEAP, CLUB, EVIDENCE, Clock, name_of

START = b"\xff\xd8\xff"
DIM, N_SEATS = 128, 60
POLICY = parse_policy(DEFAULT_POLICY)
SETTINGS = Settings(batch_photos=2)
WEBSITE = "website"


@dataclass(frozen=True)
class Guest:
    """One face of a photo.

    Attributes:
        seat: who it is; a stranger when nobody of that seat is enrolled.
        score: cosine to that person's reference.
        rival, rival_score: somebody else whom it resembles.
        quality: in [0, 100].
        small: only the look for clearing sees it.
    """

    seat: int
    score: float = 0.98
    rival: int = -1
    rival_score: float = 0.0
    quality: float = 90.0
    small: bool = False


def photo(*guests: Guest | int, mark: str = "", signs: bool = False) -> bytes:
    """The bytes of a photo; ``mark`` tells apart photos of the same people."""
    faces = [vars(guest if isinstance(guest, Guest) else Guest(guest)) for guest in guests]
    return START + json.dumps({"faces": faces, "mark": mark, "signs": signs}).encode()


def _read(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(content.removeprefix(START))
    return found


def seats_on(file: Path) -> list[int]:
    """Who can be seen on a released file."""
    return sorted(face["seat"] for face in _read(file.read_bytes())["faces"])


def template_of(guest: Guest) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A vector with the guest's cosines to the references of its person and of the rival."""
    vector = np.zeros(DIM, dtype=np.float32)
    vector[guest.seat] = guest.score
    if guest.rival >= 0:
        vector[guest.rival] = guest.rival_score
    # What nobody's reference has; another part for every seat, so that strangers are strangers.
    vector[N_SEATS + guest.seat] = np.sqrt(max(0.0, 1.0 - float(vector @ vector)))
    return vector


class Seen(Step):
    """Decoding, looking and embedding in one: what the photo says."""

    name = "look"
    needs: tuple[str, ...] = ("content",)

    def __init__(self, *, closely: bool = False, anew: bool = True) -> None:
        self._closely, self._anew = closely, anew

    def setup(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def __call__(self, batch: Batch[Work]) -> Batch[Work]:
        for work in batch.items:
            if work.refused is None and work.content is not None:
                try:
                    self._look(work, _read(work.content))
                except ValueError:
                    work.refuse("damaged", "It cannot be read.")
        return batch

    def _look(self, work: Work, said: dict[str, Any]) -> None:
        guests = [Guest(**face) for face in said["faces"]]
        places = [place_of(box) for box in work.boxes]
        if self._anew:
            seen = [place for place, guest in enumerate(guests) if self._closely or not guest.small]
            places += [place for place in seen if place not in places]
        work.width, work.height, work.format, work.content = 1_000, 100, "jpeg", None
        work.boxes = np.array([[10 * place, 0, 8, 8] for place in places], dtype=np.float32).reshape(-1, 4)
        work.landmarks = np.repeat(work.boxes[:, None, :2] + 4, 5, axis=1).astype(np.float32)
        work.confidences = np.ones(len(places), dtype=np.float32)
        work.qualities = np.array([guests[place].quality for place in places], dtype=np.float32)
        rows = [template_of(guests[place]) for place in places]
        work.templates = np.stack(rows) if rows else np.empty((0, DIM), dtype=np.float32)
        work.signs_of_people = bool(said["signs"]) and not places


def place_of(box: np.ndarray[Any, np.dtype[np.float32]]) -> int:
    """Which face of the photo's list has this box."""
    return round(float(box[0]) / 10)


class Pass(Step):
    """A stage that does nothing."""

    name = "decode"
    needs: tuple[str, ...] = ("content",)

    def setup(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def __call__(self, batch: Batch[Work]) -> Batch[Work]:
        return batch


class Written(Pass):
    """Writes the list of faces that are not hidden; ``before`` is called first, with the photo."""

    name = "release"

    def __init__(self, before: Callable[[Copy], None]) -> None:
        self._before = before

    def __call__(self, batch: Batch[Work]) -> Batch[Work]:
        for work in batch.items:
            assert isinstance(work, Copy)
            if work.refused is not None or work.content is None:
                continue
            hidden = {place_of(work.boxes[row]) for row in work.hidden}
            said = _read(work.content)
            said["faces"] = [face for place, face in enumerate(said["faces"]) if place not in hidden]
            said["hidden"] = len(hidden)
            work.written, work.preview, work.content = START + json.dumps(said).encode(), b"small", None
            self._before(work)
        return batch


@dataclass
class Eye:
    """What clearing asks of the eye."""

    id: str = "pretended@1"
    second: str = ""
    closely: bool = True


_rotation = cache(rotation)
"""Copies of one archive turn templates alike, and to find out how takes longer than most tests."""


def _master() -> Master:
    return Master.from_passphrase("correct horse", CHEAP)


def _nothing(copy: Copy) -> None:
    del copy


@dataclass
class Party:
    """An archive of such photos. ``before_release`` may be replaced: it sees every photo on its way out."""

    archive: Archive
    clock: Clock
    folder: Path
    eye: Eye = field(default_factory=Eye)
    before_release: Callable[[Copy], None] = _nothing
    n_written: int = 0

    @classmethod
    def make(
        cls, folder: Path, settings: Settings = SETTINGS, *, calibrated: bool = True, release: Release | None = None
    ) -> Self:
        """A new archive with nobody in it; its machine is believed. Stages are real until ``pretend``."""
        clock = Clock()
        archive = Archive.create(folder / "archive", _master(), settings, clock)
        archive.create_collection(CLUB, release)
        if calibrated:
            calibrate(archive, CLUB)
        return cls(archive, clock, folder)

    @classmethod
    def open_copy(cls, stock: Path, folder: Path, settings: Settings = SETTINGS) -> Self:
        """A copy of the archive of a party that is closed."""
        clock = Clock()
        shutil.copytree(stock / "archive", folder / "archive")
        return cls(Archive.open(folder / "archive", _master(), settings, clock), clock, folder)

    def pretend(self, patch: pytest.MonkeyPatch) -> Self:
        """Let photos say who is in them, from now on."""
        self.photos.mkdir(parents=True, exist_ok=True)
        patch.setattr(clear, "describe_clearing", lambda _pack, _settings: (self.eye.id, self.eye.second))
        patch.setattr(clear, "Decode", lambda *_: Pass())
        patch.setattr(clear, "Release", lambda *_: Written(self._going_out))
        patch.setattr(ingest, "_stages", lambda _scope, eye: [Seen(closely=eye is not None and self.eye.closely)])
        patch.setattr(rescan, "Decode", lambda *_: Pass())
        patch.setattr(rescan, "Embed", lambda *_: Seen(anew=False))
        patch.setattr(flow, "Decode", lambda *_: Pass())
        patch.setattr(flow, "Embed", lambda *_: Seen(anew=False))
        patch.setattr(turns, "rotation", _rotation)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.archive.close()

    @property
    def photos(self) -> Path:
        """The source."""
        return self.folder / "photos"

    @property
    def out(self) -> Path:
        """The folder for what is released."""
        return self.folder / "out"

    @property
    def scope(self) -> Scope:
        """What stories work on."""
        return self.archive._scope(CLUB)

    def put(self, **pictures: bytes) -> None:
        """Write photos; a name stands for a JPEG of that name."""
        self.put_as({f"{name}.jpg": content for name, content in pictures.items()})

    def put_as(self, pictures: Mapping[str, bytes]) -> None:
        """Write files under any names."""
        for name, content in pictures.items():
            path = self.photos / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def enrol(self, seat: int, like: int = -1, **changes: object) -> str:
        """Enrol somebody for publication on the website, perhaps one who looks much like another; gives the id."""
        archive, now = self.archive, self.clock.now
        values: dict[str, object] = {
            "purpose": "publication",
            "channels": (WEBSITE,),
            "from_at": now - timedelta(minutes=1),
            "until_at": now + timedelta(days=30),
            "evidence_sha256": EVIDENCE,
        }
        where = archive.collection(CLUB).id
        with archive._store.transaction() as tx:
            subject = subjects.add(tx, archive._keys, collection=where, name=name_of(seat), minor=False, at=now).id
            consent = Consent(**({"subject": subject} | values | changes))  # type: ignore[arg-type]
            record = consents.Record("form.pdf", "office")
            given = consents.add(tx, archive._keys, consent, record, now=now, channels=(*CHANNELS, "club-screen"))
            reference = templates.NewReference(
                subject=subject,
                consent=given.id,
                photo_sha256=hashlib.sha256(subject.encode()).digest(),
                box=(0.0, 0.0, 8.0, 8.0),
                landmarks=np.zeros((5, 2), dtype=np.float32),
                quality=90.0,
                pack=self.scope.pack.id,
                template=template_of(Guest(seat, 1.0) if like < 0 else Guest(seat, 0.17, like, 0.985)),
            )
            permit = permit_reference(where, consent, now)
            templates.add_reference(tx, archive._keys, permit, where, reference, at=now)
        return subject

    def grant(self, seat: int, *, days: float = 30, channels: Sequence[str] = (WEBSITE,)) -> None:
        """A new consent to publication, from now."""
        now = self.clock.now
        until = now + timedelta(days=days)
        form = ConsentForm(("publication",), tuple(channels), now, until, EVIDENCE, "form.pdf")
        self.archive.grant(name_of(seat), form, "office")

    def clear(self, *sources: Path, **changes: object) -> Cleared:
        """Clear the source for the website, or as told."""
        values: dict[str, object] = {"channel": WEBSITE, "out": self.out, "policy": POLICY, "actor": "office"}
        request = Request(**(values | changes))  # type: ignore[arg-type]
        return clear.clear(self.scope, list(sources) or [self.photos], request)

    def _going_out(self, copy: Copy) -> None:
        self.n_written += 1
        self.before_release(copy)


def outcome_of(cleared: Cleared, path: str) -> Outcome:
    """The outcome of the photo of that path."""
    (found,) = [each for each in cleared.outcomes if each.place.path == path.encode()]
    return found


def face_of(cleared: Cleared, path: str, place: int = 0) -> FaceDecision:
    """One face of a photo, by its place in the photo's list."""
    decided = outcome_of(cleared, path).decided
    assert decided is not None
    pairs = zip(decided.faces, decided.decision.faces, strict=True)
    (found,) = [decision for face, decision in pairs if round(face.box[0] / 10) == place]
    return found


def verdicts(cleared: Cleared) -> dict[str, str]:
    """Verdict by path, of the files that are photos."""
    return {os.fsdecode(each.place.path): str(each.verdict) for each in cleared.outcomes if each.verdict is not None}


def changed(cleared: Cleared) -> set[str]:
    """Paths of the photos that a run changed."""
    return {os.fsdecode(each.place.path) for each in cleared.outcomes if each.changed}


def released(out: Path) -> dict[str, bytes]:
    """Every file that is released in a folder, by its path below it; one that has no name yet is none."""
    found = [path for top in ("clear", "redacted") for path in (out / top).rglob("*") if path.is_file()]
    named = [path for path in sorted(found) if not path.name.startswith(os.fsdecode(PART))]
    return {str(path.relative_to(out)): path.read_bytes() for path in named}


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of every file of a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
