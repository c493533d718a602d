"""What an index in memory, or a saved one, needs in order to know that it is of this state of the database.

Frozen once it is released: later changes are later migrations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from countenance.store.migrations.spelling import run

if TYPE_CHECKING:
    from sqlalchemy import Connection

_KEPT = 10_000
"""So many changes are kept; whoever is further behind loads everything anew."""

_STATEMENTS = (
    # The word of chance tells states apart that have the same number, as after a backup was restored.
    """
    CREATE TABLE index_epochs (
        collection_id TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('people', 'faces')),
        n BIGINT NOT NULL CHECK (n > 0),
        word TEXT NOT NULL CHECK (word <> ''),
        PRIMARY KEY (collection_id, kind)
    )
    """,
    """
    CREATE TABLE gallery_changes (
        n INTEGER NOT NULL PRIMARY KEY,
        collection_id TEXT NOT NULL,
        subject_id TEXT NOT NULL
    )
    """,
    "CREATE INDEX gallery_changes_of_subject ON gallery_changes (subject_id)",
    # Asked at every change of a gallery, and hardly anybody is either.
    "CREATE INDEX merged_subjects_of_collection ON subjects (collection_id) WHERE merged_into IS NOT NULL",
    "CREATE INDEX flagged_subjects_of_collection ON subjects (collection_id) WHERE must_not_appear_sealed IS NOT NULL",
)

_KINDS = "(SELECT 'people' AS kind UNION ALL SELECT 'faces')"
_FIRST = (
    "INSERT INTO index_epochs (collection_id, kind, n, word) SELECT {collection}, kind, 1, lower(hex(randomblob(8)))"
)
"""Every collection has a word of chance from the first moment on."""

_EPOCH = """INSERT INTO index_epochs (collection_id, kind, n, word)
    SELECT {collection}, '{kind}', 1, lower(hex(randomblob(8))) WHERE {collection} IS NOT NULL
    ON CONFLICT (collection_id, kind) DO UPDATE SET n = n + 1, word = excluded.word"""

_PERSON = "(SELECT collection_id FROM subjects WHERE id = {row}.subject_id)"
_FACE = (
    "(SELECT photos.collection_id FROM faces JOIN photos ON photos.id = faces.photo_id WHERE faces.id = {row}.face_id)"
)


def _person_changed(name: str, event: str, collection: str, subject: str, when: str = "TRUE") -> str:
    # Fixed words of this file; nothing comes from outside.
    return f"""CREATE TRIGGER {name} AFTER {event} WHEN {when} BEGIN
        INSERT INTO gallery_changes (collection_id, subject_id)
        SELECT {collection}, {subject} WHERE {collection} IS NOT NULL;
        DELETE FROM gallery_changes WHERE n <= (SELECT max(n) FROM gallery_changes) - {_KEPT};
        {_EPOCH.format(collection=collection, kind="people")};
    END"""  # noqa: S608


SQLITE_RULES = (
    f"{_FIRST.format(collection='collections.id')} FROM collections, {_KINDS}",
    f"""CREATE TRIGGER collections_have_epochs AFTER INSERT ON collections BEGIN
        {_FIRST.format(collection="NEW.id")} FROM {_KINDS};
    END""",
    *(
        _person_changed(
            f"{table}_change_the_gallery_on_{event.lower()}",
            f"{event} ON {table}",
            _PERSON.format(row="OLD" if event == "DELETE" else "NEW"),
            f"{'OLD' if event == 'DELETE' else 'NEW'}.subject_id",
        )
        for table in ("consents", "subject_references")
        for event in ("INSERT", "UPDATE", "DELETE")
    ),
    _person_changed(
        "merges_and_flags_change_the_gallery",
        "UPDATE ON subjects",
        "NEW.collection_id",
        "NEW.id",
        "NEW.merged_into IS NOT OLD.merged_into OR NEW.must_not_appear_sealed IS NOT OLD.must_not_appear_sealed",
    ),
    *(
        f"""CREATE TRIGGER face_templates_change_the_index_on_{event.lower()} AFTER {event} ON face_templates BEGIN
        {_EPOCH.format(collection=_FACE.format(row="OLD" if event == "DELETE" else "NEW"), kind="faces")};
        END"""
        for event in ("INSERT", "UPDATE", "DELETE")
    ),
)


def apply(tx: Connection) -> None:
    """Bring the version before to this one."""
    run(tx, _STATEMENTS, SQLITE_RULES)
