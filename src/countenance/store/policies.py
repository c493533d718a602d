"""Policy pages: what people were told. Every published version is kept, and none is ever rewritten."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from countenance.errors import StoreError
from countenance.store.connection import Tx
from countenance.store.schema import policy_pages


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """One published version.

    Attributes:
        version: 1, 2, ...
        sha256: 32 bytes, of the page as UTF-8.
        page: the text that people can read.
        published_by: actor.
        published_at: aware UTC moment.
    """

    version: int
    sha256: bytes
    page: str
    published_by: str
    published_at: datetime


def publish(tx: Tx, page: str, *, by: str, at: datetime) -> PolicyPage:
    """Publish a version; the current one again when its text is the same.

    Raises:
        StoreError: the page is empty.
    """
    if not page.strip():
        msg = "An empty policy page tells people nothing."
        raise StoreError(msg, advice="Write down what you do with people's photos, then publish it.")
    before = current(tx)
    if before is not None and before.page == page:
        return before
    made = PolicyPage((before.version if before else 0) + 1, hashlib.sha256(page.encode()).digest(), page, by, at)
    row = {
        "version": made.version,
        "sha256": made.sha256,
        "page": page,
        "published_by": by,
        "published_at": at,
    }
    tx.execute(insert(policy_pages).values(row))
    return made


def current(tx: Tx) -> PolicyPage | None:
    """The newest version; None before the first."""
    versions = all_versions(tx)
    return versions[-1] if versions else None


def all_versions(tx: Tx) -> list[PolicyPage]:
    """Every version, oldest first."""
    rows = tx.execute(select(policy_pages).order_by(policy_pages.c.version))
    return [PolicyPage(row.version, row.sha256, row.page, row.published_by, row.published_at) for row in rows]
