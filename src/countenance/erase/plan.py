"""What an erasure will reach: rows, files and keys with their numbers, and what it cannot reach.

The plan also takes down what the sweep will look for, while it can still be opened: that part is sealed under a secret
of its own until the sweep is over, so that an erasure which was interrupted can still prove that nothing remains.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from countenance.core.arrays import Templates
from countenance.core.canonical import canonical, parse
from countenance.core.permit import permit_erase
from countenance.erase.needles import MOST_TEMPLATES, Needles, of_templates
from countenance.errors import DamagedError, NotFoundError
from countenance.store import (
    case_purging,
    case_results,
    index_files,
    merges,
    photos,
    publications,
    removal,
    subjects,
    templates,
    written,
)
from countenance.store.connection import Tx
from countenance.store.erasures import COLLECTION, PHOTO, SUBJECT, Erasure
from countenance.store.keys import KeyStore
from countenance.store.removal import Rows
from countenance.store.sealing import row_context, seal, unseal

INDEXES = "saved indexes of the collection"
OVERWRITTEN = "overwritten with noise, then removed"
ORIGINALS, PUBLISHED, CHANGED = "photos of yours", "published copies", "files changed since we wrote them"
UNREACHABLE = "files of ours whose folder is missing: if a disk comes back, remove them"
OTHERS_FILES = "files about other people that say the same name"
TWINS = "copies of other photos that hold the same piece of a picture"
_WHOLE = (written.SHOW_ME, written.CONTACT_SHEET, written.REPORT)
OWN_WORDS = "places where your own file names or notes say the name"
"""What stays, because it is not ours: said in the plan and in the receipt."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be erased.

    Attributes:
        kind: ``subject``, ``photo`` or ``collection``.
        id: of a person, the id that counts.
        collection: id of its collection.
        files: (kind, bytes of the absolute path, SHA-256) of files that we wrote and that show or name it.
        keep: paths of copies that were made without the person for this erasure, and stay.
    """

    kind: str
    id: str
    collection: str
    files: tuple[tuple[str, bytes, bytes], ...] = ()
    keep: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class Plan:
    """What an erasure reaches.

    Attributes:
        target: what is erased.
        subjects: ids of the people who go.
        before: number of rows, files and keys by store, in the order in which they go.
        after: the same, counted when it was done.
        methods: how each store is emptied.
        left: what stays because it is not ours, by name.
        names: of those people.
        templates: (plain, turned) float32, of everything that is kept of them.
        photos: ids of the photos that show, or may show, them.
        changed: paths of files of ours that hold something else now; they stay, and are swept.
        n_sampled_out: how many templates are not looked for because there are too many; the others are spread evenly.
    """

    target: Target
    subjects: tuple[str, ...]
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    templates: list[tuple[Templates, Templates]] = field(default_factory=list)
    photos: tuple[str, ...] = ()
    changed: tuple[bytes, ...] = ()
    n_sampled_out: int = 0

    def count_file(self, kind: str) -> None:
        """One more file of a kind is to go."""
        store = f"files: {kind}"
        self.before[store], self.methods[store] = self.before.get(store, 0) + 1, OVERWRITTEN


def make_plan(tx: Tx, keys: KeyStore, target: Target, now: datetime) -> Plan:
    """What erasing this target reaches; nothing is changed.

    Raises:
        NotFoundError: there is no such person, photo or collection.
    """
    plan = Plan(target, tuple(_people(tx, target)))
    plan.names = tuple(_names(tx, keys, target, plan.subjects))
    permit = permit_erase(target.collection, plan.subjects, now)
    photo = target.id if target.kind == PHOTO else None
    opened = templates.open_to_erase(tx, keys, permit, target.collection, photo=photo)
    plan.templates = opened[:: -(-len(opened) // MOST_TEMPLATES) or 1]
    plan.n_sampled_out = len(opened) - len(plan.templates)
    for kind, _, _ in target.files:
        plan.count_file(kind)
    for rows in rows_of(tx, target, plan.subjects, plan.names):
        plan.before[rows.store] = plan.before.get(rows.store, 0) + rows.count(tx)
        plan.methods[rows.store] = rows.method
    if target.kind != PHOTO:
        plan.before["keys"] = sum(keys.has_subject_key(each) for each in plan.subjects)
        plan.before["keys"] += target.kind == COLLECTION
        plan.methods["keys"] = "deleted; every other key wrapped anew, the old epoch key overwritten in place"
    if n_indexes := len(index_files.index_files(keys.folder.parent, target.collection)):
        plan.before[INDEXES], plan.methods[INDEXES] = n_indexes, "their secret destroyed with the keys, then removed"
    shown = _photos(tx, target, plan.subjects)
    out = [copy for copy in publications.of_collection(tx, target.collection) if copy.taken_down_at is None]
    visible = {*plan.subjects}
    plan.left[PUBLISHED] = sum(
        copy.photo in shown if target.kind != SUBJECT else bool(visible & set(copy.shown.values())) for copy in out
    )
    plan.photos, plan.left[ORIGINALS] = tuple(sorted(shown)), len(shown)
    return plan


def rows_of(tx: Tx, target: Target, people: Sequence[str], names: Sequence[str]) -> list[Rows]:
    """The rows that go, in the order in which they can."""
    if target.kind == SUBJECT:
        return removal.of_subject(tx, target.collection, people, names)
    if target.kind == COLLECTION:
        return removal.of_collection(target.collection)
    with suppress(NotFoundError):
        return removal.of_photo(target.id, photos.by_id(tx, target.id).sha256, target.collection)
    return []


def target_of(tx: Tx, kind: str, wanted: str, collection: str, keep: frozenset[bytes] = frozenset()) -> Target:
    """The target with every registered file that shows or names it."""
    bare = Target(kind, wanted, collection, keep=keep)
    return Target(kind, wanted, collection, files_of(tx, bare, _people(tx, bare)), keep)


def files_of(tx: Tx, target: Target, people: Sequence[str]) -> tuple[tuple[str, bytes, bytes], ...]:
    """Registered files that show or name the target, as (kind, path, SHA-256), in order of their kinds and paths."""
    found = [each for one in people for each in written.of_subject(tx, one)]
    if target.kind == COLLECTION:
        found += written.everything(tx, target.collection)
        found += written.of_cases(tx, case_purging.cases_of_collection(tx, target.collection))
    elif target.kind == PHOTO:
        found += written.of_photos(tx, [target.id])
        found += written.of_cases(tx, case_results.cases_showing(tx, photos=[target.id]))
        # Packs, sheets and reports go whole: their pages and archives tell of the photo as well.
        for one in removal.subjects_on(tx, target.id):
            found += [each for each in written.of_subject(tx, one) if each.kind in _WHOLE]
        found += [each for each in written.everything(tx, target.collection) if each.kind == written.REPORT]
    else:
        # In somebody else's pack this person is hidden already.
        shows = removal.photos_of_subject(tx, people)
        found += written.of_cases(tx, case_results.cases_showing(tx, photos=shows, subjects=people))
        shown = written.of_photos(tx, shows)
        found += [each for each in shown if each.kind != written.SHOW_ME]
    gone = {(each.kind, each.path, each.sha256) for each in found if each.path not in target.keep}
    return tuple(sorted(gone))


def sealed_state(keys: KeyStore, erasure: str, plan: Plan, blocks: Needles) -> bytes:
    """What the steps need, sealed under the erasure's own secret.

    Args:
        keys: the key store.
        erasure: id.
        plan: of the erasure.
        blocks: pieces of the files that go.
    """
    content = {
        "subjects": list(plan.subjects),
        "names": [name.encode("utf-8", "surrogatepass").hex() for name in plan.names],
        "files": [[kind, path.hex(), digest.hex()] for kind, path, digest in plan.target.files],
        "templates": [[_text(plain), _text(turned)] for plain, turned in plan.templates],
        "blocks": base64.b64encode(blocks.to_bytes()).decode("ascii"),
        "keep": sorted(path.hex() for path in plan.target.keep),
        "photos": list(plan.photos),
        "changed": [path.hex() for path in plan.changed],
        "before": plan.before,
        "after": plan.after,
        "methods": plan.methods,
        "left": plan.left,
        "sampled_out": plan.n_sampled_out,
    }
    return seal(keys.secret(secret_of(erasure)), canonical(content), row_context("erasure", erasure))


@dataclass(frozen=True, slots=True)
class State:
    """What the steps need, opened.

    Attributes:
        plan: as it was made.
        blocks: pieces of the files that go.
    """

    plan: Plan
    blocks: Needles

    def needles(self) -> Needles:
        """Templates and pieces of files that the sweep looks for."""
        found = self.blocks
        by_length: dict[int, list[tuple[Templates, Templates]]] = {}
        for pair in self.plan.templates:
            by_length.setdefault(len(pair[0]), []).append(pair)
        for pairs in by_length.values():
            plain, turned = np.stack([each[0] for each in pairs]), np.stack([each[1] for each in pairs])
            found += of_templates(plain) + of_templates(turned, "turned")
        return found


def open_state(keys: KeyStore, erasure: Erasure) -> State:
    """The sealed state again.

    Raises:
        DamagedError: it fails its authentication.
    """
    content: dict[str, Any] = parse(
        unseal(keys.secret(secret_of(erasure.id)), erasure.state, row_context("erasure", erasure.id))
    )
    files = tuple((kind, bytes.fromhex(path), bytes.fromhex(digest)) for kind, path, digest in content["files"])
    keep = frozenset(bytes.fromhex(path) for path in content["keep"])
    plan = Plan(
        Target(erasure.kind, erasure.target, erasure.collection, files, keep),
        tuple(content["subjects"]),
        before=content["before"],
        after=content["after"],
        methods=content["methods"],
        left=content["left"],
        names=tuple(bytes.fromhex(name).decode("utf-8", "surrogatepass") for name in content["names"]),
        templates=[(_array(plain), _array(turned)) for plain, turned in content["templates"]],
        photos=tuple(content["photos"]),
        changed=tuple(bytes.fromhex(path) for path in content["changed"]),
        n_sampled_out=content["sampled_out"],
    )
    return State(plan, Needles.from_bytes(base64.b64decode(content["blocks"])))


def secret_of(erasure: str) -> str:
    """Name of the secret that an erasure's state is sealed under."""
    return f"erasure:{erasure}"


def _people(tx: Tx, target: Target) -> list[str]:
    if target.kind == SUBJECT:
        with suppress(NotFoundError):
            return merges.members(tx, target.id)
        return []
    return sorted(merges.roots(tx, target.collection)) if target.kind == COLLECTION else []


def _names(tx: Tx, keys: KeyStore, target: Target, people: Sequence[str]) -> list[str]:
    """Their names, as far as anybody can open them: after an old backup was restored, nobody can."""
    names = []
    for each in people:
        with suppress(NotFoundError, DamagedError):
            names.append(subjects.by_id(tx, keys, each).name)
    return sorted(set(names)) if target.kind != PHOTO else []


def _photos(tx: Tx, target: Target, people: Sequence[str]) -> set[str]:
    if target.kind == SUBJECT:
        return set(removal.photos_of_subject(tx, people))
    if target.kind == PHOTO:
        return {target.id}
    return {photo.id for photo in photos.each(tx, target.collection)}


def _text(vector: Templates) -> str:
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode("ascii")


def _array(text: str) -> Templates:
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float32)
