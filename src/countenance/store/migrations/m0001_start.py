"""The first schema. Frozen: later changes are later migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from countenance.store.migrations.m0001_rules import SQLITE_RULES
from countenance.store.migrations.spelling import MOMENT, run

if TYPE_CHECKING:
    from sqlalchemy import Connection

_STATEMENTS = (
    """
    CREATE TABLE schema_version (
        version INTEGER NOT NULL PRIMARY KEY,
        applied_at TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE archive_facts (
        name TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL
    )
    """,
    f"""
    CREATE TABLE collections (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL UNIQUE CHECK (name <> ''),
        basis TEXT NOT NULL CHECK (basis IN ('consent', 'release')),
        release_reference TEXT CHECK (release_reference <> ''),
        release_approver TEXT CHECK (release_approver <> ''),
        release_until_at TEXT CHECK (release_until_at {MOMENT}),
        pack_id TEXT NOT NULL,
        created_at TEXT NOT NULL CHECK (created_at {MOMENT}),
        CONSTRAINT release_is_documented CHECK (
            (basis = 'release' AND release_reference IS NOT NULL AND release_approver IS NOT NULL
                AND release_until_at IS NOT NULL)
            OR (basis = 'consent' AND release_reference IS NULL AND release_approver IS NULL
                AND release_until_at IS NULL)
        )
    )
    """,
    f"""
    CREATE TABLE photos (
        id TEXT NOT NULL PRIMARY KEY,
        collection_id TEXT NOT NULL REFERENCES collections (id),
        sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
        bytes BIGINT NOT NULL CHECK (bytes >= 0),
        width INTEGER NOT NULL CHECK (width > 0),
        height INTEGER NOT NULL CHECK (height > 0),
        format TEXT NOT NULL,
        orientation INTEGER NOT NULL CHECK (orientation BETWEEN 1 AND 8),
        taken_at TEXT CHECK (taken_at {MOMENT}),
        status TEXT NOT NULL CHECK (status IN ('indexed', 'partial')),
        n_faces INTEGER NOT NULL CHECK (n_faces >= 0),
        pack_id TEXT NOT NULL,
        ingested_at TEXT NOT NULL CHECK (ingested_at {MOMENT}),
        UNIQUE (collection_id, sha256)
    )
    """,
    "CREATE INDEX photos_of_collection ON photos (collection_id, id)",
    f"""
    CREATE TABLE photo_paths (
        id SERIAL NOT NULL PRIMARY KEY,
        photo_id TEXT NOT NULL REFERENCES photos (id),
        path BLOB NOT NULL,
        member BLOB NOT NULL,
        first_seen_at TEXT NOT NULL CHECK (first_seen_at {MOMENT}),
        last_seen_at TEXT NOT NULL CHECK (last_seen_at {MOMENT}),
        UNIQUE (photo_id, path, member)
    )
    """,
    f"""
    CREATE TABLE refusals (
        id SERIAL NOT NULL PRIMARY KEY,
        collection_id TEXT NOT NULL REFERENCES collections (id),
        path BLOB NOT NULL,
        member BLOB NOT NULL,
        sha256 BLOB CHECK (length(sha256) = 32),
        reason TEXT NOT NULL CHECK (reason <> ''),
        message TEXT NOT NULL,
        refused_at TEXT NOT NULL CHECK (refused_at {MOMENT}),
        UNIQUE (collection_id, path, member)
    )
    """,
    """
    CREATE TABLE faces (
        id TEXT NOT NULL PRIMARY KEY,
        photo_id TEXT NOT NULL REFERENCES photos (id),
        ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
        x DOUBLE PRECISION NOT NULL,
        y DOUBLE PRECISION NOT NULL,
        w DOUBLE PRECISION NOT NULL CHECK (w > 0),
        h DOUBLE PRECISION NOT NULL CHECK (h > 0),
        landmarks BLOB NOT NULL CHECK (length(landmarks) = 40),
        confidence DOUBLE PRECISION NOT NULL,
        quality DOUBLE PRECISION NOT NULL,
        pack_id TEXT NOT NULL,
        UNIQUE (photo_id, ordinal)
    )
    """,
    f"""
    CREATE TABLE subjects (
        id TEXT NOT NULL PRIMARY KEY,
        collection_id TEXT NOT NULL REFERENCES collections (id),
        name_sealed BLOB NOT NULL,
        minor BOOLEAN NOT NULL CHECK (minor IN (FALSE, TRUE)),
        created_at TEXT NOT NULL CHECK (created_at {MOMENT}),
        pending_rescan BOOLEAN NOT NULL CHECK (pending_rescan IN (FALSE, TRUE))
    )
    """,
    "CREATE INDEX subjects_of_collection ON subjects (collection_id)",
    f"""
    CREATE TABLE consents (
        id TEXT NOT NULL PRIMARY KEY,
        subject_id TEXT NOT NULL REFERENCES subjects (id),
        purpose TEXT NOT NULL
            CHECK (purpose IN ('find-my-photos', 'internal-tagging', 'publication', 'case-search')),
        channels TEXT NOT NULL CONSTRAINT channels_named CHECK (channels LIKE '["%"]'),
        from_at TEXT NOT NULL CHECK (from_at {MOMENT}),
        until_at TEXT NOT NULL CHECK (until_at {MOMENT}),
        evidence_sha256 TEXT NOT NULL CONSTRAINT evidence_given CHECK (length(evidence_sha256) = 64),
        evidence_name_sealed BLOB NOT NULL CHECK (length(evidence_name_sealed) > 0),
        notice_version TEXT,
        minor BOOLEAN NOT NULL CHECK (minor IN (FALSE, TRUE)),
        guardian_sealed BLOB,
        granted_by TEXT NOT NULL CHECK (granted_by <> ''),
        granted_at TEXT NOT NULL CHECK (granted_at {MOMENT}),
        withdrawn_at TEXT CHECK (withdrawn_at {MOMENT}),
        CONSTRAINT ends_after_beginning CHECK (until_at > from_at),
        CONSTRAINT minor_has_guardian CHECK (
            NOT minor OR (guardian_sealed IS NOT NULL AND length(guardian_sealed) > 0)
        ),
        UNIQUE (id, subject_id)
    )
    """,
    "CREATE INDEX consents_of_subject ON consents (subject_id)",
    f"""
    CREATE TABLE subject_references (
        id TEXT NOT NULL PRIMARY KEY,
        subject_id TEXT NOT NULL REFERENCES subjects (id),
        consent_id TEXT NOT NULL,
        photo_sha256 BLOB NOT NULL CHECK (length(photo_sha256) = 32),
        x DOUBLE PRECISION NOT NULL,
        y DOUBLE PRECISION NOT NULL,
        w DOUBLE PRECISION NOT NULL CHECK (w > 0),
        h DOUBLE PRECISION NOT NULL CHECK (h > 0),
        landmarks BLOB NOT NULL CHECK (length(landmarks) = 40),
        quality DOUBLE PRECISION NOT NULL,
        pack_id TEXT NOT NULL,
        template_sealed BLOB NOT NULL,
        created_at TEXT NOT NULL CHECK (created_at {MOMENT}),
        FOREIGN KEY (consent_id, subject_id) REFERENCES consents (id, subject_id)
    )
    """,
    "CREATE INDEX references_of_subject ON subject_references (subject_id, pack_id)",
    "CREATE INDEX references_of_consent ON subject_references (consent_id)",
    """
    CREATE TABLE face_templates (
        face_id TEXT NOT NULL PRIMARY KEY REFERENCES faces (id),
        template_sealed BLOB NOT NULL,
        pack_id TEXT NOT NULL
    )
    """,
    f"""
    CREATE TABLE appearances (
        id TEXT NOT NULL PRIMARY KEY,
        face_id TEXT NOT NULL REFERENCES faces (id),
        subject_id TEXT NOT NULL REFERENCES subjects (id),
        score DOUBLE PRECISION NOT NULL CHECK (score BETWEEN -1.001 AND 1.001),
        state TEXT NOT NULL CHECK (state IN ('suggested', 'confirmed', 'rejected')),
        made_by TEXT NOT NULL CHECK (made_by <> ''),
        made_at TEXT NOT NULL CHECK (made_at {MOMENT}),
        pack_id TEXT NOT NULL,
        UNIQUE (face_id, subject_id)
    )
    """,
    "CREATE INDEX appearances_of_subject ON appearances (subject_id, state)",
    "CREATE UNIQUE INDEX one_person_per_face ON appearances (face_id) WHERE state = 'confirmed'",
    f"""
    CREATE TABLE appearance_history (
        id SERIAL NOT NULL PRIMARY KEY,
        appearance_id TEXT NOT NULL REFERENCES appearances (id) ON DELETE CASCADE,
        from_state TEXT,
        to_state TEXT NOT NULL CHECK (to_state IN ('suggested', 'confirmed', 'rejected')),
        actor TEXT NOT NULL CHECK (actor <> ''),
        at TEXT NOT NULL CHECK (at {MOMENT}),
        note TEXT
    )
    """,
    "CREATE INDEX history_of_appearance ON appearance_history (appearance_id, id)",
)


def apply(tx: Connection) -> None:
    """Make every table, index and rule of version 1."""
    run(tx, _STATEMENTS, SQLITE_RULES)
