"""New copies of photos without one person: before somebody is erased, for the photos that stay in use.

Only the heads that are or may be this person's are hidden, and whatever the eye for clearing finds besides: of those
nobody has said that they are somebody else. Each copy is read back and checked like one that is released.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from countenance.errors import ConflictError, CountenanceError
from countenance.flows.pages import write_whole
from countenance.flows.scope import Scope
from countenance.flows.show_me_photos import Copied, Wanted, copies
from countenance.ingest.source import display_name
from countenance.store import appearances, faces, merges, photos, remarks, removal, written
from countenance.store.connection import Tx
from countenance.store.written import REMOVED_PERSON, WrittenFile

INDEX = "index.json"
_PART = b".part-"


@dataclass(slots=True)
class Redacted:
    """What was written, and what was not.

    Attributes:
        files: as they are registered.
        photos: id of the photo by path of its copy.
        left_out: (photo for people, sentence) where no copy could be made.
    """

    files: list[WrittenFile] = field(default_factory=list)
    photos: dict[bytes, str] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def redact_person(scope: Scope, subject: str, out: Path) -> Redacted:
    """Write a copy without this person of every photo on which the person is or may be.

    The copies are registered at once, but belong to their photos only after ``belong``: until then the erasure that
    follows must not take them for copies that show the person.

    Args:
        scope: the person's collection.
        subject: id.
        out: a new or an empty folder.

    Raises:
        ConflictError: the folder is not empty.
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
        _register(scope, result, os.fsencode(out.resolve() / INDEX), _index(told), None)
    except OSError as error:
        msg = f"The folder {out} cannot be written: {error.strerror}."
        raise CountenanceError(msg, advice="Check free disk space and permissions; nothing was erased.") from error
    return result


def belong(scope: Scope, redacted: Redacted) -> None:
    """Let the copies belong to their photos, so that erasing somebody else whom they show reaches them."""
    with scope.store.transaction() as tx:
        for file in redacted.files:
            if file.path in redacted.photos:
                written.put(tx, replace(file, photo=redacted.photos[file.path]))


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
    _register(scope, result, path, copied.content, photo.id)
    return path


def _register(scope: Scope, result: Redacted, path: bytes, content: bytes, photo: str | None) -> None:
    row = WrittenFile(
        REMOVED_PERSON, path, hashlib.sha256(content).digest(), len(content), scope.clock(), scope.collection.id
    )
    with scope.store.transaction() as tx:
        written.put(tx, row)
    write_whole(path, content, mode=0o644, part=os.path.join(os.path.dirname(path), _PART))  # noqa: PTH118, PTH120
    result.files.append(row)
    if photo is not None:
        result.photos[path] = photo


def _index(told: Mapping[str, str]) -> bytes:
    """Which copy was made from which photo, for whoever puts them in place."""
    return (json.dumps(told, indent=1, sort_keys=True) + "\n").encode("utf-8", "surrogateescape")
