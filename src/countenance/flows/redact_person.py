"""New copies of photos without one person: before somebody is erased, for the photos that stay in use.

Only the heads that are or may be this person's are hidden, and whatever the eye for clearing finds besides: of those
nobody has said that they are somebody else. Each copy is read back and checked like one that is released.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from countenance.errors import ConflictError, CountenanceError
from countenance.flows.registering import Delivery
from countenance.flows.scope import Scope
from countenance.flows.show_me_photos import Copied, Wanted, copies
from countenance.ingest.source import display_name
from countenance.store import appearances, faces, merges, photos, remarks, removal
from countenance.store.connection import Tx
from countenance.store.written import REMOVED_PERSON, WrittenFile

INDEX = "index.json"
_ERASED = "Somebody else on it was erased while the copy was made, so there is none."


@dataclass(slots=True)
class Redacted:
    """What was written, and what was not.

    Attributes:
        files: as they are registered.
        photos: id of the photo by path of its copy.
        left_out: (photo for people, sentence) where no copy could be made, or where somebody else on it was erased
            while it was made.
    """

    files: list[WrittenFile] = field(default_factory=list)
    photos: dict[bytes, str] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def redact_person(scope: Scope, subject: str, out: Path) -> Redacted:
    """Write a copy without this person of every photo on which the person is or may be.

    The copies are registered with their photos at once, so that erasing somebody else whom they show reaches them; the
    erasure that follows is told to keep them.

    Args:
        scope: the person's collection.
        subject: id.
        out: a new or an empty folder.

    Raises:
        ConflictError: the folder is not empty, or somebody else on a photo is being erased.
        CountenanceError: it cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        msg = f"The folder {out} is not empty."
        raise ConflictError(msg, advice="Name a new folder with --redact-pixels; nothing was erased.")
    with scope.store.reading() as tx:
        people = merges.members(tx, subject)
        wanted = [_wanted(tx, photo, people) for photo in removal.photos_of_subject(tx, people)]
    result, told = Redacted(), dict[str, str]()
    try:
        out.mkdir(parents=True, exist_ok=True)
        for batch in copies(scope, wanted) if wanted else ():
            for copied in batch:
                path = _write(scope, out, copied, result)
                if path is not None:
                    told[os.fsdecode(os.path.basename(path))] = display_name(  # noqa: PTH119 - names are bytes here
                        copied.wanted.photo.path, copied.wanted.photo.member or None
                    )
        _deliver(scope, result, os.fsencode(out.resolve() / INDEX), _index(told), None)
    except OSError as error:
        msg = f"The folder {out} cannot be written: {error.strerror}."
        raise CountenanceError(msg, advice="Check free disk space and permissions; nothing was erased.") from error
    return result


def _wanted(tx: Tx, photo: str, people: list[str]) -> Wanted:
    """Everybody else on the photo may be seen."""
    row, seen = photos.by_id(tx, photo), faces.of_photo(tx, photo)
    none = remarks.of_photos(tx, [photo]).no_face
    labels = appearances.of_photo(tx, photo)
    theirs = {label.face for label in labels if label.subject in people and label.state != appearances.REJECTED}
    found = tuple(face for face in seen if face.id not in none)
    others = frozenset(face.id for face in found if face.id not in theirs)
    return Wanted(row, found, tuple(face for face in seen if face.id in none), others)


def _write(scope: Scope, out: Path, copied: Copied, result: Redacted) -> bytes | None:
    photo = copied.wanted.photo
    if copied.content is None:
        result.left_out.append((display_name(photo.path, photo.member or None), copied.sentence))
        return None
    name = os.path.basename(photo.member or photo.path)  # noqa: PTH119 - names are bytes here
    path = os.path.join(os.fsencode(out.resolve()), photo.id.encode() + b"-" + name[:160] + b".jpg")  # noqa: PTH118
    if not _deliver(scope, result, path, copied.content, photo.id):
        result.left_out.append((display_name(photo.path, photo.member or None), _ERASED))
        return None
    result.photos[path] = photo.id
    return path


def _deliver(scope: Scope, result: Redacted, path: bytes, content: bytes, photo: str | None) -> bool:
    digest, now, collection = hashlib.sha256(content).digest(), scope.clock(), scope.collection.id
    row = WrittenFile(REMOVED_PERSON, path, digest, len(content), now, collection, photo)
    with Delivery(scope.keys) as delivery:
        with scope.store.transaction() as tx:
            delivery.note(tx, row)
        delivery.write(path, content, mode=0o644)
        with scope.store.transaction() as tx:
            is_there = delivery.finish(tx)
    if is_there:
        result.files.append(row)
    return is_there


def _index(told: Mapping[str, str]) -> bytes:
    """Which copy was made from which photo, for whoever puts them in place."""
    return (json.dumps(told, indent=1, sort_keys=True) + "\n").encode("utf-8", "surrogateescape")
