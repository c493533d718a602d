"""Clear a folder for a channel: look, decide, hide, check, release. Unknown is never clear (P3).

1. what is out and may no longer be is removed;
2. whatever is new is ingested, looked at for clearing, and compared with the people who said yes; every photo is
   decided;
3. what may go out and is not out yet is written, read back and checked in workers;
4. each photo is decided once more at the moment its file gets its name, and what is out already whenever a consent was
   given or taken back, so that a withdrawal during the run counts.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from countenance.core.clearance import Policy, Verdict
from countenance.core.consent import CHANNELS
from countenance.errors import PhotoRefusedError, UsageError
from countenance.flows import ingest, publish, rescan
from countenance.flows.clear_log import log_clear
from countenance.flows.decisions import Decided, Judgement
from countenance.flows.holdings import Holdings
from countenance.flows.layout import Folder, Layout, Place
from countenance.flows.publish import Affected
from countenance.flows.release import Copy, Release
from countenance.flows.runners import run
from countenance.flows.scope import SERIAL, Engine, Scope
from countenance.flows.stages import Decode, Work, give_faces
from countenance.ingest.source import SourceItem, open_sources, reopen
from countenance.run.stage import Batch, Stage
from countenance.store import looks, photos
from countenance.store.connection import Tx
from countenance.vision.clearing import describe_clearing

RELEASED = (Verdict.CLEAR, Verdict.REDACT)
NOT_LOOKED_AT, CHANGED = "not-looked-at", "changed"
"""Why a file of the source was not cleared, beside the reasons for which decoding refuses it."""
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be cleared.

    Attributes:
        channel: where the photos are to appear.
        out: folder that the released files go to.
        policy: what to do with each state of a face.
        actor: who asks.
        dry_run: decide only; write no file and no row of the folder.
        published_to: where the released files were published; None when they were not.
    """

    channel: str
    out: Path
    policy: Policy
    actor: str
    dry_run: bool = False
    published_to: str | None = None


@dataclass(slots=True)
class Outcome:
    """What became of one file of the source.

    Attributes:
        name: for people.
        place: where it goes.
        work: path, member and hash of the file.
        decided: the decision; None when the photo could not be used.
        refused: reason and sentence when it could not be used.
        verdict: of the decision, or ``review`` when the written file did not pass the check.
        problems: why it did not pass.
        output: path of the released file below the folder; None when there is none.
        before: verdict of an earlier run; None when there was none.
        changed: whether anything in the folder is other than before.
    """

    name: str
    place: Place
    work: Work
    decided: Decided | None = None
    refused: tuple[str, str] | None = None
    verdict: Verdict | None = None
    problems: tuple[str, ...] = ()
    output: bytes | None = None
    before: str | None = None
    changed: bool = False


@dataclass(slots=True)
class Cleared:
    """What one run did.

    Attributes:
        outcomes: every file of the source, in its order.
        gone: released files of this folder whose photo was not in the source; True where one had to be removed.
        affected: published copies on which somebody can be seen who may no longer be.
        published: how many copies were noted as published.
        counts: photos by verdict.
        refused: files that are no usable photos, by reason.
        second: kind of the second detector; empty when there was none.
        seconds: wall seconds by step; the stages' are summed over workers.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    gone: dict[bytes, bool] = field(default_factory=dict)
    affected: list[Affected] = field(default_factory=list)
    published: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    second: str = ""
    seconds: dict[str, float] = field(default_factory=dict)


Progress = Callable[[str, int, int | None], None]
"""Called with the step, how many photos are done, and how many there are (None when unknown)."""


def silent(step: str, done: int, total: int | None) -> None:
    """Nobody is told."""
    del step, done, total


def clear(
    scope: Scope,
    sources: Sequence[str | bytes | os.PathLike[str]],
    request: Request,
    engine: Engine = SERIAL,
    progress: Progress = silent,
) -> Cleared:
    """Clear every photo of the sources for one channel.

    Args:
        scope: collection whose people and consents count; the photos join it.
        sources: files, folders, archives or addresses.
        request: channel, folder, policy.
        engine: who does the work.
        progress: told how far it is.

    Raises:
        UsageError: unknown channel, or the folder and a source lie in each other.
        ConflictError: the folder holds files that this archive did not release, or was cleared for another collection
            or channel.
        SourceError: a source cannot be opened at all.
        CountenanceError: a file that may no longer be released cannot be removed, or the folder cannot be written.
    """
    known = CHANNELS + scope.settings.extra_channels
    if request.channel not in known:
        msg = f"Unknown channel {request.channel!r}; choose from: {', '.join(known)}."
        raise UsageError(msg, advice="Channels of your own go into extra_channels in countenance.toml.")
    folder = Folder(request.out)
    try:
        return _clear(replace(scope, actor=request.actor), sources, request, folder, engine, progress)
    finally:
        folder.release()


def _clear(
    scope: Scope,
    sources: Sequence[str | bytes | os.PathLike[str]],
    request: Request,
    folder: Folder,
    engine: Engine,
    progress: Progress,
) -> Cleared:
    """The story, from top to bottom."""
    started = perf_counter()
    items = list(open_sources(sources, max_bytes=scope.settings.decode.max_bytes))
    if not request.dry_run:
        roots = {item.root for item in items if item.root is not None}
        folder.prepare([*sources, *roots], scope.collection, request.channel)
        folder.sweep()
    eye, second = describe_clearing(scope.pack, scope.settings)
    judgement = Judgement(scope, request.policy, request.channel, eye)
    holdings = Holdings(scope, folder, judgement)
    if not request.dry_run:
        holdings.load()
        holdings.take_out_outdated()
    result = Cleared(second=second)
    result.outcomes = _look(scope, items, eye, engine, result, _following(progress, holdings))
    due = _decide(scope, result, judgement, holdings, eye, dry_run=request.dry_run)
    if due:
        log_clear(scope, request.channel, "begin", {"photos": len(due)})
    while due:  # again only for photos on which something was said meanwhile
        due = _release(scope, due, judgement, holdings, engine, result, progress)
        due += _take_back(scope, result, judgement, holdings)
    if not request.dry_run:
        result.gone = holdings.check_the_gone({outcome.place.path for outcome in result.outcomes})
        if request.published_to is not None:
            released = {each.place.path: each.decided for each in result.outcomes if each.output and each.decided}
            result.published = publish.note(scope, folder.key, released, request.published_to, request.actor)
        result.affected = publish.affected(scope, judgement)
    result.counts.update(str(outcome.verdict) for outcome in result.outcomes if outcome.verdict is not None)
    result.refused.update(outcome.refused[0] for outcome in result.outcomes if outcome.refused is not None)
    out = [each.decided for each in result.outcomes if each.output is not None and each.decided is not None]
    facts = {**result.counts, "refused": result.refused.total(), "dry-run": request.dry_run}
    log_clear(scope, request.channel, "end", facts, out)
    result.seconds["total"] = perf_counter() - started
    return result


def _following(progress: Progress, holdings: Holdings) -> Progress:
    """Progress of the long work, at each step of which a withdrawal takes released files out."""

    def told(step: str, done: int, total: int | None) -> None:
        progress(step, done, total)
        holdings.follow()

    return told


def _look(
    scope: Scope, items: Sequence[SourceItem], eye: str, engine: Engine, result: Cleared, progress: Progress
) -> list[Outcome]:
    """Ingest what is new with the eye for clearing; one outcome for every file, in the order of the source."""
    layout, outcomes = Layout(), list[Outcome]()
    places = iter([(item, layout.place(item)) for item in items])

    def noted(work: Work) -> None:
        item, place = next(places)
        bare = Work(work.path, work.member, work.sha256, work.n_bytes, None)
        outcomes.append(Outcome(item.display(), place, bare, refused=work.refused))

    seen = rescan.rescan(scope, engine, lambda part: progress("Look back", part.photos, None))
    summary = ingest.ingest(
        scope, items, engine, lambda part, _: progress("Look", part.done, len(items)), eye=eye, noted=noted
    )
    result.seconds |= summary.seconds
    if seen.unreadable:  # perhaps photos that were moved; this source has just said where they are now
        rescan.rescan(scope, engine, lambda part: progress("Look back", part.photos, None))
    return outcomes


def _decide(
    scope: Scope, result: Cleared, judgement: Judgement, holdings: Holdings, eye: str, *, dry_run: bool
) -> list[Outcome]:
    """Decide every photo, and take out of the folder what may not be there; gives what is to be written or noted."""
    since = perf_counter()
    with scope.store.reading() as tx:
        for start in range(0, len(result.outcomes), _PAGE):
            _decide_page(tx, scope, result.outcomes[start : start + _PAGE], judgement, eye)
    due = [outcome for outcome in result.outcomes if not dry_run and _is_due(outcome, holdings)]
    result.seconds["decide"] = perf_counter() - since
    return due


def _decide_page(tx: Tx, scope: Scope, outcomes: Sequence[Outcome], judgement: Judgement, eye: str) -> None:
    usable = [outcome for outcome in outcomes if outcome.refused is None]
    known = photos.known(tx, scope.collection.id, {outcome.work.sha256 for outcome in usable})
    seen = looks.of_photos(tx, {row.id for row in known.values()}, eye)
    refusals = {(row.path, row.member): (row.reason, row.message) for row in _refusals(tx, scope, usable, known)}
    ready = []
    for outcome in usable:
        row = known.get(outcome.work.sha256)
        if row is not None and row.id in seen:
            ready.append((outcome, row.id))
            continue
        sentence = "It could not be looked at in this run; run it again."
        outcome.refused = refusals.get((outcome.work.path, outcome.work.member), (NOT_LOOKED_AT, sentence))
    decided = judgement.decide(tx, [photo for _, photo in ready], scope.clock())
    for (outcome, _), each in zip(ready, decided, strict=True):
        outcome.decided, outcome.verdict = each, each.decision.verdict


def _refusals(
    tx: Tx, scope: Scope, usable: Sequence[Outcome], known: dict[bytes, photos.KnownPhoto]
) -> Iterable[photos.Refusal]:
    if all(outcome.work.sha256 in known for outcome in usable):
        return []
    return photos.refused_of(tx, scope.collection.id)


def _is_due(outcome: Outcome, holdings: Holdings) -> bool:
    """Whether something must be written or noted for this photo; what is out and as it should be is left alone."""
    before = holdings.rows.get(outcome.place.path)
    outcome.before = holdings.before.get(outcome.place.path)
    if before is not None and holdings.stands(outcome.place.path, outcome.decided):
        outcome.output, outcome.problems = before.output, tuple((before.problem or "").split())
        outcome.verdict = Verdict(before.verdict)  # a file that did not pass the check would not pass it today
        return False
    if before is not None and before.output is not None:
        holdings.take_out(outcome.place.path)
        outcome.changed = True
    outcome.changed |= outcome.decided is not None
    return outcome.decided is not None


def _release(
    scope: Scope,
    due: Sequence[Outcome],
    judgement: Judgement,
    holdings: Holdings,
    engine: Engine,
    result: Cleared,
    progress: Progress,
) -> list[Outcome]:
    """Write what may go out, note what may not; gives the photos on which something was said meanwhile."""
    settings = scope.settings
    stages: list[Stage[Work]] = [Decode(settings, settings.clear.full_side_px), Release(settings, scope.pack)]
    again, going = [], []
    for outcome in due:
        if outcome.verdict in RELEASED:
            going.append(outcome)
        elif not _note(outcome, holdings, None):
            again.append(outcome)
    done, n_loads = 0, judgement.n_loads
    for batch in run(stages, _copies(going, settings.decode.max_bytes, settings.batch_photos), engine):
        for step, spent in batch.seconds.items():
            name = "decode again" if step == "decode" else step
            result.seconds[name] = result.seconds.get(name, 0.0) + spent
        since = perf_counter()
        again += _note_batch(batch, going, holdings)
        done += len(batch.items)
        progress("Release", done, len(going))
        if judgement.n_loads != n_loads:  # a consent was given or taken back since the last batch
            n_loads = judgement.n_loads
            again += _take_back(scope, result, judgement, holdings)
        result.seconds["write"] = result.seconds.get("write", 0.0) + perf_counter() - since
    return again


def _note_batch(batch: Batch[Work], going: Sequence[Outcome], holdings: Holdings) -> list[Outcome]:
    """Note what came back from the workers; gives the photos whose decision no longer stands."""
    again = []
    for work in batch.items:
        if not isinstance(work, Copy):
            continue
        outcome = going[work.number]
        if work.refused is not None:
            outcome.refused, outcome.verdict, outcome.decided = work.refused, None, None
        elif not _note(outcome, holdings, work):
            again.append(outcome)
    lost = holdings.settle()  # somebody was erased while these were written
    return again + [_turn(each, lost[each.place.path]) for each in going if each.place.path in lost]


def _turn(outcome: Outcome, decided: Decided) -> Outcome:
    """Another decision counts for a photo, and its file is not out any more."""
    outcome.decided, outcome.verdict, outcome.output = decided, decided.decision.verdict, None
    outcome.changed = True
    return outcome


def _take_back(scope: Scope, result: Cleared, judgement: Judgement, holdings: Holdings) -> list[Outcome]:
    """Released files that are no longer what would be released, taken out again; gives their photos, decided anew."""
    out = [outcome for outcome in result.outcomes if outcome.output is not None and outcome.decided is not None]
    turned = []
    for start in range(0, len(out), _PAGE):
        part = out[start : start + _PAGE]
        with scope.store.reading() as tx:
            wanted = [outcome.decided.photo.id for outcome in part if outcome.decided is not None]
            latest = judgement.decide(tx, wanted, scope.clock())
        for outcome, decided in zip(part, latest, strict=True):
            if outcome.decided is not None and decided.fingerprint != outcome.decided.fingerprint:
                holdings.take_out(outcome.place.path)
                turned.append(_turn(outcome, decided))
    return turned


def _copies(going: Sequence[Outcome], max_bytes: int, batch_photos: int) -> Iterator[Batch[Work]]:
    works: list[Work] = []
    for number, outcome in enumerate(going):
        seen, decided = outcome.work, outcome.decided
        if decided is None:
            continue
        copy = Copy(seen.path, seen.member, seen.sha256, seen.n_bytes, None, number=number, hidden=decided.hidden)
        copy.looked_px = decided.photo.width, decided.photo.height
        give_faces(copy, (*decided.faces, *decided.no_faces))
        try:
            copy.content = reopen(seen.path, seen.member or None, max_bytes)
            if hashlib.sha256(copy.content).digest() != seen.sha256:
                copy.refuse(CHANGED, "It was changed while this was running; run it again.")
        except PhotoRefusedError as error:
            copy.refuse(error.reason, error.message)
        works.append(copy)
        if len(works) >= batch_photos:
            yield Batch(works)
            works = []
    if works:
        yield Batch(works)


def _note(outcome: Outcome, holdings: Holdings, copy: Copy | None) -> bool:
    """Note what became of a photo; False, decided anew, when the decision no longer stands."""
    if outcome.decided is None:
        return True
    noted = holdings.note(outcome.place, outcome.decided, copy)
    outcome.decided, outcome.verdict = noted.latest, noted.latest.decision.verdict
    if noted.row is None:
        return False
    outcome.output, outcome.verdict = noted.row.output, Verdict(noted.row.verdict)
    outcome.problems = copy.problems if copy is not None else ()
    return True
