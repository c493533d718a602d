"""What erasing and the ledger need: entries, actors, files we wrote, erasures, attributes, retention, holds.

Frozen once it is released: later changes are later migrations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from countenance.store.migrations.m0001_rules import NO_CONSENT, NO_RELEASE
from countenance.store.migrations.spelling import MOMENT, refuse, run

if TYPE_CHECKING:
    from sqlalchemy import Connection

_STATEMENTS = (
    """
    CREATE TABLE actors (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL UNIQUE CHECK (name <> ''),
        role TEXT NOT NULL CHECK (role <> '')
    )
    """,
    """
    CREATE TABLE ledger_entries (
        n INTEGER NOT NULL PRIMARY KEY CHECK (n >= 0),
        body BLOB NOT NULL CHECK (length(body) > 0),
        mac BLOB NOT NULL CHECK (length(mac) = 32)
    )
    """,
    """
    CREATE TABLE ledger_nodes (
        level INTEGER NOT NULL CHECK (level > 0),
        n INTEGER NOT NULL CHECK (n >= 0),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        PRIMARY KEY (level, n)
    )
    """,
    """
    CREATE TABLE ledger_touches (
        n INTEGER NOT NULL REFERENCES ledger_entries (n),
        subject_id TEXT NOT NULL,
        PRIMARY KEY (subject_id, n)
    )
    """,
    f"""
    CREATE TABLE written_files (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind <> ''),
        path BLOB NOT NULL UNIQUE CHECK (length(path) > 0),
        sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
        bytes BIGINT NOT NULL CHECK (bytes >= 0),
        collection_id TEXT REFERENCES collections (id),
        photo_id TEXT REFERENCES photos (id),
        written_at TEXT NOT NULL CHECK (written_at {MOMENT})
    )
    """,
    "CREATE INDEX written_files_of_photo ON written_files (photo_id)",
    """
    CREATE TABLE written_file_subjects (
        file_id TEXT NOT NULL REFERENCES written_files (id) ON DELETE CASCADE,
        subject_id TEXT NOT NULL REFERENCES subjects (id),
        PRIMARY KEY (subject_id, file_id)
    )
    """,
    "CREATE INDEX subjects_of_written_file ON written_file_subjects (file_id)",
    f"""
    CREATE TABLE erasures (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('subject', 'photo', 'collection')),
        target TEXT NOT NULL CHECK (target <> ''),
        collection_id TEXT NOT NULL CHECK (collection_id <> ''),
        step TEXT NOT NULL CHECK (step <> ''),
        state BLOB NOT NULL,
        actor TEXT NOT NULL CHECK (actor <> ''),
        begun_at TEXT NOT NULL CHECK (begun_at {MOMENT}),
        done_at TEXT CHECK (done_at {MOMENT}),
        receipt BLOB CHECK (length(receipt) > 0),
        CONSTRAINT a_receipt_at_the_end CHECK ((done_at IS NULL) = (receipt IS NULL))
    )
    """,
    """
    CREATE TABLE subject_attributes (
        subject_id TEXT NOT NULL REFERENCES subjects (id),
        name TEXT NOT NULL CHECK (name <> ''),
        value_sealed BLOB NOT NULL CHECK (length(value_sealed) > 0),
        PRIMARY KEY (subject_id, name)
    )
    """,
    f"""
    CREATE TABLE retention_rules (
        collection_id TEXT NOT NULL PRIMARY KEY REFERENCES collections (id),
        purpose_ends_at TEXT CHECK (purpose_ends_at {MOMENT}),
        keep_until_at TEXT CHECK (keep_until_at {MOMENT}),
        contact_years INTEGER CHECK (contact_years > 0)
    )
    """,
    f"""
    CREATE TABLE legal_holds (
        id TEXT NOT NULL PRIMARY KEY,
        collection_id TEXT NOT NULL REFERENCES collections (id),
        subject_id TEXT REFERENCES subjects (id),
        reference TEXT NOT NULL CHECK (reference <> ''),
        approver TEXT NOT NULL CHECK (approver <> ''),
        until_at TEXT NOT NULL CHECK (until_at {MOMENT}),
        placed_by TEXT NOT NULL CHECK (placed_by <> ''),
        placed_at TEXT NOT NULL CHECK (placed_at {MOMENT}),
        lifted_by TEXT CHECK (lifted_by <> ''),
        lifted_at TEXT CHECK (lifted_at {MOMENT}),
        CONSTRAINT lifted_by_somebody CHECK ((lifted_by IS NULL) = (lifted_at IS NULL))
    )
    """,
    f"ALTER TABLE subjects ADD COLUMN last_contact_at TEXT CHECK (last_contact_at {MOMENT})",
    # Erasing one photo or one person among a million rows must not read them all.
    "CREATE INDEX appearances_of_rival ON appearances (rival_id)",
    "CREATE INDEX publication_faces_of_face ON publication_faces (face_id)",
    "CREATE INDEX remarks_of_face ON remarks (face_id)",
    "CREATE INDEX operations_of_subject ON label_operations (subject_id)",
    "CREATE INDEX operations_of_other ON label_operations (other_id)",
    "CREATE INDEX merged_subjects ON subjects (merged_into)",
    "CREATE INDEX references_of_photo ON subject_references (photo_sha256)",
)

_REKEYED = """EXISTS (
    SELECT 1 FROM archive_facts WHERE name = 'rekey:' || ({collection})
) AND {unchanged}"""
"""Only the sealed bytes differ, and the collection is being given a new key: nothing is added about anybody."""

_REFERENCE_REKEYED = _REKEYED.format(
    collection="SELECT collection_id FROM subjects WHERE id = NEW.subject_id",
    unchanged=" AND ".join(
        f"NEW.{column} IS OLD.{column}"
        for column in (
            "id",
            "subject_id",
            "consent_id",
            "photo_sha256",
            "x",
            "y",
            "w",
            "h",
            "landmarks",
            "quality",
            "pack_id",
            "created_at",
        )
    ),
)

_TEMPLATE_REKEYED = _REKEYED.format(
    collection="SELECT photos.collection_id FROM faces JOIN photos ON photos.id = faces.photo_id "
    "WHERE faces.id = NEW.face_id",
    unchanged="NEW.face_id IS OLD.face_id AND NEW.pack_id IS OLD.pack_id",
)

_BEING_ERASED = """EXISTS (
    SELECT 1 FROM erasures JOIN subjects ON subjects.id = NEW.subject_id
    WHERE erasures.done_at IS NULL AND (
        (erasures.kind = 'subject' AND erasures.target IN (subjects.id, subjects.merged_into))
        OR (erasures.kind = 'collection' AND erasures.target = subjects.collection_id)
    )
)"""

_OTHER_HISTORY = " OR ".join(
    f"NEW.{column} IS NOT OLD.{column}" for column in ("id", "appearance_id", "from_state", "to_state", "actor", "at")
)

SQLITE_RULES = (
    *(
        refuse(
            f"{table}_of_nobody_being_erased",
            f"INSERT ON {table}",
            _BEING_ERASED,
            "stands: this person is being erased",
        )
        for table in ("consents", "subject_references", "appearances", "subject_attributes", "written_file_subjects")
    ),
    *(
        refuse(
            f"{table}_of_nothing_being_destroyed",
            f"INSERT ON {table}",
            """EXISTS (
                SELECT 1 FROM erasures WHERE done_at IS NULL AND kind = 'collection' AND target = NEW.collection_id
            )""",
            "stands: this collection is being destroyed",
        )
        for table in ("subjects", "photos")
    ),
    refuse(
        "merges_of_nobody_being_erased",
        "UPDATE ON subjects",
        """NEW.merged_into IS NOT NULL AND NEW.merged_into IS NOT OLD.merged_into AND EXISTS (
            SELECT 1 FROM erasures WHERE done_at IS NULL AND target IN (NEW.id, NEW.merged_into, NEW.collection_id)
        )""",
        "stands: this person is being erased",
    ),
    refuse(
        "faces_of_no_photo_being_erased",
        "INSERT ON faces",
        "EXISTS (SELECT 1 FROM erasures WHERE done_at IS NULL AND kind = 'photo' AND target = NEW.photo_id)",
        "stands: this photo is being erased",
    ),
    "DROP TRIGGER history_stands",
    # A note may say the name of somebody who is erased; then the note goes and the rest of the row stands.
    refuse(
        "history_stands",
        "UPDATE ON appearance_history",
        f"{_OTHER_HISTORY} OR NEW.note IS NOT NULL",
        "stands: history is not rewritten",
    ),
    "DROP TRIGGER operations_stand",
    refuse(
        "operations_stand",
        "UPDATE ON label_operations",
        """NEW.id IS NOT OLD.id OR NEW.kind IS NOT OLD.kind OR NEW.actor IS NOT OLD.actor OR NEW.at IS NOT OLD.at
        OR NEW.collection_id IS NOT OLD.collection_id
        OR (NEW.note IS NOT NULL AND (NEW.note IS NOT OLD.note OR OLD.undone_at IS NOT NULL))
        OR (NEW.note IS NULL AND OLD.note IS NULL AND OLD.undone_at IS NOT NULL)""",
        "stands: history is not rewritten",
    ),
    "DROP TRIGGER references_keep_consent",
    refuse(
        "references_keep_consent",
        "UPDATE ON subject_references",
        f"({NO_CONSENT}) AND NOT ({_REFERENCE_REKEYED})",
        "no consent: none of this subject holds now",
    ),
    "DROP TRIGGER templates_keep_release",
    refuse(
        "templates_keep_release",
        "UPDATE ON face_templates",
        f"({NO_RELEASE}) AND NOT ({_TEMPLATE_REKEYED})",
        "no consent: this collection keeps no templates of faces",
    ),
    refuse(
        "entries_follow_each_other",
        "INSERT ON ledger_entries",
        "NEW.n IS NOT (SELECT coalesce(max(n) + 1, 0) FROM ledger_entries)",
        "stands: an entry of the ledger comes after the last one",
    ),
    *(
        refuse(
            f"{table}_stand_on_{event.lower()}",
            f"{event} ON {table}",
            "TRUE",
            "stands: the ledger is not rewritten",
        )
        for table in ("ledger_entries", "ledger_nodes")
        for event in ("UPDATE", "DELETE")
    ),
    refuse(
        "nodes_are_not_replaced",
        "INSERT ON ledger_nodes",
        "EXISTS (SELECT 1 FROM ledger_nodes WHERE level = NEW.level AND n = NEW.n)",
        "stands: the ledger is not rewritten",
    ),
    refuse(
        "receipts_stand",
        "UPDATE ON erasures",
        "OLD.done_at IS NOT NULL",
        "stands: a finished erasure is not changed",
    ),
)


def apply(tx: Connection) -> None:
    """Bring version 2 to version 3."""
    run(tx, _STATEMENTS, SQLITE_RULES)
