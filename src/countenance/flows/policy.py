"""The policy page: what people are told before anybody is enrolled. Drafted from the settings, kept in versions."""

from __future__ import annotations

from datetime import datetime

import jinja2

from countenance.core.consent import CHANNELS, PURPOSES
from countenance.settings import Settings
from countenance.store import policies
from countenance.store.connection import Store
from countenance.store.policies import PolicyPage

FILE = "policy.html"
"""Where an archive keeps the page that people can read; edit it, then publish it again."""


def draft(settings: Settings) -> str:
    """A page written from the settings, as HTML that stands alone."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("countenance.flows"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("policy_page.html").render(
        purposes=PURPOSES, channels=CHANNELS + settings.extra_channels, settings=settings
    )


def publish(store: Store, page: str, by: str, at: datetime) -> PolicyPage:
    """Publish a version of the page.

    Raises:
        StoreError: the page is empty.
    """
    with store.transaction() as tx:
        return policies.publish(tx, page, by=by, at=at)


def current(store: Store) -> PolicyPage | None:
    """The version in force; None while nothing was published."""
    with store.reading() as tx:
        return policies.current(tx)
