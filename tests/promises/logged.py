"""Every story of an archive, told once on pretended photos: what was done, and whom it touched."""

from __future__ import annotations

import base64
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countenance.archive import Archive
from countenance.core.canonical import parse
from countenance.core.retention import Rule
from countenance.flows import publish
from countenance.flows.clear import Request
from countenance.flows.enrol import ConsentForm
from countenance.ledger.event import Act, commitment
from countenance.store import entries, faces, photos
from countenance.store.appearances import CONFIRMED, REJECTED, Appearance
from countenance.store.appearances import of_photo as said_of
from tests.drawn import CLUB, EVIDENCE, name_of
from tests.pretend import POLICY, WEBSITE, Guest, Party, photo, template_of
from tests.searching import NUMBER, STUDIO

ANN, BOB, CEM, TWIN, NEW, LONE, STRANGER = 0, 1, 2, 3, 7, 8, 9
PLACE, REASON, ACTOR = "https://example.org/gala", "a court order", "Ms Reed"
Told = Counter[tuple[Act, frozenset[int]]]
"""Acts and the seats of those whom each touches."""


@dataclass
class Scene:
    """An archive in which everything has happened once: photos that are cleared and published, people, guesses."""

    party: Party

    @classmethod
    def set_up(cls, party: Party) -> Scene:
        """Four people, three photos, all of them released and published."""
        party.enrol(TWIN)
        scene = cls(party)
        for seat in (ANN, BOB):
            party.archive.grant(name_of(seat), scene.form("find-my-photos"), "office")
        party.put(ann=photo(ANN), both=photo(ANN, BOB, STRANGER), lone=photo(LONE))
        party.clear(published_to=PLACE)
        return scene

    @property
    def archive(self) -> Archive:
        return self.party.archive

    def form(self, *purposes: str) -> ConsentForm:
        now = self.party.clock.now
        until = now.replace(year=now.year + 1, day=1)
        return ConsentForm(purposes or ("publication",), (WEBSITE,), now, until, EVIDENCE, "form.pdf")

    def said(self, name: str) -> list[Appearance]:
        """What is said of the faces of a photo."""
        digest = hashlib.sha256((self.party.photos / f"{name}.jpg").read_bytes()).digest()
        with self.archive._store.reading() as tx:
            return said_of(tx, photos.known(tx, self.party.scope.collection.id, [digest])[digest].id)

    def lone(self) -> tuple[str, str]:
        """Ids of the photo of somebody who is not enrolled, and of its face."""
        digest = hashlib.sha256((self.party.photos / "lone.jpg").read_bytes()).digest()
        with self.archive._store.reading() as tx:
            found = photos.known(tx, self.party.scope.collection.id, [digest])[digest].id
            return found, faces.of_photo(tx, found)[0].id

    def copies(self) -> list[str]:
        """Ids of the published copies that show Ann."""
        ann = self.archive.subject(name_of(ANN))
        return [copy.id for copy in publish.showing(self.archive._store, ann.collection, ann.id)]

    def new_photo(self, *guests: int) -> Path:
        self.party.put(new=photo(*guests, mark="new"))
        return self.party.photos / "new.jpg"

    def ids(self) -> dict[str, int]:
        """Seat by id of everybody enrolled."""
        return {each.id: int(each.name.rpartition(" ")[2]) for each in self.archive.subjects(CLUB)}

    def secrets(self) -> Iterator[bytes]:
        """What no entry may hold, in every form in which it could."""
        content = [path.read_bytes() for path in sorted(self.party.folder.rglob("*.jpg"))]
        digests = [hashlib.sha256(each).digest() for each in content]
        vectors = [template_of(Guest(seat, 1.0)) for seat in (ANN, BOB, CEM, TWIN, NEW, LONE, STRANGER)]
        raw = [*digests, *(vector.tobytes() for vector in vectors)]
        for each in raw:
            yield from (each, each.hex().encode(), each.hex().upper().encode(), base64.b64encode(each))
        yield from (NUMBER.encode(), b"Okoro", STUDIO.encode())
        words = [b"Person", b"form.pdf", b"office", b"the school", PLACE.encode(), REASON.encode(), ACTOR.encode()]
        paths = [path for path in self.party.folder.rglob("*") if path.suffix]
        yield from (*words, os.fsencode(self.party.folder), *(os.fsencode(path.name) for path in paths))
        yield from (subject.encode() for subject in self.ids())
        yield from (each.encode() for each in (*self.lone(), *self.copies(), *(row.id for row in self.said("both"))))


def bodies_of(archive: Archive) -> list[bytes]:
    """Every entry as it is kept."""
    with archive._store.reading() as tx:
        return [body for _, body in entries.bodies(tx)]


def touched(archive: Archive, entry: dict[str, Any], ids: dict[str, int]) -> frozenset[int]:
    """Seats of those whose commitments an entry holds; fails when it holds another, or one twice."""
    held, found = list(entry["subjects"]), set()
    for subject, seat in ids.items():
        salt = archive._keys.salt_of(subject, bytes.fromhex(entry["nonce"])) if entry["nonce"] else b""
        if entry["nonce"] and commitment(salt, subject) in held:
            held.remove(commitment(salt, subject))
            found.add(seat)
    assert held == [], "a commitment that is of nobody"
    return frozenset(found)


def told(archive: Archive, bodies: list[bytes], ids: dict[str, int]) -> Told:
    """What entries say."""
    parsed = [parse(body) for body in bodies]
    return Counter((Act(each["act"]), touched(archive, each, ids)) for each in parsed)


def _of(act: Act, *seats: int) -> tuple[Act, frozenset[int]]:
    return act, frozenset(seats)


def _create_collection(scene: Scene) -> Told:
    scene.archive.create_collection("the school")
    return Counter([_of(Act.CREATE_COLLECTION)])


def _ingest(scene: Scene) -> Told:
    scene.archive.ingest(CLUB, [scene.new_photo(ANN, STRANGER)])
    return Counter([_of(Act.INGEST, ANN)])


def _rescan(scene: Scene) -> Told:
    scene.party.enrol(LONE)
    scene.archive.rescan(CLUB)
    return Counter([_of(Act.RESCAN), _of(Act.RESCAN, LONE), _of(Act.RESCAN, LONE)])


def _find(scene: Scene) -> Told:
    assert scene.archive.find(name_of(ANN))
    assert not scene.archive.find(name_of(BOB), state="confirmed"), "a search that finds nothing is one all the same"
    return Counter([_of(Act.FIND, ANN), _of(Act.FIND, BOB)])


def _contact_sheet(scene: Scene) -> Told:
    found = scene.archive.find(name_of(ANN))
    scene.archive.contact_sheet(name_of(ANN), found, scene.party.folder / "sheet")
    return Counter([_of(Act.FIND, ANN), _of(Act.CONTACT_SHEET, ANN)])


def _clear(scene: Scene) -> Told:
    scene.new_photo(ANN, STRANGER)
    request = Request(WEBSITE, scene.party.out, POLICY, ACTOR, published_to=PLACE)
    scene.archive.clear(CLUB, [scene.party.photos], request)
    known = [_of(Act.INGEST)] * 2  # batches in which paths of known photos were noted
    done = [_of(Act.CLEAR), _of(Act.CLEAR, ANN, BOB), _of(Act.PUBLISH, ANN)]
    return Counter([*known, _of(Act.INGEST, ANN), *done])


def _published_showing(scene: Scene) -> Told:
    assert scene.archive.published_showing(name_of(ANN))
    return Counter([_of(Act.VIEW, ANN)])


def _take_down(scene: Scene) -> Told:
    scene.archive.take_down(name_of(ANN), scene.copies())
    scene.archive.take_down(name_of(ANN), scene.copies())
    return Counter([_of(Act.TAKE_DOWN, ANN)])


def _enrol(scene: Scene) -> Told:
    given = [("7.jpg", photo(NEW))]
    scene.archive.enrol(CLUB, name_of(NEW), given, scene.form(), ACTOR, must_not_appear=REASON)
    return Counter([_of(Act.ENROL, NEW), _of(Act.HIDE, NEW)])


def _publish_policy(scene: Scene) -> Told:
    scene.archive.publish_policy("What the school does with photos.", ACTOR)
    scene.archive.publish_policy("What the school does with photos.", ACTOR)
    return Counter([_of(Act.POLICY)])


def _grant(scene: Scene) -> Told:
    scene.archive.grant(name_of(CEM), scene.form(), ACTOR)
    return Counter([_of(Act.GRANT, CEM)])


def _withdraw(scene: Scene) -> Told:
    assert scene.archive.withdraw(name_of(ANN))
    assert not scene.archive.withdraw(name_of(ANN))
    return Counter([_of(Act.WITHDRAW, ANN)])


def _consents(scene: Scene) -> Told:
    scene.archive.consents(who=name_of(ANN))
    scene.archive.consents(collection=CLUB)
    return Counter([_of(Act.VIEW, ANN)])


def _must_not_appear(scene: Scene) -> Told:
    for reason in (REASON, None, None):
        scene.archive.must_not_appear(name_of(ANN), reason)
    return Counter([_of(Act.HIDE, ANN), _of(Act.UNHIDE, ANN)])


def _plan_erasure(scene: Scene) -> Told:
    scene.archive.plan_erasure(name_of(ANN))
    return Counter([_of(Act.VIEW, ANN)])


def _why_hidden(scene: Scene) -> Told:
    scene.archive.why_hidden(name_of(ANN))
    return Counter([_of(Act.VIEW, ANN)])


def _decide(scene: Scene) -> Told:
    ids = [row.id for row in scene.said("ann")]
    scene.archive.decide(CLUB, ids, CONFIRMED, ACTOR)
    scene.archive.decide(CLUB, ids, CONFIRMED, ACTOR)
    return Counter([_of(Act.REVIEW, ANN)])


def _decide_each(scene: Scene) -> Told:
    ann, bob = [row.id for row in scene.said("both")]
    scene.archive.decide_each(CLUB, {ann: CONFIRMED, bob: REJECTED}, ACTOR)
    return Counter([_of(Act.REVIEW, ANN, BOB)])


def _name_face(scene: Scene) -> Told:
    scene.archive.name_face(scene.lone()[1], name_of(BOB), ACTOR)
    return Counter([_of(Act.REVIEW, BOB)])


def _split(scene: Scene) -> Told:
    scene.archive.split(name_of(ANN), [row.face for row in scene.said("ann")], ACTOR, to=name_of(CEM))
    return Counter([_of(Act.SPLIT, ANN, CEM)])


def _merge(scene: Scene) -> Told:
    scene.archive.merge(name_of(ANN), name_of(TWIN), ACTOR)
    scene.archive.find(name_of(ANN))  # of every id of the person
    return Counter([_of(Act.MERGE, ANN, TWIN), _of(Act.FIND, ANN, TWIN)])


def _remark(scene: Scene) -> Told:
    for _ in range(2):
        scene.archive.remark(CLUB, ACTOR, nobody=[scene.lone()[0]], no_face=[])
    return Counter([_of(Act.REMARK)])


def _undo(scene: Scene) -> Told:
    done = scene.archive.name_face(scene.lone()[1], name_of(BOB), ACTOR)
    assert done is not None
    scene.archive.undo(done.id, ACTOR)
    return Counter([_of(Act.REVIEW, BOB), _of(Act.UNDO, BOB)])


def _label_history(scene: Scene) -> Told:
    scene.archive.label_history(CLUB, name_of(ANN))
    scene.archive.label_history(CLUB)
    return Counter([_of(Act.VIEW, ANN)])


def _rekey(scene: Scene) -> Told:
    scene.archive.rekey(CLUB)
    return Counter([_of(Act.REKEY)])


def _set_retention_rule(scene: Scene) -> Told:
    for _ in range(2):
        scene.archive.set_retention_rule(CLUB, Rule(contact_years=5))
    return Counter([_of(Act.RETENTION_RULE)])


def _held(scene: Scene, what: str) -> str:
    until = scene.form().until_at
    return scene.archive.hold(what, reference="court 7", approver=ACTOR, until=until).id


def _hold(scene: Scene) -> Told:
    _held(scene, name_of(ANN))
    _held(scene, CLUB)
    return Counter([_of(Act.HOLD, ANN), _of(Act.HOLD)])


def _lift_hold(scene: Scene) -> Told:
    scene.archive.lift_hold(_held(scene, name_of(ANN)))
    return Counter([_of(Act.HOLD, ANN), _of(Act.LIFT_HOLD, ANN)])


def _describe(scene: Scene) -> Told:
    scene.archive.describe(name_of(ANN))
    return Counter([_of(Act.VIEW, ANN)])


def _note_attributes(scene: Scene) -> Told:
    scene.archive.note_attributes(name_of(ANN), {"region": "the school"})
    return Counter([_of(Act.SET_ATTRIBUTE, ANN)])


def _note_contact(scene: Scene) -> Told:
    scene.archive.note_contact(name_of(ANN))
    return Counter([_of(Act.CONTACT, ANN)])


def _set_role(scene: Scene) -> Told:
    scene.archive.set_role("office", "the school steward")
    return Counter([_of(Act.SET_ROLE)])


STORIES: dict[str, Callable[[Scene], Told]] = {
    name.removeprefix("_"): story
    for name, story in list(globals().items())
    if callable(story) and getattr(story, "__annotations__", {}).get("return") == "Told" and name.startswith("_")
}
"""By the method of ``Archive`` that it tells of."""
