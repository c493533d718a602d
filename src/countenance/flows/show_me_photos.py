"""Photos of one person -> copies on which only this person can be seen: everybody else is hidden, and that is checked.

Whoever is surely this person is shown: named by a person or, in a calibrated collection, suggested so clearly that
clearing would believe it: a wrong guess would show a stranger. Every
other head is hidden, those that only the eye for clearing finds among them. A copy that does not pass the check of
``flows.release`` is not made, and neither is one of a photo on which nobody is surely this person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from countenance.core import clearance
from countenance.core.clearance import Claim, FaceState, Person
from countenance.core.policy import DEFAULT_POLICY, parse_policy
from countenance.errors import PhotoRefusedError
from countenance.flows.points import points_of
from countenance.flows.release import Copy, Release
from countenance.flows.runners import run
from countenance.flows.scope import SERIAL, Scope
from countenance.flows.stages import Decode, Look, Step, Work, give_faces
from countenance.ingest.source import reopen
from countenance.redact.fill import SAFE_STYLES
from countenance.run.stage import Batch, Stage
from countenance.settings import ClearSettings, Settings
from countenance.store import appearances, faces, merges, photos, remarks
from countenance.store.connection import Tx
from countenance.store.faces import Face
from countenance.store.photos import Photo

UNSURE, NOT_YOU = "not-surely-this-person", "somebody-else"
GONE, CHANGED, DAMAGED, UNCHECKED = "file-gone", "other-file", "damaged", "check-failed"
_POLICY = parse_policy(DEFAULT_POLICY)
_SAY = {
    UNSURE: "Nobody has confirmed that this is you, and the machine alone is not sure enough. It may be somebody else, "
    "so the picture is not shown.",
    NOT_YOU: "A person said that this is not you. It shows somebody else, so the picture is not shown.",
    GONE: "The file is no longer where it was, so no copy could be made.",
    CHANGED: "Another file lies where this photo was, so no copy could be made.",
    DAMAGED: "Only a part of the file can be read, so it is not certain that everybody else would be hidden.",
    UNCHECKED: "Somebody else in it could not be hidden so that our check was satisfied, so no copy was made.",
}
"""Why there is no copy, in words for the person."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One photo about to be copied.

    Attributes:
        photo: the photo.
        faces: its faces by ordinal, without those that a person says are none.
        no_faces: those; they are neither hidden nor a surprise.
        own: ids of the faces that are surely this person.
        not_you: people said of every face in question that it is not this person.
    """

    photo: Photo
    faces: tuple[Face, ...]
    no_faces: tuple[Face, ...]
    own: frozenset[str]
    not_you: bool = False


@dataclass(frozen=True, slots=True)
class Copied:
    """What came of it: the checked file and a small picture of it, or none with a reason and a sentence."""

    wanted: Wanted
    content: bytes | None
    preview: bytes = b""
    reason: str = ""
    sentence: str = ""
    n_hidden: int = 0


@dataclass(slots=True)
class OwnCopy(Copy):
    """A photo on its way into a pack; ``shown`` are the rows of the faces that may be seen."""

    shown: frozenset[int] = frozenset()


class Hide(Step):
    """Everybody but the person is to be hidden."""

    name = "hide"
    needs: tuple[str, ...] = ("boxes",)

    def setup(self) -> None:
        """Nothing to open."""

    def __call__(self, batch: Batch[Work]) -> Batch[Work]:
        """Say which rows to hide, once every face of each photo is known."""
        for work in batch.items:
            if isinstance(work, OwnCopy) and work.refused is None:
                work.hidden = tuple(row for row in range(len(work.boxes)) if row not in work.shown)
                if work.partial:
                    work.refuse(DAMAGED, _SAY[DAMAGED])
        return batch

    def close(self) -> None:
        """Nothing to close."""


def want_all(tx: Tx, scope: Scope, subject: str, asked: Mapping[str, bool]) -> list[Wanted]:
    """Photos with the faces on each that are surely this person.

    Args:
        tx: any transaction.
        scope: the collection.
        subject: the id that counts.
        asked: by id of a photo, whether people said of every face in question that it is not this person.
    """
    same = merges.roots(tx, scope.collection.id)
    return [_want(tx, scope, subject, same, photo, not_you=not_you) for photo, not_you in asked.items()]


def _want(tx: Tx, scope: Scope, subject: str, same: Mapping[str, str], photo: str, *, not_you: bool) -> Wanted:
    row, seen = photos.by_id(tx, photo), faces.of_photo(tx, photo)
    none = remarks.of_photos(tx, [photo]).no_face
    found = tuple(face for face in seen if face.id not in none)
    said: dict[str, list[Claim]] = {}
    for label in appearances.resolved(appearances.of_photo(tx, photo), same):
        rival = same.get(label.rival, label.rival) if label.rival is not None else None
        claim = Claim(label.subject, label.score, label.state)
        if rival is not None and label.rival_score is not None:
            claim = replace(claim, rival=rival, rival_score=label.rival_score)
        said.setdefault(label.face, []).append(claim)
    known = [clearance.Face(face.id, face.quality, tuple(said.get(face.id, ()))) for face in found]
    named = {each for claims in said.values() for claim in claims for each in (claim.subject, claim.rival) if each}
    points = points_of(tx, scope.collection.id, scope.pack)
    # Asked as if nobody had said yes: what is then known and not allowed is known for sure.
    decision = clearance.decide(
        clearance.Photo(tuple(known)),
        {each: Person(()) for each in named},
        _POLICY,
        points,
        "",
        scope.clock(),
    )
    sure = {face.face for face in decision.faces if face.subject == subject and face.state == FaceState.CONSENT_MISSING}
    if not points.calibrated:
        sure &= {face for face, claims in said.items() if any(claim.said == appearances.CONFIRMED for claim in claims)}
    return Wanted(row, found, tuple(face for face in seen if face.id in none), frozenset(sure), not_you)


def copy_all(scope: Scope, wanted: Sequence[Wanted]) -> Iterator[list[Copied]]:
    """Copies of the photos, a batch at a time, in their order; those without one first.

    Args:
        scope: the collection.
        wanted: the photos.

    Raises:
        PackError: the networks for the check cannot be loaded.
    """
    unsure = [_none(each, NOT_YOU if each.not_you else UNSURE) for each in wanted if not each.own]
    if unsure:
        yield unsure
    surely = [each for each in wanted if each.own]
    if surely:
        yield from copies(scope, surely)


def copies(scope: Scope, surely: Sequence[Wanted]) -> Iterator[list[Copied]]:
    """Copies of photos on which only ``own`` faces can be seen, also where there is none of them.

    Args:
        scope: the collection.
        surely: the photos, one or more.

    Raises:
        PackError: the networks for the check cannot be loaded.
    """
    settings = _safe(scope.settings)
    stages: list[Stage[Work]] = [
        Decode(settings, settings.clear.full_side_px),
        Look(settings, scope.pack),
        Hide(),
        Release(settings, scope.pack),
    ]
    for batch in run(stages, _batches(scope, surely), SERIAL):
        yield [_copied(surely[work.number], work) for work in batch.items if isinstance(work, OwnCopy)]


def _safe(settings: Settings) -> Settings:
    """A way of hiding that cannot be undone, and no words of the photo, whatever is chosen for what is published."""
    clear: ClearSettings = settings.clear
    style = clear.style if clear.style in SAFE_STYLES else "solid"
    return replace(settings, clear=replace(clear, style=style, keep=("colour-profile",)))


def _batches(scope: Scope, wanted: Sequence[Wanted]) -> Iterator[Batch[Work]]:
    works: list[Work] = []
    for number, each in enumerate(wanted):
        works.append(_work(scope, number, each))
        if len(works) >= scope.settings.batch_photos:
            yield Batch(works)
            works = []
    if works:
        yield Batch(works)


def _work(scope: Scope, number: int, wanted: Wanted) -> OwnCopy:
    """The photo from the newest path under which its very bytes still lie, with the faces that are known of it."""
    photo = wanted.photo
    with scope.store.reading() as tx:
        paths = photos.paths_of(tx, photo.id)
    work = OwnCopy(photo.path, photo.member, photo.sha256, photo.n_bytes, None, number=number)
    work.looked_px = photo.width, photo.height
    give_faces(work, (*wanted.faces, *wanted.no_faces))
    rows = range(len(wanted.faces) + len(wanted.no_faces))
    own = {row for row, face in enumerate(wanted.faces) if face.id in wanted.own}
    work.shown = frozenset(own | set(rows[len(wanted.faces) :]))
    reason = GONE
    for path, member in paths:
        try:
            content = reopen(path, member or None, scope.settings.decode.max_bytes)
        except PhotoRefusedError:
            continue
        if hashlib.sha256(content).digest() == photo.sha256:
            work.content = content
            return work
        reason = CHANGED
    work.refuse(reason, _SAY[reason])
    return work


def _none(wanted: Wanted, reason: str) -> Copied:
    return Copied(wanted, None, reason=reason, sentence=_SAY[reason])


def _copied(wanted: Wanted, work: OwnCopy) -> Copied:
    if work.refused is not None:
        reason, sentence = work.refused
        return Copied(wanted, None, reason=reason, sentence=sentence)
    if work.written is None:
        return _none(wanted, UNCHECKED)
    return Copied(wanted, work.written, work.preview, n_hidden=len(work.hidden))
