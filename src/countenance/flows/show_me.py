"""Show people what is held on them: one pack, a folder with a zip beside it, that needs nothing of ours to be read.

1. the folder is looked at, and who asks is made sure of;
2. that the pack is made is in the ledger, durably, before anything leaves (P7);
3. photos are copied with everybody else hidden and checked;
4. records, proofs, a page for people and a JSON file for programs are written, then the zip.

As often as the person likes, about all of the time, whatever became of the consents.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countenance.core.permit import permit_show_me
from countenance.errors import NotFoundError
from countenance.flows import identity, show_me_ledger, show_me_page, show_me_photos, show_me_record
from countenance.flows.identity import Check
from countenance.flows.scope import Scope
from countenance.flows.show_me_folder import NewFile, PackFolder
from countenance.flows.show_me_page import CONSENTS
from countenance.flows.show_me_photos import Copied
from countenance.flows.show_me_record import FORM, NOT_HERE, Of, Record, Teller, moment
from countenance.ledger import log
from countenance.ledger.event import Act, Event
from countenance.store import merges
from countenance.store.connection import Tx

JSON, PAGE = "show-me.json", "index.html"
PHOTOS, SMALL = "photos", "previews"
Progress = Callable[[int, int], None]
"""Called with how many photos are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Pack:
    """What was made: the folder, the zip beside it, and everything that the pack says."""

    folder: Path
    zip: Path
    told: Record


def silent(done: int, total: int) -> None:
    """Nobody is told."""
    del done, total


def show_me(scope: Scope, subject: str, check: Check, out: Path, progress: Progress = silent) -> Pack:
    """Make the pack of one person.

    Args:
        scope: the person's collection.
        subject: any id of the person.
        check: how it is made sure that it is this person who asks.
        out: folder that the pack goes to.
        progress: told how far it is.

    Raises:
        NotFoundError: nobody has this id (any more), or the person is being erased.
        ConflictError: the folder holds something else.
        IdentityError: it is not this person who asks.
        PermitError: there is nothing that a selfie could be compared with.
        PhotoRefusedError: the selfie cannot be used.
        PackError: the networks that copies are checked with cannot be loaded.
        CountenanceError: the pack cannot be written.
    """
    with scope.store.reading() as tx:
        ids = tuple(merges.members(tx, subject))
        folder = PackFolder(scope, ids, out)
        folder.require_here(tx)
    folder.require_free()
    identity.confirm(scope, ids, check)
    permit = permit_show_me(scope.collection.id, ids, check.how, scope.clock())
    with scope.store.transaction() as tx:
        event = Event(Act.SHOW_ME, scope.actor, scope.collection.id, ids, {"check": check.how})
        log.append(tx, scope.keys, event, at=scope.clock())
    with scope.store.reading() as tx:
        of = Of(scope, ids, permit, Teller.of(tx, scope))
        told, files = _told(tx, of, check)
        asked = {each["photo"]: each["surely_not_you"] for each in told["photos"]}
        wanted = show_me_photos.want_all(tx, scope, ids[0], asked)
    try:
        folder.begin()
        by_id, done = {each["photo"]: each for each in told["photos"]}, 0
        for batch in show_me_photos.copy_all(scope, wanted):
            done += len(batch)
            folder.write(file for each in batch for file in _copied(by_id[each.wanted.photo.id], each))
            progress(done, len(wanted))
        page = show_me_page.as_html(told)
        folder.write(
            [
                *files,
                *show_me_page.consent_files(told),
                NewFile(JSON, (json.dumps(told, indent=1) + "\n").encode()),
                NewFile(PAGE, page.encode("utf-8", "backslashreplace")),
            ]
        )
        folder.finish()
    except NotFoundError:
        folder.discard()
        raise
    return Pack(folder.path, folder.zip, told)


def _told(tx: Tx, of: Of, check: Check) -> tuple[Record, list[NewFile]]:
    """Everything the archive says about the person, and the files that go with it."""
    record, collection = show_me_record, of.scope.collection
    photos, consents = record.photo_records(tx, of), record.all_consents(tx, of)
    touched, files = show_me_ledger.entries_of(tx, of)
    told_then = record.pages_told(tx, consents)
    pages = {f"{CONSENTS}/what-you-were-told-{version}.html": text for version, text in told_then.items()}
    files += [NewFile(name, text.encode("utf-8", "backslashreplace")) for name, text in pages.items()]
    told: dict[str, Any] = {
        "form": FORM,
        "made_at": moment(of.scope.clock()),
        "made_by": of.teller.person(of.scope.actor),
        "identity_checked_by": check.how,
        "collection": {"name": collection.name, "basis": collection.basis},
        "person": record.person(tx, of),
        "noted": record.noted(tx, of),
        "references": record.references(tx, of),
        "consents": consents,
        "policy_pages": list(pages),
        "photos": photos,
        "second_best_for_other_faces": record.second_best(tx, of),
        "found_in_cases": record.found_in_cases(tx, of),
        "publications": record.published(tx, of, photos),
        "label_history": record.label_history(tx, of),
        "keeping": record.keeping(tx, of),
        "files_about_you": record.files_about(tx, of),
        "ledger": {**show_me_ledger.log_of(of), "entries": touched},
        "left_out": list(NOT_HERE),
    }
    return told, files


def _copied(record: Record, made: Copied) -> list[NewFile]:
    """The files of one photo; what came of it is noted in its record."""
    photo = made.wanted.photo.id
    if made.content is None:
        record["left_out"] = {"reason": made.reason, "sentence": made.sentence}
        return []
    record["copy"], record["preview"] = f"{PHOTOS}/{photo}.jpg", f"{SMALL}/{photo}.jpg"
    record["others_hidden"] = made.n_hidden
    for region in record["regions"]:
        region["visible_in_copy"] = region["face"] in made.wanted.own
    return [
        NewFile(record["copy"], made.content, photo),
        NewFile(record["preview"], made.preview, photo),
    ]
