"""Facts from the database -> the clearance rules: what becomes of each photo for one channel, now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from countenance.core import clearance
from countenance.core.clearance import Action, Claim, Decision, OperatingPoints, Person, Policy, Verdict
from countenance.core.consent import Consent
from countenance.flows.points import points_of
from countenance.flows.scope import Scope
from countenance.store import appearances, consents, faces, looks, merges, photos, remarks, stamps
from countenance.store.appearances import Appearance
from countenance.store.connection import Tx
from countenance.store.faces import Face
from countenance.store.photos import Photo
from countenance.store.remarks import Remarks

RECIPE_VERSION = 1
"""Raise it whenever the same decision gives another file: everything is then written anew."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One photo with what becomes of it.

    Attributes:
        photo: the photo.
        faces: its faces by ordinal, without those that a person says are none.
        decision: verdict, reasons and the state of each face, in the same order.
        no_faces: those; they are neither hidden nor a surprise.
        fingerprint: hex SHA-256 over everything that the released file depends on.
    """

    photo: Photo
    faces: tuple[Face, ...]
    decision: Decision
    fingerprint: str
    no_faces: tuple[Face, ...] = ()

    @property
    def hidden(self) -> tuple[int, ...]:
        """Rows of the faces to hide; none unless the verdict is ``redact``."""
        if self.decision.verdict != Verdict.REDACT:
            return ()
        return tuple(row for row, face in enumerate(self.decision.faces) if face.action == Action.REDACT)

    @property
    def shown(self) -> dict[str, str | None]:
        """Subject by face, for every face that can be seen on the released file."""
        return {face.face: face.subject for face in self.decision.faces if face.action == Action.PUBLISH}


class Judgement:
    """The rules with everything they need of one collection, never older than the transaction that asks."""

    def __init__(self, scope: Scope, policy: Policy, channel: str, eye: str) -> None:
        """Nothing is loaded before the first ``decide``."""
        self.channel = channel
        self._scope, self._policy, self._eye = scope, policy, eye
        self._stamp: str | None = None
        self.n_loads = 0
        """How often people and consents were loaded, because something about them had changed."""
        self._points = OperatingPoints(1.0, 1.0, calibrated=False)
        self._people: dict[str, Person] = {}
        self._roots: dict[str, str] = {}

    def decide(self, tx: Tx, wanted: Iterable[str], now: datetime, channel: str | None = None) -> list[Decided]:
        """What becomes of these photos (ids) now, in the order given; for another channel if one is named."""
        self._refresh(tx)
        ids = list(wanted)
        signs, said = looks.of_photos(tx, ids, self._eye), remarks.of_photos(tx, ids)
        return [self._one(tx, photo, signs.get(photo), said, now, channel or self.channel) for photo in ids]

    def is_outdated(self, tx: Tx) -> bool:
        """Whether something about people, consents or the calibration has changed since the last ``decide``."""
        return stamps.of_people(tx, self._scope.collection.id) != self._stamp

    def _one(
        self,
        tx: Tx,
        wanted: str,
        signs: bool | None,  # noqa: FBT001 - as the look noted it
        remarked: Remarks,
        now: datetime,
        channel: str,
    ) -> Decided:
        photo, seen = photos.by_id(tx, wanted), faces.of_photo(tx, wanted)
        found = [face for face in seen if face.id not in remarked.no_face]
        # Where faces were seen, nobody looked for other signs; a person who called all of them none must say the rest.
        somebody = (bool(signs) or bool(seen)) and not found and wanted not in remarked.nobody
        said: dict[str, list[Claim]] = {}
        for row in appearances.resolved(appearances.of_photo(tx, wanted), self._roots):
            said.setdefault(row.face, []).append(self._claim(row))
        facts = clearance.Photo(
            tuple(clearance.Face(face.id, face.quality, tuple(said.get(face.id, ()))) for face in found),
            # What today's eye has not looked at may hold anybody.
            signs_of_people=signs is None or somebody,
            damaged=photo.status == "partial",
        )
        decision = clearance.decide(facts, self._people, self._policy, self._points, channel, now)
        fingerprint = self._fingerprint(photo, found, decision, channel)
        no_faces = tuple(face for face in seen if face.id in remarked.no_face)
        return Decided(photo, tuple(found), decision, fingerprint, no_faces)

    def _claim(self, row: Appearance) -> Claim:
        subject = self._roots[row.subject]
        rival = self._roots.get(row.rival) if row.rival is not None else None
        if rival is None or rival == subject or row.rival_score is None:
            return Claim(subject, row.score, row.state)
        return Claim(subject, row.score, row.state, rival, row.rival_score)

    def _fingerprint(self, photo: Photo, found: Sequence[Face], decision: Decision, channel: str) -> str:
        clear = asdict(self._scope.settings.clear)
        parts = {
            "recipe": RECIPE_VERSION,
            "photo": photo.sha256.hex(),
            "channel": channel,
            "verdict": decision.verdict,
            "faces": [[face.id, row.action] for face, row in zip(found, decision.faces, strict=True)],
            "eye": self._eye,
            "pack": self._scope.pack.id,
            "clear": {
                name: clear[name] for name in ("style", "shape", "margin", "jpeg_quality", "keep", "full_side_px")
            },
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _refresh(self, tx: Tx) -> None:
        collection = self._scope.collection.id
        stamp = stamps.of_people(tx, collection)
        if stamp == self._stamp:
            return
        self._roots = merges.roots(tx, collection)
        hidden = merges.must_not_appear(tx, collection)
        given: dict[str, list[Consent]] = {}
        for consent in consents.of_collection(tx, self._scope.keys, collection):
            given.setdefault(self._roots[consent.subject], []).append(consent)
        flagged = {self._roots[subject] for subject in hidden}
        self._people = {
            root: Person(tuple(given.get(root, ())), must_not_appear=root in flagged)
            for root in set(self._roots.values())
        }
        self._points = points_of(tx, collection, self._scope.pack)
        self._stamp = stamp
        self.n_loads += 1
