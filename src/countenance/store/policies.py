"""Policy pages: what people were told. Every published version is kept, and none is ever rewritten."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select

from countenance.errors import ConsentError, StoreError
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
    row = tx.execute(select(policy_pages).order_by(policy_pages.c.version.desc()).limit(1)).first()
    return None if row is None else _page(row)


def all_versions(tx: Tx) -> list[PolicyPage]:
    """Every version, oldest first."""
    return [_page(row) for row in tx.execute(select(policy_pages).order_by(policy_pages.c.version))]


def require(tx: Tx) -> PolicyPage:
    """The newest version.

    Raises:
        ConsentError: there is none, so nobody can have been told what a yes would mean.
    """
    page = current(tx)
    if page is None:
        msg = "No policy page has been published that people could have read, so nobody can say yes."
        raise ConsentError(msg, advice="Write one with `countenance policy draft`, then `countenance policy publish`.")
    return page


def _page(row: Row[Any]) -> PolicyPage:
    return PolicyPage(row.version, row.sha256, row.page, row.published_by, row.published_at)
