"""From a source to rows: read, analyse, compare with the enrolled people, decide, save.

Strangers leave no template (P1): templates live in memory between ``analyse`` and ``save``, which drops them unless a
permit says otherwise. A batch is one transaction, with its entry in the ledger (P7): a kill between two batches loses
nothing that was acknowledged (P10).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import perf_counter

from countenance.core.permit import permit_templates
from countenance.errors import PhotoRefusedError
from countenance.flows.acts import log
from countenance.flows.gallery import LiveGallery
from countenance.flows.runners import run
from countenance.flows.scope import SERIAL, Engine, Scope, documented_basis
from countenance.flows.stages import Decode, Detect, Embed, Look, Work, give_faces
from countenance.flows.suggestions import suggest
from countenance.ingest.decoded import Reason, refusal
from countenance.ingest.formats import is_other_file
from countenance.ingest.source import SourceItem
from countenance.ledger.event import Act, Event, Fact
from countenance.run.stage import Batch, Stage
from countenance.settings import Settings
from countenance.store import faces, looks, photos, templates
from countenance.store.connection import Tx
from countenance.vision.packs import Pack


@dataclass(slots=True)
class IngestSummary:
    """What one ingest did.

    Attributes:
        given: files that the source named.
        new: photos added, whole.
        partial: photos added of which only a part could be decoded.
        known: photos that the collection had already, under this or another path.
        refused: files left out, by reason.
        faces: faces in the photos added.
        suggested: appearances suggested.
        seconds: wall seconds by step; the stages' are summed over workers.
    """

    given: int = 0
    new: int = 0
    partial: int = 0
    known: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    faces: int = 0
    suggested: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def spent(self, step: str, since: float) -> None:
        """Add the wall seconds since ``since`` (of ``perf_counter``) to a step."""
        self.seconds[step] = self.seconds.get(step, 0.0) + perf_counter() - since

    @property
    def complete(self) -> bool:
        """True when everything that was meant as a photo is in the collection."""
        n_photos = self.new + self.partial + self.known
        return set(self.refused) <= {Reason.OTHER_FILE} and (n_photos > 0 or not self.refused)

    @property
    def done(self) -> int:
        """Files dealt with so far."""
        return self.new + self.partial + self.known + sum(self.refused.values())


def ingest(
    scope: Scope,
    source: Iterable[SourceItem],
    engine: Engine = SERIAL,
    saved: Callable[[IngestSummary, Sequence[bytes]], None] | None = None,
    *,
    eye: str | None = None,
    noted: Callable[[Work], None] | None = None,
) -> IngestSummary:
    """Bring every photo of a source into a collection.

    Args:
        scope: where the photos go.
        source: files, in any order; each is read once.
        engine: who does the work.
        saved: called after each commit with the running summary and the SHA-256 of the photos it made durable.
        eye: id of the eye for clearing; then photos are looked at with it, known ones too if it has not seen them yet.
        noted: called for every file once it was read, in the order of the source.

    Raises:
        UsageError: unknown engine.
        ConsentError: the collection's documented basis has ended.
        StoreError: the database refused a write; batches before it are kept.
    """
    summary, started = IngestSummary(), perf_counter()
    gallery = LiveGallery(scope)
    works = _read_batches(source, scope.settings, summary, noted)
    with scope.store.reading() as tx:  # a large gallery takes a while to open; nobody else waits for that
        gallery.refresh(tx, scope.clock())
    for batch in run(_stages(scope, eye), _new_batches(scope, works, summary, saved, eye), engine):
        for step, spent in batch.seconds.items():
            summary.seconds[step] = summary.seconds.get(step, 0.0) + spent
        since = perf_counter()
        with scope.store.transaction() as tx:
            now = scope.clock()  # inside: whoever wrote before us did so earlier
            gallery.refresh(tx, now)
            before = replace(summary)
            digests, suggested = _save(tx, scope, batch.items, gallery, eye, summary)
            facts = {"refused": sum(work.refused is not None for work in batch.items), **_added(before, summary)}
            _log(tx, scope, facts, suggested, now)
        summary.spent("save", since)
        if saved is not None:
            saved(summary, digests)
    summary.seconds["total"] = perf_counter() - started
    return summary


def _added(before: IngestSummary, after: IngestSummary) -> dict[str, Fact]:
    """What a batch added to the summary, as the ledger counts it."""
    return {
        "photos": after.new + after.partial - before.new - before.partial,
        "known": after.known - before.known,
        "faces": after.faces - before.faces,
        "suggested": after.suggested - before.suggested,
    }


def _log(tx: Tx, scope: Scope, facts: Mapping[str, Fact], suggested: Sequence[str], now: datetime) -> None:
    event = Event(Act.INGEST, scope.actor, scope.collection.id, tuple(suggested), facts)
    log(tx, scope.keys, event, at=now)


def _stages(scope: Scope, eye: str | None) -> list[Stage[Work]]:
    settings, pack = scope.settings, scope.pack
    if eye is not None:
        return [Decode(settings, settings.clear.full_side_px), Look(settings, pack), Embed(settings, pack)]
    return [Decode(settings), Detect(settings, pack), Embed(settings, pack)]


def _new_batches(
    scope: Scope,
    read: Iterable[list[Work]],
    summary: IngestSummary,
    saved: Callable[[IngestSummary, Sequence[bytes]], None] | None,
    eye: str | None,
) -> Iterator[Batch[Work]]:
    """Pass on, in batches, the files whose bytes the collection (or the eye) does not know yet."""
    for works in read:
        since = perf_counter()
        with scope.store.reading() as tx:
            known = photos.known(tx, scope.collection.id, [work.sha256 for work in works if work.refused is None])
            unseen = _unseen(tx, works, {digest: row.id for digest, row in known.items()}, eye)
        old = [work for work in works if work.sha256 in known and work.refused is None]
        if old:
            with scope.store.transaction() as tx:
                seen, now = [(known[work.sha256].id, work.path, work.member) for work in old], scope.clock()
                photos.add_paths(tx, seen, at=now)
                photos.clear_refusals(tx, scope.collection.id, [(work.path, work.member) for work in old])
                _log(tx, scope, {"photos": 0, "known": len(old)}, (), now)
            summary.known += len(old)
            if saved is not None:
                saved(summary, [work.sha256 for work in old])
        summary.spent("look up", since)
        fresh = [work for work in works if work.refused is not None or work.sha256 not in known or work in unseen]
        if fresh:
            yield Batch(fresh)


def _unseen(tx: Tx, works: Sequence[Work], ids: Mapping[bytes, str], eye: str | None) -> list[Work]:
    """Known photos that the eye has not looked at, with the faces that are known of them."""
    known = [work for work in works if work.sha256 in ids and work.refused is None] if eye is not None else []
    seen = looks.of_photos(tx, [ids[work.sha256] for work in known], eye or "")
    unseen = [work for work in known if ids[work.sha256] not in seen]
    for work in unseen:
        give_faces(work, faces.of_photo(tx, ids[work.sha256]))
    return unseen


def _read_batches(
    source: Iterable[SourceItem],
    settings: Settings,
    summary: IngestSummary,
    noted: Callable[[Work], None] | None,
) -> Iterator[list[Work]]:
    works: list[Work] = []
    held_bytes = 0
    for item in source:
        since = perf_counter()
        summary.given += 1
        works.append(_read(item, settings))
        if noted is not None:
            noted(works[-1])
        held_bytes += works[-1].n_bytes
        summary.spent("read", since)
        if len(works) >= settings.batch_photos or held_bytes >= settings.batch_bytes:
            yield works
            works, held_bytes = [], 0
    if works:
        yield works


def _read(item: SourceItem, settings: Settings) -> Work:
    member = item.member or b""
    try:
        content = item.read(settings.decode.max_bytes)
    except PhotoRefusedError as error:
        return Work(item.path, member, b"", 0, None, refused=(error.reason, error.message))
    work = Work(item.path, member, hashlib.sha256(content).digest(), len(content), content)
    if is_other_file(member or item.path, content):
        other = refusal(Reason.OTHER_FILE)
        work.refuse(other.reason, other.message)
    return work


def _save(
    tx: Tx, scope: Scope, works: Sequence[Work], gallery: LiveGallery, eye: str | None, summary: IngestSummary
) -> tuple[list[bytes], list[str]]:
    """Write one batch; gives the SHA-256 of every photo that this makes durable, and whom new suggestions are of."""
    collection, pack, now = scope.collection, scope.pack, scope.clock()
    keep = permit_templates(collection.id, collection.basis, documented_basis(collection), now)
    refused = [work for work in works if work.refused is not None]
    photos.add_refusals(
        tx,
        collection.id,
        [
            photos.Refusal(work.path, work.member, work.sha256 or None, *work.refused, now)
            for work in refused
            if work.refused is not None
        ],
    )
    summary.refused.update(work.refused[0] for work in refused if work.refused is not None)
    good = [work for work in works if work.refused is None]
    # The same bytes may come twice in one batch, or another process may have been faster.
    ids = {digest: row.id for digest, row in photos.known(tx, collection.id, [work.sha256 for work in good]).items()}
    before, suggested = set(ids.values()), list[str]()
    for work in good:
        if work.sha256 not in ids:
            ids[work.sha256] = photos.add_photo(tx, collection.id, _row(work, pack), at=now)
            summary.partial += work.partial
            summary.new += not work.partial
        else:
            summary.known += 1
            if eye is None or len(faces.of_photo(tx, ids[work.sha256])) != work.known:
                continue  # somebody was faster; the next run looks again
        photo = ids[work.sha256]
        face_ids = faces.add_faces(tx, photo, _new_faces(work, pack), first_ordinal=work.known)
        is_new = photo not in before
        if not is_new:
            photos.set_n_faces(tx, photo, len(work.boxes))
        if keep is not None:
            templates.add_face_templates(
                tx,
                scope.keys,
                keep,
                collection.id,
                pack=pack.id,
                face_ids=face_ids,
                templates=work.templates[work.known :],
            )
        if eye is not None:
            looks.note(tx, photo, eye, signs_of_people=work.signs_of_people, at=now)
        new_faces = face_ids if is_new else None
        suggested += suggest(tx, photo, work.templates, gallery, pack, now, new_faces=new_faces)
        summary.faces += len(face_ids)
    photos.add_paths(tx, [(ids[work.sha256], work.path, work.member) for work in good], at=now)
    photos.clear_refusals(tx, collection.id, [(work.path, work.member) for work in good])
    summary.suggested += len(suggested)
    return [work.sha256 for work in good], suggested


def _new_faces(work: Work, pack: Pack) -> faces.NewFaces:
    new = slice(work.known, None)
    return faces.NewFaces(work.boxes[new], work.landmarks[new], work.confidences[new], work.qualities[new], pack.id)


def _row(work: Work, pack: Pack) -> photos.NewPhoto:
    return photos.NewPhoto(
        sha256=work.sha256,
        n_bytes=work.n_bytes,
        width=work.width,
        height=work.height,
        format=work.format,
        orientation=work.orientation,
        taken_at=_taken_at(work.taken_at),
        status="partial" if work.partial else "indexed",
        n_faces=len(work.boxes),
        pack=pack.id,
    )


def _taken_at(text: str | None) -> datetime | None:
    """The camera's clock; taken as UTC where the camera noted no offset."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
