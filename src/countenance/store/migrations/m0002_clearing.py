"""What clearing photos needs: policy pages, more about people, looks, clearings, the published register, undo.

Frozen once it is released: later changes are later migrations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from countenance.store.migrations.spelling import MOMENT, refuse, run

if TYPE_CHECKING:
    from sqlalchemy import Connection

_STATEMENTS = (
    f"""
    CREATE TABLE policy_pages (
        version INTEGER NOT NULL PRIMARY KEY CHECK (version > 0),
        sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
        page TEXT NOT NULL CHECK (page <> ''),
        published_by TEXT NOT NULL CHECK (published_by <> ''),
        published_at TEXT NOT NULL CHECK (published_at {MOMENT})
    )
    """,
    "ALTER TABLE subjects ADD COLUMN must_not_appear_sealed BLOB ",
    "ALTER TABLE subjects ADD COLUMN born_sealed BLOB ",
    "ALTER TABLE subjects ADD COLUMN merged_into TEXT REFERENCES subjects (id)",
    "ALTER TABLE consents ADD COLUMN authority_sealed BLOB ",
    "ALTER TABLE appearances ADD COLUMN rival_id TEXT REFERENCES subjects (id)",
    "ALTER TABLE appearances ADD COLUMN rival_score DOUBLE PRECISION CHECK (rival_score BETWEEN -1.001 AND 1.001)",
    f"""
    CREATE TABLE looks (
        photo_id TEXT NOT NULL PRIMARY KEY REFERENCES photos (id),
        eye TEXT NOT NULL CHECK (eye <> ''),
        signs_of_people BOOLEAN NOT NULL CHECK (signs_of_people IN (FALSE, TRUE)),
        looked_at TEXT NOT NULL CHECK (looked_at {MOMENT})
    )
    """,
    f"""
    CREATE TABLE clearings (
        id TEXT NOT NULL PRIMARY KEY,
        folder BLOB NOT NULL CHECK (length(folder) > 0),
        path BLOB NOT NULL CHECK (length(path) > 0),
        photo_id TEXT NOT NULL REFERENCES photos (id),
        channel TEXT NOT NULL CHECK (channel <> ''),
        decision TEXT NOT NULL CHECK (length(decision) = 64),
        verdict TEXT NOT NULL CHECK (verdict IN ('clear', 'redact', 'review', 'blocked')),
        problem TEXT CHECK (problem <> ''),
        output BLOB CHECK (length(output) > 0),
        output_sha256 BLOB CHECK (length(output_sha256) = 32),
        decided_at TEXT NOT NULL CHECK (decided_at {MOMENT}),
        CONSTRAINT only_the_cleared_have_files CHECK (
            (output IS NULL AND output_sha256 IS NULL)
            OR (output IS NOT NULL AND output_sha256 IS NOT NULL AND verdict IN ('clear', 'redact'))
        ),
        UNIQUE (folder, path)
    )
    """,
    "CREATE INDEX clearings_of_photo ON clearings (photo_id)",
    f"""
    CREATE TABLE publications (
        id TEXT NOT NULL PRIMARY KEY,
        photo_id TEXT NOT NULL REFERENCES photos (id),
        channel TEXT NOT NULL CHECK (channel <> ''),
        place TEXT NOT NULL CHECK (place <> ''),
        path BLOB NOT NULL,
        output_sha256 BLOB NOT NULL CHECK (length(output_sha256) = 32),
        published_by TEXT NOT NULL CHECK (published_by <> ''),
        published_at TEXT NOT NULL CHECK (published_at {MOMENT}),
        taken_down_at TEXT CHECK (taken_down_at {MOMENT}),
        UNIQUE (photo_id, channel, place, output_sha256)
    )
    """,
    """
    CREATE TABLE publication_faces (
        publication_id TEXT NOT NULL REFERENCES publications (id) ON DELETE CASCADE,
        face_id TEXT NOT NULL REFERENCES faces (id),
        subject_id TEXT REFERENCES subjects (id),
        hidden BOOLEAN NOT NULL CHECK (hidden IN (FALSE, TRUE)),
        UNIQUE (publication_id, face_id)
    )
    """,
    "CREATE INDEX publication_faces_of_subject ON publication_faces (subject_id)",
    f"""
    CREATE TABLE label_operations (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('decide', 'name', 'split', 'merge', 'remark')),
        collection_id TEXT NOT NULL REFERENCES collections (id),
        subject_id TEXT REFERENCES subjects (id),
        other_id TEXT REFERENCES subjects (id),
        actor TEXT NOT NULL CHECK (actor <> ''),
        at TEXT NOT NULL CHECK (at {MOMENT}),
        note TEXT,
        undone_by TEXT CHECK (undone_by <> ''),
        undone_at TEXT CHECK (undone_at {MOMENT}),
        CONSTRAINT undone_by_somebody CHECK ((undone_by IS NULL) = (undone_at IS NULL))
    )
    """,
    "CREATE INDEX operations_of_collection ON label_operations (collection_id, at)",
    """
    CREATE TABLE label_changes (
        operation_id TEXT NOT NULL REFERENCES label_operations (id) ON DELETE CASCADE,
        appearance_id TEXT NOT NULL REFERENCES appearances (id) ON DELETE CASCADE,
        from_state TEXT,
        from_made_by TEXT,
        to_state TEXT NOT NULL CHECK (to_state IN ('confirmed', 'rejected')),
        UNIQUE (operation_id, appearance_id)
    )
    """,
    "CREATE INDEX changes_of_appearance ON label_changes (appearance_id)",
    """
    CREATE TABLE remarks (
        operation_id TEXT NOT NULL REFERENCES label_operations (id) ON DELETE CASCADE,
        photo_id TEXT NOT NULL REFERENCES photos (id),
        face_id TEXT REFERENCES faces (id),
        UNIQUE (operation_id, photo_id, face_id)
    )
    """,
    "CREATE INDEX remarks_of_photo ON remarks (photo_id)",
)

SQLITE_RULES = (
    refuse(
        "references_need_policy",
        "INSERT ON subject_references",
        "NOT EXISTS (SELECT 1 FROM policy_pages)",
        "no consent: no policy page has been published that people could have read",
    ),
    refuse(
        "policy_pages_stand",
        "UPDATE ON policy_pages",
        "TRUE",
        "stands: a published policy page is never rewritten",
    ),
    refuse(
        "policy_pages_are_kept",
        "DELETE ON policy_pages",
        "TRUE",
        "stands: a published policy page is never removed",
    ),
    refuse(
        "policy_pages_are_not_replaced",
        "INSERT ON policy_pages",
        "EXISTS (SELECT 1 FROM policy_pages WHERE version >= NEW.version)",
        "stands: a published policy page is never rewritten",
    ),
    refuse(
        "consents_need_policy",
        "INSERT ON consents",
        "NOT EXISTS (SELECT 1 FROM policy_pages)",
        "no consent: no policy page has been published that people could have read",
    ),
    refuse(
        "operations_are_not_replaced",
        "INSERT ON label_operations",
        "EXISTS (SELECT 1 FROM label_operations WHERE id = NEW.id)",
        "stands: this row exists",
    ),
    refuse(
        "authorities_stand",
        "UPDATE ON consents",
        "NEW.authority_sealed IS NOT OLD.authority_sealed",
        "stands: a consent is never rewritten, only withdrawn",
    ),
    "DROP TRIGGER decisions_stand",
    # A decision becomes a suggestion again only where a person undoes the very operation that made it one.
    refuse(
        "decisions_stand",
        "UPDATE ON appearances",
        """OLD.state <> 'suggested' AND NEW.state = 'suggested' AND NOT EXISTS (
            SELECT 1 FROM label_changes AS c JOIN label_operations AS o ON o.id = c.operation_id
            WHERE c.appearance_id = OLD.id AND c.from_state = 'suggested' AND c.to_state = OLD.state
            AND o.undone_at = NEW.made_at AND o.undone_by = NEW.made_by
        )""",
        "stands: a decision of a person does not become a suggestion again",
    ),
    refuse(
        "merges_of_one_collection",
        "UPDATE ON subjects",
        """NEW.merged_into IS NOT NULL AND (
            EXISTS (SELECT 1 FROM subjects WHERE merged_into = NEW.id)
            OR NOT EXISTS (
                SELECT 1 FROM subjects WHERE id = NEW.merged_into AND id <> NEW.id
                AND collection_id = NEW.collection_id AND merged_into IS NULL
            )
        )""",
        "strangers: people are merged within one collection, one step deep",
    ),
    *(
        refuse(
            f"rivals_of_one_collection_on_{event.lower()}",
            f"{event} ON appearances",
            """NEW.rival_id IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM subjects AS a JOIN subjects AS b ON b.collection_id = a.collection_id
                WHERE a.id = NEW.subject_id AND b.id = NEW.rival_id
            )""",
            "strangers: subject and rival are of different collections",
        )
        for event in ("INSERT", "UPDATE")
    ),
    refuse(
        "operations_stand",
        "UPDATE ON label_operations",
        """NEW.id IS NOT OLD.id OR NEW.kind IS NOT OLD.kind OR NEW.actor IS NOT OLD.actor OR NEW.at IS NOT OLD.at
        OR NEW.collection_id IS NOT OLD.collection_id OR NEW.note IS NOT OLD.note OR OLD.undone_at IS NOT NULL""",
        "stands: history is not rewritten",
    ),
)


def apply(tx: Connection) -> None:
    """Bring version 1 to version 2."""
    run(tx, _STATEMENTS, SQLITE_RULES)
