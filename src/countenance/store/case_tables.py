"""The tables of cases as queries see them; ``schema`` has all others."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, LargeBinary, Table, Text

from countenance.store.moments import Moment
from countenance.store.tables import metadata

cases = Table(
    "cases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("pack_id", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("closed_by", Text),
    Column("closed_at", Moment),
    Column("probes_gone_at", Moment),
    Column("mac", LargeBinary, nullable=False),
)

case_collections = Table(
    "case_collections",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("collection_id", Text, primary_key=True),
    Column("mac", LargeBinary, nullable=False),
)

case_probes = Table(
    "case_probes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("case_id", Text, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("sealed", LargeBinary),
)

case_approvals = Table(
    "case_approvals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("case_id", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("approver", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("approved_at", Moment, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)

case_searches = Table(
    "case_searches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("case_id", Text, nullable=False),
    Column("collection_id", Text),
    Column("actor", Text, nullable=False),
    Column("searched_at", Moment, nullable=False),
    Column("digest", Text, nullable=False),
    Column("n_probes", Integer, nullable=False),
    Column("n_candidates", Integer, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("keep_until_at", Moment, nullable=False),
    Column("gone_at", Moment),
    Column("sealed", LargeBinary),
)

case_candidates = Table(
    "case_candidates",
    metadata,
    Column("id", Text, primary_key=True),
    Column("search_id", Text, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("face_id", Text),
    Column("photo_id", Text),
    Column("subject_id", Text),
    Column("sealed", LargeBinary, nullable=False),
)

case_marks = Table(
    "case_marks",
    metadata,
    Column("candidate_id", Text, primary_key=True),
    Column("actor", Text, primary_key=True),
    Column("marked_at", Moment, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
