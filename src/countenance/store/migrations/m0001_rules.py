"""Rules of the first schema that hold for every connection, ours or not, foreign keys on or off.

A refusal begins with ``no consent:`` (who is asked did not say yes), ``stands:`` (a decision or a record is not
rewritten) or ``strangers:`` (two collections would meet); ``store.connection`` turns these words into errors.
"""

from __future__ import annotations

from countenance.store.migrations.spelling import refuse

# The row's own created_at is not looked at: only the database's clock says whether a consent holds. That clock has
# milliseconds, our texts microseconds: the last microsecond counts where a consent begins and the first where it ends,
# so that a consent granted a moment ago already holds.
NO_CONSENT = """NOT EXISTS (
    SELECT 1 FROM consents
    WHERE id = NEW.consent_id AND subject_id = NEW.subject_id AND withdrawn_at IS NULL
    AND from_at <= strftime('%Y-%m-%dT%H:%M:%f', 'now') || '999Z'
    AND until_at > strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'
)"""

NO_RELEASE = """NOT EXISTS (
    SELECT 1 FROM faces
    JOIN photos ON photos.id = faces.photo_id
    JOIN collections ON collections.id = photos.collection_id
    WHERE faces.id = NEW.face_id AND collections.basis = 'release'
    AND collections.release_until_at > strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'
)"""

_NOT_ONE_COLLECTION = """NOT EXISTS (
    SELECT 1 FROM faces
    JOIN photos ON photos.id = faces.photo_id
    JOIN subjects ON subjects.collection_id = photos.collection_id
    WHERE faces.id = NEW.face_id AND subjects.id = NEW.subject_id
)"""

_CONSENT_COLUMNS = (
    "id",
    "subject_id",
    "purpose",
    "channels",
    "from_at",
    "until_at",
    "evidence_sha256",
    "evidence_name_sealed",
    "notice_version",
    "minor",
    "guardian_sealed",
    "granted_by",
    "granted_at",
)

_CONSENT_REWRITTEN = (
    " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in _CONSENT_COLUMNS)
    + " OR (OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS NOT OLD.withdrawn_at)"
)

_CONSENT_MALFORMED = """NOT json_valid(NEW.channels)
    OR json_array_length(CASE WHEN json_valid(NEW.channels) THEN NEW.channels ELSE '[]' END) = 0
    OR NEW.evidence_sha256 GLOB '*[^0-9a-f]*'"""

_GUARDIAN_MISSING = "NOT NEW.minor AND EXISTS (SELECT 1 FROM subjects WHERE id = NEW.subject_id AND minor)"

_KEPT = ("collections", "photos", "faces", "subjects", "consents")
"""Tables whose rows INSERT OR REPLACE may not swap: it would fire no delete trigger."""

SQLITE_RULES = (
    refuse(
        "references_need_consent",
        "INSERT ON subject_references",
        NO_CONSENT,
        "no consent: none of this subject holds now",
    ),
    refuse(
        "references_keep_consent",
        "UPDATE ON subject_references",
        NO_CONSENT,
        "no consent: none of this subject holds now",
    ),
    refuse(
        "consents_well_formed",
        "INSERT ON consents",
        _CONSENT_MALFORMED,
        "no consent: channels or evidence are not well formed",
    ),
    refuse(
        "consents_of_minors",
        "INSERT ON consents",
        _GUARDIAN_MISSING,
        "no consent: this subject is a minor, so a guardian must consent",
    ),
    refuse(
        "consents_stand",
        "UPDATE ON consents",
        _CONSENT_REWRITTEN,
        "stands: a consent is never rewritten, only withdrawn",
    ),
    refuse(
        "consents_are_needed",
        "DELETE ON consents",
        "EXISTS (SELECT 1 FROM subject_references WHERE consent_id = OLD.id)",
        "stands: references depend on this consent",
    ),
    refuse(
        "templates_need_release",
        "INSERT ON face_templates",
        NO_RELEASE,
        "no consent: this collection keeps no templates of faces",
    ),
    refuse(
        "templates_keep_release",
        "UPDATE ON face_templates",
        NO_RELEASE,
        "no consent: this collection keeps no templates of faces",
    ),
    refuse(
        "appearances_of_one_collection",
        "INSERT ON appearances",
        _NOT_ONE_COLLECTION,
        "strangers: face and subject are of different collections",
    ),
    refuse(
        "appearances_keep_pair",
        "UPDATE ON appearances",
        "NEW.id IS NOT OLD.id OR NEW.face_id IS NOT OLD.face_id OR NEW.subject_id IS NOT OLD.subject_id",
        "stands: an appearance keeps its face and its subject",
    ),
    refuse(
        "decisions_stand",
        "UPDATE ON appearances",
        "OLD.state <> 'suggested' AND NEW.state = 'suggested'",
        "stands: a decision of a person does not become a suggestion again",
    ),
    refuse(
        "decisions_are_not_replaced",
        "INSERT ON appearances",
        "EXISTS (SELECT 1 FROM appearances WHERE id = NEW.id)",
        "stands: this appearance exists",
    ),
    """
    CREATE TRIGGER appearances_begin_history AFTER INSERT ON appearances
    BEGIN
        INSERT INTO appearance_history (appearance_id, from_state, to_state, actor, at)
        VALUES (NEW.id, NULL, NEW.state, NEW.made_by, NEW.made_at);
    END
    """,
    refuse(
        "history_stands",
        "UPDATE ON appearance_history",
        "TRUE",
        "stands: history is not rewritten",
    ),
    refuse(
        "collections_keep_basis",
        "UPDATE ON collections",
        "NEW.id IS NOT OLD.id OR NEW.basis IS NOT OLD.basis",
        "stands: a collection keeps its basis",
    ),
    refuse(
        "photos_keep_collection",
        "UPDATE ON photos",
        "NEW.id IS NOT OLD.id OR NEW.collection_id IS NOT OLD.collection_id OR NEW.sha256 IS NOT OLD.sha256",
        "strangers: a photo keeps its collection",
    ),
    refuse(
        "faces_keep_photo",
        "UPDATE ON faces",
        "NEW.id IS NOT OLD.id OR NEW.photo_id IS NOT OLD.photo_id",
        "strangers: a face keeps its photo",
    ),
    refuse(
        "subjects_keep_collection",
        "UPDATE ON subjects",
        "NEW.id IS NOT OLD.id OR NEW.collection_id IS NOT OLD.collection_id",
        "strangers: a subject keeps its collection",
    ),
    *(
        refuse(
            f"{table}_are_not_replaced",
            f"INSERT ON {table}",
            f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)",  # noqa: S608 - fixed table names
            "stands: this row exists",
        )
        for table in _KEPT
    ),
)
