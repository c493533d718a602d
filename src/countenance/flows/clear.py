"""Clear a folder for a channel: look, decide, hide, check, release. Unknown is never clear (P3).

1. whatever is new is ingested, looked at for clearing, and compared with the people who said yes;
2. every photo is decided; what may no longer be out is removed before anything else happens;
3. what may go out and is not out yet is written, read back and checked in workers;
4. each photo is decided once more at the moment its file gets its name, so that a withdrawal during the run counts.

The database says what was released before the file gets its name: a kill in between leaves a row without a file, and
the next run writes the file again (P10).
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from countenance.core.clearance import Policy, Verdict
from countenance.core.consent import CHANNELS
from countenance.errors import PhotoRefusedError, UsageError
from countenance.flows import ingest, publish, rescan
from countenance.flows.decisions import Decided, Judgement
from countenance.flows.layout import CLEAR, REDACTED, Folder, Layout, Place, thumbnail_of
from countenance.flows.publish import Affected
from countenance.flows.release import Copy, Release
from countenance.flows.runners import run
from countenance.flows.scope import SERIAL, Engine, Scope
from countenance.flows.stages import Decode, Work, give_faces
from countenance.ingest.source import SourceItem, open_sources, reopen
from countenance.run.stage import Batch, Stage
from countenance.store import clearings, looks, photos
from countenance.store.clearings import Clearing
from countenance.store.connection import Tx
from countenance.vision.clearing import open_clearing

RELEASED = (Verdict.CLEAR, Verdict.REDACT)
NOT_LOOKED_AT = "not-looked-at"
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
        ConflictError: the folder holds other files or was cleared for another collection or channel.
        SourceError: a source cannot be opened at all.
        CountenanceError: a file that may no longer be released cannot be removed, or the folder cannot be written.
    """
    known = CHANNELS + scope.settings.extra_channels
    if request.channel not in known:
        msg = f"Unknown channel {request.channel!r}; choose from: {', '.join(known)}."
        raise UsageError(msg, advice="Channels of your own go into extra_channels in countenance.toml.")
    started = perf_counter()
    items = list(open_sources(sources, max_bytes=scope.settings.decode.max_bytes))
    folder = Folder(request.out)
    if not request.dry_run:
        folder.prepare(sources, scope.collection.name, request.channel)
        folder.sweep()
    eye = open_clearing(scope.pack, scope.settings)
    result = Cleared(second=eye.second)
    result.outcomes = _look(scope, items, eye.id, engine, result, progress)
    judgement = Judgement(scope, request.policy, request.channel, eye.id)
    before = _decide(scope, result, judgement, folder, request, eye.id)
    if not request.dry_run:
        due = [outcome for outcome in result.outcomes if _is_due(outcome, before, folder)]
        while due:  # again only for photos on which something was said meanwhile
            due = _release(scope, due, judgement, folder, engine, result, progress)
        _check_the_gone(scope, result, judgement, folder, before)
        if request.published_to is not None:
            shown = {each.place.path: each.decided.shown for each in result.outcomes if each.output and each.decided}
            result.published = publish.note(scope, folder.key, shown, request.published_to, request.actor)
        result.affected = publish.affected(scope, judgement)
    result.counts.update(str(outcome.verdict) for outcome in result.outcomes if outcome.verdict is not None)
    result.refused.update(outcome.refused[0] for outcome in result.outcomes if outcome.refused is not None)
    result.seconds["total"] = perf_counter() - started
    return result


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

    rescan.rescan(scope, engine, lambda part: progress("Look back", part.photos, None))
    summary = ingest.ingest(
        scope, items, engine, lambda part, _: progress("Look", part.done, len(items)), eye=eye, noted=noted
    )
    result.seconds |= summary.seconds
    return outcomes


def _decide(
    scope: Scope, result: Cleared, judgement: Judgement, folder: Folder, request: Request, eye: str
) -> dict[bytes, Clearing]:
    """Decide every photo, and take out of the folder what may no longer be there; gives what the folder held before."""
    since = perf_counter()
    with scope.store.reading() as tx:
        before = clearings.of_folder(tx, folder.key) if not request.dry_run else {}
        for start in range(0, len(result.outcomes), _PAGE):
            _decide_page(tx, scope, result.outcomes[start : start + _PAGE], judgement, eye)
    for outcome in result.outcomes:
        previous = before.get(outcome.place.path)
        outcome.before = previous.verdict if previous else None
        if previous is not None and previous.output is not None and not _stands(outcome, previous):
            _take_out(scope, folder, previous)
            outcome.changed = True
    result.seconds["decide"] = perf_counter() - since
    return before


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


def _stands(outcome: Outcome, previous: Clearing) -> bool:
    """Whether the released file is the one that today's decision gives."""
    return outcome.decided is not None and outcome.decided.fingerprint == previous.decision


def _take_out(scope: Scope, folder: Folder, previous: Clearing) -> None:
    """Remove a released file. The file goes first: a row without a file is mended by the next run, not the reverse."""
    if previous.output is not None:
        folder.remove(previous.output)
    folder.remove(thumbnail_of(previous.path))
    with scope.store.transaction() as tx:
        clearings.forget(tx, folder.key, previous.path)


def _is_due(outcome: Outcome, before: dict[bytes, Clearing], folder: Folder) -> bool:
    """Whether something must be written or noted for this photo; what is out and as it should be is left alone."""
    if outcome.decided is None:
        return False
    previous = before.get(outcome.place.path)
    if previous is None or not _stands(outcome, previous):
        outcome.changed = True
        return True
    if outcome.decided.decision.verdict not in RELEASED:
        return False
    if previous.output is None:  # it did not pass the check, and would not pass it today
        outcome.verdict, outcome.problems = Verdict.REVIEW, tuple((previous.problem or "").split())
        return False
    if previous.output_sha256 is not None and folder.holds(previous.output, previous.output_sha256):
        outcome.output = previous.output
        return False
    outcome.changed = True
    return True


def _release(
    scope: Scope,
    due: Sequence[Outcome],
    judgement: Judgement,
    folder: Folder,
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
        elif not _note(scope, outcome, judgement, folder, None):
            again.append(outcome)
    done = 0
    for batch in run(stages, _copies(going, settings.decode.max_bytes, settings.batch_photos), engine):
        for step, spent in batch.seconds.items():
            name = "decode again" if step == "decode" else step
            result.seconds[name] = result.seconds.get(name, 0.0) + spent
        since = perf_counter()
        for work in batch.items:
            if not isinstance(work, Copy):
                continue
            outcome = going[work.number]
            if work.refused is not None:
                outcome.refused, outcome.verdict, outcome.decided = work.refused, None, None
            elif not _note(scope, outcome, judgement, folder, work):
                again.append(outcome)
            done += 1
            progress("Release", done, len(going))
        result.seconds["write"] = result.seconds.get("write", 0.0) + perf_counter() - since
    return again


def _copies(going: Sequence[Outcome], max_bytes: int, batch_photos: int) -> Iterator[Batch[Work]]:
    works: list[Work] = []
    for number, outcome in enumerate(going):
        seen, decided = outcome.work, outcome.decided
        if decided is None:
            continue
        copy = Copy(seen.path, seen.member, seen.sha256, seen.n_bytes, None, number=number, hidden=decided.hidden)
        give_faces(copy, decided.faces)
        try:
            copy.content = reopen(seen.path, seen.member or None, max_bytes)
            if hashlib.sha256(copy.content).digest() != seen.sha256:
                copy.refuse("changed", "It was changed while this was running; run it again.")
        except PhotoRefusedError as error:
            copy.refuse(error.reason, error.message)
        works.append(copy)
        if len(works) >= batch_photos:
            yield Batch(works)
            works = []
    if works:
        yield Batch(works)


def _note(scope: Scope, outcome: Outcome, judgement: Judgement, folder: Folder, copy: Copy | None) -> bool:
    """Note what became of a photo and give its file its name; False, decided anew, when it no longer stands."""
    decided = outcome.decided
    if decided is None:
        return True
    now = scope.clock()
    output = content = None
    problems = copy.problems if copy is not None else ()
    if copy is not None and copy.written is not None and not problems:
        content = copy.written
        output = (CLEAR if decided.decision.verdict == Verdict.CLEAR else REDACTED) + b"/" + outcome.place.output
    with scope.store.transaction() as tx:
        (latest,) = judgement.decide(tx, [decided.photo.id], now)
        if latest.fingerprint != decided.fingerprint:
            outcome.decided, outcome.verdict = latest, latest.decision.verdict
            return False
        if output is not None and content is not None:
            verdict, digest = decided.decision.verdict, hashlib.sha256(content).digest()
        else:
            verdict = Verdict.REVIEW if copy is not None else decided.decision.verdict
            digest = None
        row = Clearing(
            path=outcome.place.path,
            photo=decided.photo.id,
            channel=judgement.channel,
            decision=decided.fingerprint,
            verdict=verdict,
            decided_at=now,
            problem=" ".join(problems) or None,
            output=output,
            output_sha256=digest,
        )
        clearings.put(tx, folder.key, row)
    if output is not None and content is not None and copy is not None:
        folder.write(thumbnail_of(outcome.place.path), copy.preview)
        folder.write(output, content)
    outcome.output, outcome.verdict, outcome.problems, outcome.decided = output, verdict, problems, latest
    return True


def _check_the_gone(
    scope: Scope, result: Cleared, judgement: Judgement, folder: Folder, before: dict[bytes, Clearing]
) -> None:
    """Files released earlier whose photo was not in the source now: what may no longer be out is removed."""
    present = {outcome.place.path for outcome in result.outcomes}
    for path, previous in before.items():
        if path in present or previous.output is None:
            continue
        with scope.store.reading() as tx:
            (decided,) = judgement.decide(tx, [previous.photo], scope.clock())
        result.gone[path] = decided.fingerprint != previous.decision
        if result.gone[path]:
            _take_out(scope, folder, previous)
