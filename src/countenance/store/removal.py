"""What the rows of this database hold of a person, a photo or a collection, and how it is taken out.

Each ``Rows`` names one kind of rows; the lists are in an order in which rows go before those that they point to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, Table, and_, delete, func, select, update

from countenance.store.connection import Tx
from countenance.store.mentions import spellings
from countenance.store.schema import (
    appearance_history,
    appearances,
    archive_facts,
    calibrations,
    case_candidates,
    case_collections,
    case_marks,
    case_probes,
    case_searches,
    clearings,
    collections,
    consents,
    face_templates,
    faces,
    gallery_changes,
    index_epochs,
    label_operations,
    ledger_touches,
    legal_holds,
    looks,
    photo_paths,
    photos,
    publication_faces,
    publications,
    refusals,
    remarks,
    retention_rules,
    subject_attributes,
    subject_references,
    subjects,
    written_file_subjects,
    written_files,
)

CONFIRMED, REJECTED = "confirmed", "rejected"
DELETED, CLEARED = "rows deleted, their bytes overwritten with zeros", "taken out of rows that stay"
Ids: TypeAlias = Sequence[str] | Select[Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table that are to go, or columns of them that are to be emptied.

    Attributes:
        store: name for people.
        table: where.
        where: which rows.
        empty: columns to set to NULL instead of deleting the rows.
    """

    store: str
    table: Table
    where: ColumnElement[bool]
    empty: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """How the rows go, for people."""
        return CLEARED if self.empty else DELETED

    def count(self, tx: Tx) -> int:
        """How many there are."""
        return tx.execute(select(func.count()).select_from(self.table).where(self.where)).scalar_one()

    def remove(self, tx: Tx) -> None:
        """Take them out."""
        if self.empty:
            tx.execute(update(self.table).where(self.where).values(dict.fromkeys(self.empty)))
        else:
            tx.execute(delete(self.table).where(self.where))


def of_subject(tx: Tx, collection: str, ids: Sequence[str], names: Sequence[str]) -> list[Rows]:
    """Everything about one person.

    Args:
        tx: any transaction.
        collection: id of the person's collection.
        ids: every id of the person, also those that were merged.
        names: as they were given at enrolment; notes of the collection in which one stands as a word go as well.
    """
    theirs = appearances.c.subject_id.in_(ids) & (appearances.c.state != REJECTED)
    others = select(appearances.c.face_id).where(appearances.c.state == CONFIRMED, appearances.c.subject_id.not_in(ids))
    seen = select(appearances.c.face_id).where(theirs, appearances.c.face_id.not_in(others))
    noted = label_operations.c.subject_id.in_(ids) | label_operations.c.other_id.in_(ids)
    operations = select(label_operations.c.id, label_operations.c.note)
    notes = _naming(tx, operations.where(label_operations.c.collection_id == collection), names)
    history = (
        select(appearance_history.c.id, appearance_history.c.note)
        .join(appearances, appearances.c.id == appearance_history.c.appearance_id)
        .join(subjects, subjects.c.id == appearances.c.subject_id)
        .where(subjects.c.collection_id == collection, appearance_history.c.note.is_not(None))
    )
    told = _naming(tx, history, names)
    named = label_operations.c.id.in_(notes) & label_operations.c.note.is_not(None)
    named_before = appearance_history.c.id.in_(told) & appearance_history.c.note.is_not(None)
    return [
        Rows("references", subject_references, subject_references.c.subject_id.in_(ids)),
        Rows("consents", consents, consents.c.subject_id.in_(ids)),
        Rows("face templates", face_templates, face_templates.c.face_id.in_(seen)),
        *_of_candidates(case_candidates.c.subject_id.in_(ids) | case_candidates.c.face_id.in_(seen)),
        Rows("clearings", clearings, clearings.c.photo_id.in_(photos_of_subject(tx, ids))),
        Rows("rivals of appearances", appearances, appearances.c.rival_id.in_(ids), ("rival_id", "rival_score")),
        Rows("label operations", label_operations, noted),
        Rows("notes that name the person", label_operations, named, ("note",)),
        Rows("notes of labels that name the person", appearance_history, named_before, ("note",)),
        Rows("appearances", appearances, appearances.c.subject_id.in_(ids)),
        Rows("published register", publication_faces, publication_faces.c.subject_id.in_(ids), ("subject_id",)),
        Rows("attributes", subject_attributes, subject_attributes.c.subject_id.in_(ids)),
        Rows("legal holds", legal_holds, legal_holds.c.subject_id.in_(ids)),
        Rows("written files", written_file_subjects, written_file_subjects.c.subject_id.in_(ids)),
        Rows("ledger index", ledger_touches, ledger_touches.c.subject_id.in_(ids)),
        Rows("merged ids", subjects, subjects.c.merged_into.in_(ids), ("merged_into",)),
        Rows("changes of the gallery", gallery_changes, gallery_changes.c.subject_id.in_(ids)),
        Rows("name and person", subjects, subjects.c.id.in_(ids)),
    ]


def subjects_on(tx: Tx, photo: str) -> list[str]:
    """Ids of the people who are, or may be, on a photo."""
    home = select(appearances.c.subject_id).join(faces, faces.c.id == appearances.c.face_id)
    found = tx.execute(home.where(faces.c.photo_id == photo, appearances.c.state != REJECTED)).scalars()
    return sorted(set(found))


def _naming(tx: Tx, query: Select[Any], names: Sequence[str]) -> list[Any]:
    """Ids of the rows (id, note) whose note says one of the names as a word of its own."""
    if not names:
        return []
    words = "|".join(re.escape(each) for name in names for each in spellings(name))
    said = re.compile(rf"(?<!\w)(?:{words})(?!\w)")
    return [row[0] for row in tx.execute(query) if row[1] and said.search(row[1])]


def photos_of_subject(tx: Tx, ids: Sequence[str]) -> list[str]:
    """Ids of photos on which this person is, or may be, or was published."""
    home = select(faces.c.photo_id).join(appearances, appearances.c.face_id == faces.c.id)
    seen = home.where(appearances.c.subject_id.in_(ids), appearances.c.state != REJECTED)
    shown = select(publications.c.photo_id).join(
        publication_faces, publication_faces.c.publication_id == publications.c.id
    )
    out = shown.where(publication_faces.c.subject_id.in_(ids))
    return sorted({*tx.execute(seen).scalars(), *tx.execute(out).scalars()})


def of_photo(photo: str, sha256: bytes, collection: str) -> list[Rows]:
    """Everything about one photo, references made from it among it.

    Args:
        photo: id.
        sha256: 32 bytes, of the photo.
        collection: id of its collection.
    """
    people = select(subjects.c.id).where(subjects.c.collection_id == collection)
    made_of_it = and_(
        subject_references.c.photo_sha256 == sha256,
        subject_references.c.subject_id.in_(people),
    )
    return [Rows("references", subject_references, made_of_it), *_of_photos([photo])]


def of_collection(collection: str) -> list[Rows]:
    """Everything about a collection and everybody in it, the collection last."""
    people = select(subjects.c.id).where(subjects.c.collection_id == collection)
    inside = select(photos.c.id).where(photos.c.collection_id == collection)
    return [
        Rows("references", subject_references, subject_references.c.subject_id.in_(people)),
        Rows("consents", consents, consents.c.subject_id.in_(people)),
        Rows("attributes", subject_attributes, subject_attributes.c.subject_id.in_(people)),
        Rows("files about people", written_file_subjects, written_file_subjects.c.subject_id.in_(people)),
        Rows("ledger index", ledger_touches, ledger_touches.c.subject_id.in_(people)),
        *_of_candidates(case_candidates.c.subject_id.in_(people)),
        *_of_photos(inside, with_rivals=True),
        *_of_cases(collection),
        Rows("refused files", refusals, refusals.c.collection_id == collection),
        Rows("label operations", label_operations, label_operations.c.collection_id == collection),
        Rows("written files", written_files, written_files.c.collection_id == collection),
        Rows("retention rules", retention_rules, retention_rules.c.collection_id == collection),
        Rows("legal holds", legal_holds, legal_holds.c.collection_id == collection),
        Rows("calibrations", calibrations, calibrations.c.collection_id == collection),
        Rows("merged ids", subjects, subjects.c.collection_id == collection, ("merged_into",)),
        Rows("changes of the gallery", gallery_changes, gallery_changes.c.collection_id == collection),
        Rows("names and people", subjects, subjects.c.collection_id == collection),
        Rows("check of its key", archive_facts, archive_facts.c.name == f"key-check:{collection}"),
        Rows("state of its indexes", index_epochs, index_epochs.c.collection_id == collection),
        Rows("collection", collections, collections.c.id == collection),
    ]


def _of_candidates(where: ColumnElement[bool]) -> list[Rows]:
    listed = select(case_candidates.c.id).where(where)
    return [
        Rows("reviews of candidates", case_marks, case_marks.c.candidate_id.in_(listed)),
        Rows("candidates of cases", case_candidates, where),
    ]


def _of_cases(collection: str) -> list[Rows]:
    """What was searched there; the probes of cases that were about nothing else; that there were cases stays."""
    about = select(case_collections.c.case_id).where(case_collections.c.collection_id == collection)
    others = select(case_collections.c.case_id).where(case_collections.c.collection_id != collection)
    only = case_probes.c.case_id.in_(about) & case_probes.c.case_id.not_in(others)
    searched = case_searches.c.collection_id == collection
    return [
        Rows("probes of cases", case_probes, only & case_probes.c.sealed.is_not(None), ("sealed",)),
        Rows("searches under cases", case_searches, searched, ("sealed", "collection_id")),
        Rows("collections of cases", case_collections, case_collections.c.collection_id == collection),
    ]


def _of_photos(wanted: Ids, *, with_rivals: bool = False) -> list[Rows]:
    inside = select(faces.c.id).where(faces.c.photo_id.in_(wanted))
    out = select(publications.c.id).where(publications.c.photo_id.in_(wanted))
    rivals = Rows("rivals of appearances", appearances, appearances.c.face_id.in_(inside), ("rival_id", "rival_score"))
    return [
        Rows("face templates", face_templates, face_templates.c.face_id.in_(inside)),
        *_of_candidates(case_candidates.c.photo_id.in_(wanted)),
        Rows("clearings", clearings, clearings.c.photo_id.in_(wanted)),
        Rows("published register", publication_faces, publication_faces.c.publication_id.in_(out)),
        Rows("publications", publications, publications.c.photo_id.in_(wanted)),
        Rows("remarks", remarks, remarks.c.photo_id.in_(wanted)),
        *([rivals] if with_rivals else []),
        Rows("appearances", appearances, appearances.c.face_id.in_(inside)),
        Rows("looks", looks, looks.c.photo_id.in_(wanted)),
        Rows("files of photos", written_files, written_files.c.photo_id.in_(wanted)),
        Rows("faces", faces, faces.c.photo_id.in_(wanted)),
        Rows("paths of photos", photo_paths, photo_paths.c.photo_id.in_(wanted)),
        Rows("photos", photos, photos.c.id.in_(wanted)),
    ]
