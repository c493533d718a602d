"""The tables as queries see them.

What the database itself enforces stands in ``migrations``; a test holds the two together.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, Table, Text

from countenance.store import case_tables, measured_tables, tables
from countenance.store.moments import Moment

metadata = tables.metadata

index_epochs = measured_tables.index_epochs
gallery_changes = measured_tables.gallery_changes
calibrations = measured_tables.calibrations
cases = case_tables.cases
case_collections = case_tables.case_collections
case_probes = case_tables.case_probes
case_approvals = case_tables.case_approvals
case_searches = case_tables.case_searches
case_candidates = case_tables.case_candidates
case_marks = case_tables.case_marks

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("applied_at", Moment, nullable=False),
)

archive_facts = Table(
    "archive_facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

collections = Table(
    "collections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("release_reference", Text),
    Column("release_approver", Text),
    Column("release_until_at", Moment),
    Column("pack_id", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
)

photos = Table(
    "photos",
    metadata,
    Column("id", Text, primary_key=True),
    Column("collection_id", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", Text, nullable=False),
    Column("orientation", Integer, nullable=False),
    Column("taken_at", Moment),
    Column("status", Text, nullable=False),
    Column("n_faces", Integer, nullable=False),
    Column("pack_id", Text, nullable=False),
    Column("ingested_at", Moment, nullable=False),
)

photo_paths = Table(
    "photo_paths",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("photo_id", Text, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("member", LargeBinary, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
)

refusals = Table(
    "refusals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("collection_id", Text, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("member", LargeBinary, nullable=False),
    Column("sha256", LargeBinary),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("refused_at", Moment, nullable=False),
)

faces = Table(
    "faces",
    metadata,
    Column("id", Text, primary_key=True),
    Column("photo_id", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("x", Float, nullable=False),
    Column("y", Float, nullable=False),
    Column("w", Float, nullable=False),
    Column("h", Float, nullable=False),
    Column("landmarks", LargeBinary, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("quality", Float, nullable=False),
    Column("pack_id", Text, nullable=False),
)

subjects = Table(
    "subjects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("collection_id", Text, nullable=False),
    Column("name_sealed", LargeBinary, nullable=False),
    Column("minor", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("pending_rescan", Boolean, nullable=False),
    Column("must_not_appear_sealed", LargeBinary),
    Column("born_sealed", LargeBinary),
    Column("merged_into", Text),
    Column("last_contact_at", Moment),
)

consents = Table(
    "consents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject_id", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channels", Text, nullable=False),
    Column("from_at", Moment, nullable=False),
    Column("until_at", Moment, nullable=False),
    Column("evidence_sha256", Text, nullable=False),
    Column("evidence_name_sealed", LargeBinary, nullable=False),
    Column("notice_version", Text),
    Column("minor", Boolean, nullable=False),
    Column("guardian_sealed", LargeBinary),
    Column("granted_by", Text, nullable=False),
    Column("granted_at", Moment, nullable=False),
    Column("withdrawn_at", Moment),
    Column("authority_sealed", LargeBinary),
)

subject_references = Table(
    "subject_references",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject_id", Text, nullable=False),
    Column("consent_id", Text, nullable=False),
    Column("photo_sha256", LargeBinary, nullable=False),
    Column("x", Float, nullable=False),
    Column("y", Float, nullable=False),
    Column("w", Float, nullable=False),
    Column("h", Float, nullable=False),
    Column("landmarks", LargeBinary, nullable=False),
    Column("quality", Float, nullable=False),
    Column("pack_id", Text, nullable=False),
    Column("template_sealed", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
)

face_templates = Table(
    "face_templates",
    metadata,
    Column("face_id", Text, primary_key=True),
    Column("template_sealed", LargeBinary, nullable=False),
    Column("pack_id", Text, nullable=False),
)

appearances = Table(
    "appearances",
    metadata,
    Column("id", Text, primary_key=True),
    Column("face_id", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("state", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("pack_id", Text, nullable=False),
    Column("rival_id", Text),
    Column("rival_score", Float),
)

appearance_history = Table(
    "appearance_history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("appearance_id", Text, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("note", Text),
)

policy_pages = Table(
    "policy_pages",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    Column("page", Text, nullable=False),
    Column("published_by", Text, nullable=False),
    Column("published_at", Moment, nullable=False),
)

looks = Table(
    "looks",
    metadata,
    Column("photo_id", Text, primary_key=True),
    Column("eye", Text, nullable=False),
    Column("signs_of_people", Boolean, nullable=False),
    Column("looked_at", Moment, nullable=False),
)

clearings = Table(
    "clearings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("folder", LargeBinary, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("photo_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("problem", Text),
    Column("output", LargeBinary),
    Column("output_sha256", LargeBinary),
    Column("decided_at", Moment, nullable=False),
)

publications = Table(
    "publications",
    metadata,
    Column("id", Text, primary_key=True),
    Column("photo_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("output_sha256", LargeBinary, nullable=False),
    Column("published_by", Text, nullable=False),
    Column("published_at", Moment, nullable=False),
    Column("taken_down_at", Moment),
)

publication_faces = Table(
    "publication_faces",
    metadata,
    Column("publication_id", Text, nullable=False),
    Column("face_id", Text, nullable=False),
    Column("subject_id", Text),
    Column("hidden", Boolean, nullable=False),
)

label_operations = Table(
    "label_operations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("collection_id", Text, nullable=False),
    Column("subject_id", Text),
    Column("other_id", Text),
    Column("actor", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("note", Text),
    Column("undone_by", Text),
    Column("undone_at", Moment),
)

remarks = Table(
    "remarks",
    metadata,
    Column("operation_id", Text, nullable=False),
    Column("photo_id", Text, nullable=False),
    Column("face_id", Text),
)

label_changes = Table(
    "label_changes",
    metadata,
    Column("operation_id", Text, nullable=False),
    Column("appearance_id", Text, nullable=False),
    Column("from_state", Text),
    Column("from_made_by", Text),
    Column("to_state", Text, nullable=False),
)

actors = Table(
    "actors",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)

ledger_nodes = Table(
    "ledger_nodes",
    metadata,
    Column("level", Integer, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("hash", LargeBinary, nullable=False),
)

ledger_touches = Table(
    "ledger_touches",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("subject_id", Text, primary_key=True),
)

written_files = Table(
    "written_files",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("collection_id", Text),
    Column("photo_id", Text),
    Column("written_at", Moment, nullable=False),
    Column("case_id", Text),
)

written_file_subjects = Table(
    "written_file_subjects",
    metadata,
    Column("file_id", Text, primary_key=True),
    Column("subject_id", Text, primary_key=True),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("collection_id", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("actor", Text, nullable=False),
    Column("begun_at", Moment, nullable=False),
    Column("done_at", Moment),
    Column("receipt", LargeBinary),
)

subject_attributes = Table(
    "subject_attributes",
    metadata,
    Column("subject_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value_sealed", LargeBinary, nullable=False),
)

retention_rules = Table(
    "retention_rules",
    metadata,
    Column("collection_id", Text, primary_key=True),
    Column("purpose_ends_at", Moment),
    Column("keep_until_at", Moment),
    Column("contact_years", Integer),
)

legal_holds = Table(
    "legal_holds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("collection_id", Text, nullable=False),
    Column("subject_id", Text),
    Column("reference", Text, nullable=False),
    Column("approver", Text, nullable=False),
    Column("until_at", Moment, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("lifted_by", Text),
    Column("lifted_at", Moment),
)
