"""The one set of tables that ``schema`` and its parts describe."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
