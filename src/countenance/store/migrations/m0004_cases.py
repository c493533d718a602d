"""What searching under a case needs: cases, their probes, approvals, searches, candidates and what reviewers say.

Frozen once it is released: later changes are later migrations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from countenance.store.migrations.spelling import MOMENT, refuse, run

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PURPOSES = "'missing-person', 'safeguarding', 'legal-claim', 'journalistic-research', 'archive-identification'"

_STATEMENTS = (
    f"""
    CREATE TABLE cases (
        id TEXT NOT NULL PRIMARY KEY,
        number TEXT NOT NULL UNIQUE CHECK (number <> ''),
        purpose TEXT NOT NULL CHECK (purpose IN ({_PURPOSES})),
        pack_id TEXT NOT NULL CHECK (pack_id <> ''),
        requester TEXT NOT NULL CHECK (requester <> ''),
        opened_at TEXT NOT NULL CHECK (opened_at {MOMENT}),
        expires_at TEXT NOT NULL CHECK (expires_at {MOMENT}),
        closed_by TEXT CHECK (closed_by <> ''),
        closed_at TEXT CHECK (closed_at {MOMENT}),
        probes_gone_at TEXT CHECK (probes_gone_at {MOMENT}),
        mac BLOB NOT NULL CHECK (length(mac) = 32),
        UNIQUE (id, requester),
        CONSTRAINT ends_after_it_begins CHECK (opened_at < expires_at),
        CONSTRAINT closed_by_somebody CHECK ((closed_by IS NULL) = (closed_at IS NULL))
    )
    """,
    """
    CREATE TABLE case_collections (
        case_id TEXT NOT NULL REFERENCES cases (id),
        collection_id TEXT NOT NULL REFERENCES collections (id),
        mac BLOB NOT NULL CHECK (length(mac) = 32),
        PRIMARY KEY (case_id, collection_id)
    )
    """,
    "CREATE INDEX case_collections_of_collection ON case_collections (collection_id)",
    f"""
    CREATE TABLE case_probes (
        id TEXT NOT NULL PRIMARY KEY,
        case_id TEXT NOT NULL REFERENCES cases (id),
        added_by TEXT NOT NULL CHECK (added_by <> ''),
        added_at TEXT NOT NULL CHECK (added_at {MOMENT}),
        sealed BLOB CHECK (length(sealed) > 0)
    )
    """,
    "CREATE INDEX case_probes_of_case ON case_probes (case_id)",
    f"""
    CREATE TABLE case_approvals (
        id TEXT NOT NULL PRIMARY KEY,
        case_id TEXT NOT NULL,
        requester TEXT NOT NULL,
        approver TEXT NOT NULL CHECK (approver <> ''),
        digest TEXT NOT NULL CHECK (length(digest) = 64),
        approved_at TEXT NOT NULL CHECK (approved_at {MOMENT}),
        mac BLOB NOT NULL CHECK (length(mac) = 32),
        CONSTRAINT approved_by_another CHECK (lower(trim(approver)) <> lower(trim(requester))),
        FOREIGN KEY (case_id, requester) REFERENCES cases (id, requester)
    )
    """,
    "CREATE INDEX case_approvals_of_case ON case_approvals (case_id)",
    f"""
    CREATE TABLE case_searches (
        id TEXT NOT NULL PRIMARY KEY,
        case_id TEXT NOT NULL REFERENCES cases (id),
        collection_id TEXT REFERENCES collections (id),
        actor TEXT NOT NULL CHECK (actor <> ''),
        searched_at TEXT NOT NULL CHECK (searched_at {MOMENT}),
        digest TEXT NOT NULL CHECK (length(digest) = 64),
        n_probes INTEGER NOT NULL CHECK (n_probes > 0),
        n_candidates INTEGER NOT NULL CHECK (n_candidates >= 0),
        urgent BOOLEAN NOT NULL CHECK (urgent IN (0, 1)),
        keep_until_at TEXT NOT NULL CHECK (keep_until_at {MOMENT}),
        gone_at TEXT CHECK (gone_at {MOMENT}),
        sealed BLOB CHECK (length(sealed) > 0)
    )
    """,
    "CREATE INDEX case_searches_of_case ON case_searches (case_id)",
    "CREATE INDEX case_searches_of_day ON case_searches (searched_at)",
    """
    CREATE TABLE case_candidates (
        id TEXT NOT NULL PRIMARY KEY,
        search_id TEXT NOT NULL REFERENCES case_searches (id),
        rank INTEGER NOT NULL CHECK (rank > 0),
        face_id TEXT REFERENCES faces (id),
        photo_id TEXT REFERENCES photos (id),
        subject_id TEXT REFERENCES subjects (id),
        sealed BLOB NOT NULL CHECK (length(sealed) > 0),
        UNIQUE (search_id, rank),
        CONSTRAINT a_face_or_a_person CHECK (
            (face_id IS NULL) = (photo_id IS NULL) AND (face_id IS NULL) <> (subject_id IS NULL)
        )
    )
    """,
    "CREATE INDEX case_candidates_of_face ON case_candidates (face_id)",
    "CREATE INDEX case_candidates_of_photo ON case_candidates (photo_id)",
    "CREATE INDEX case_candidates_of_subject ON case_candidates (subject_id)",
    f"""
    CREATE TABLE case_marks (
        candidate_id TEXT NOT NULL REFERENCES case_candidates (id),
        actor TEXT NOT NULL CHECK (actor <> ''),
        marked_at TEXT NOT NULL CHECK (marked_at {MOMENT}),
        sealed BLOB NOT NULL CHECK (length(sealed) > 0),
        PRIMARY KEY (candidate_id, actor)
    )
    """,
    "ALTER TABLE written_files ADD COLUMN case_id TEXT REFERENCES cases (id)",
    "CREATE INDEX written_files_of_case ON written_files (case_id)",
)

_TERMS = ("id", "number", "purpose", "pack_id", "requester", "opened_at", "expires_at", "mac")
_SEARCHED = (
    "id",
    "case_id",
    "actor",
    "searched_at",
    "digest",
    "n_probes",
    "n_candidates",
    "urgent",
    "keep_until_at",
)

_COLLECTION_BEING_DESTROYED = """EXISTS (
    SELECT 1 FROM erasures WHERE done_at IS NULL AND kind = 'collection' AND target = NEW.collection_id
)"""


def _changed(columns: tuple[str, ...]) -> str:
    return " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns)


SQLITE_RULES = (
    refuse(
        "cases_keep_their_terms",
        "UPDATE ON cases",
        f"{_changed(_TERMS)} OR (OLD.closed_at IS NOT NULL AND (NEW.closed_at IS NOT OLD.closed_at "
        "OR NEW.closed_by IS NOT OLD.closed_by)) OR (OLD.probes_gone_at IS NOT NULL AND NEW.probes_gone_at IS NULL)",
        "stands: what a case is for is not rewritten",
    ),
    refuse("cases_stay", "DELETE ON cases", "TRUE", "stands: a case is not removed"),
    refuse(
        "cases_get_no_collection_later",
        "UPDATE ON case_collections",
        "TRUE",
        "stands: what a case is for is not rewritten",
    ),
    refuse(
        "approvals_by_another",
        "INSERT ON case_approvals",
        """NOT EXISTS (
            SELECT 1 FROM cases WHERE id = NEW.case_id AND requester = NEW.requester
            AND lower(trim(requester)) <> lower(trim(NEW.approver))
        ) OR EXISTS (
            SELECT 1 FROM case_probes WHERE case_id = NEW.case_id AND lower(trim(added_by)) = lower(trim(NEW.approver))
        )""",
        "stands: nobody approves what they asked for",
    ),
    refuse("approvals_stand", "UPDATE ON case_approvals", "TRUE", "stands: an approval is not rewritten"),
    refuse(
        "probes_of_open_cases",
        "INSERT ON case_probes",
        "EXISTS (SELECT 1 FROM cases WHERE id = NEW.case_id AND (closed_at IS NOT NULL OR probes_gone_at IS NOT NULL))",
        "stands: this case is closed",
    ),
    refuse(
        "probes_stand",
        "UPDATE ON case_probes",
        f"{_changed(('id', 'case_id', 'added_by', 'added_at'))} OR NEW.sealed IS NOT NULL",
        "stands: a probe is not exchanged",
    ),
    refuse("probes_are_counted", "DELETE ON case_probes", "TRUE", "stands: the probes of a case are counted"),
    # A search without a case that is open is none, whoever writes the row.
    refuse(
        "searches_need_a_case",
        "INSERT ON case_searches",
        """NOT EXISTS (
            SELECT 1 FROM cases JOIN case_collections ON case_collections.case_id = cases.id
            WHERE cases.id = NEW.case_id AND case_collections.collection_id = NEW.collection_id
            AND cases.closed_at IS NULL AND NEW.searched_at < cases.expires_at
        )""",
        "stands: no case that is open covers this search",
    ),
    refuse(
        "searches_stand",
        "UPDATE ON case_searches",
        f"{_changed(_SEARCHED)} OR (NEW.collection_id IS NOT NULL AND NEW.collection_id IS NOT OLD.collection_id) "
        "OR (NEW.sealed IS NOT NULL AND NEW.sealed IS NOT OLD.sealed) "
        "OR (OLD.gone_at IS NOT NULL AND NEW.gone_at IS NULL)",
        "stands: a search is not rewritten",
    ),
    refuse("searches_are_counted", "DELETE ON case_searches", "TRUE", "stands: searches are counted"),
    *(
        refuse(
            f"{table}_of_nothing_being_destroyed",
            f"INSERT ON {table}",
            _COLLECTION_BEING_DESTROYED,
            "stands: this collection is being destroyed",
        )
        for table in ("case_collections", "case_searches")
    ),
    refuse(
        "candidates_of_the_searched_collection",
        "INSERT ON case_candidates",
        """NOT EXISTS (
            SELECT 1 FROM case_searches AS s
            LEFT JOIN photos AS p ON p.id = NEW.photo_id
            LEFT JOIN faces AS f ON f.id = NEW.face_id
            LEFT JOIN subjects AS u ON u.id = NEW.subject_id
            WHERE s.id = NEW.search_id AND s.gone_at IS NULL AND (
                (NEW.face_id IS NOT NULL AND f.photo_id = p.id AND p.collection_id = s.collection_id)
                OR (NEW.subject_id IS NOT NULL AND u.collection_id = s.collection_id)
            )
        )""",
        "strangers: a candidate is not of the collection that was searched",
    ),
    refuse(
        "candidates_of_nobody_being_erased",
        "INSERT ON case_candidates",
        """EXISTS (
            SELECT 1 FROM erasures WHERE done_at IS NULL AND target IN (
                NEW.photo_id, NEW.subject_id, (SELECT merged_into FROM subjects WHERE id = NEW.subject_id)
            )
        ) OR EXISTS (
            SELECT 1 FROM erasures JOIN appearances ON appearances.face_id = NEW.face_id
            JOIN subjects ON subjects.id = appearances.subject_id
            WHERE erasures.done_at IS NULL AND erasures.target IN (subjects.id, subjects.merged_into)
            AND appearances.state <> 'rejected'
        )""",
        "stands: this person or this photo is being erased",
    ),
    refuse("candidates_stand", "UPDATE ON case_candidates", "TRUE", "stands: a candidate is not rewritten"),
    refuse("marks_stand", "UPDATE ON case_marks", "TRUE", "stands: what a reviewer said is not rewritten"),
)


def apply(tx: Connection) -> None:
    """Bring version 3 to version 4."""
    run(tx, _STATEMENTS, SQLITE_RULES)
