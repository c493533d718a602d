"""The tables of calibrations and of what an index needs to know about its state; ``schema`` holds all tables."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, Table, Text

from countenance.store.moments import Moment
from countenance.store.tables import metadata

index_epochs = Table(
    "index_epochs",
    metadata,
    Column("collection_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("word", Text, nullable=False),
)

gallery_changes = Table(
    "gallery_changes",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("collection_id", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
)

calibrations = Table(
    "calibrations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("collection_id", Text, nullable=False),
    Column("pack_id", Text, nullable=False),
    *(Column(each, Float, nullable=False) for each in ("fpir", "suggest_fpir", "certain", "suggest")),
    *(Column(each, Float, nullable=False) for each in ("threshold", "threshold_low", "threshold_high")),
    *(Column(each, Integer, nullable=False) for each in ("meant_for", "enrolled", "people", "searches", "comparisons")),
    *(Column(each, Integer, nullable=False) for each in ("suggested", "suggested_below", "named", "named_below")),
    Column("seed", Integer, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
)
