"""The policy page: what people are told before anybody is enrolled. Drafted from the settings, kept in versions."""

from __future__ import annotations

import re
from datetime import datetime

from countenance.core.consent import CHANNELS, PURPOSES
from countenance.errors import PackError
from countenance.flows.acts import log
from countenance.flows.pages import render
from countenance.ledger.event import Act, Event
from countenance.settings import Settings
from countenance.store import policies
from countenance.store.connection import Store
from countenance.store.keys import KeyStore
from countenance.store.policies import PolicyPage
from countenance.vision.packs import Pack, load_pack

FILE = "policy.html"
"""Where an archive keeps the page that people can read; edit it, then publish it again."""

PURPOSES_SAY = {
    "find-my-photos": "We find the photos that show you and give you a list of them.",
    "internal-tagging": "People who work here see your name beside your face when they look for photos.",
    "publication": "Photos that show you may appear in the channels you name, and your face is not hidden in them.",
    "case-search": "Your photos may be searched in a single documented case that a second person has approved.",
}
"""Each purpose in words for the person who is asked."""

_GAP = re.compile(r"\[\[(.+?)\]\]", re.DOTALL)


def draft(settings: Settings) -> str:
    """A page written from the settings, as HTML that stands alone; what only the organisation knows is left in [[]]."""
    return render(
        "policy_page.html",
        purposes=[(purpose, PURPOSES_SAY[purpose]) for purpose in PURPOSES],
        channels=CHANNELS + settings.extra_channels,
        adult_age_years=settings.clear.adult_age_years,
        pack=_pack(settings),
    )


def gaps(page: str) -> list[str]:
    """What is still to be filled in, in the order of the page, each once."""
    return list(dict.fromkeys(" ".join(found.split()) for found in _GAP.findall(page)))


def publish(store: Store, keys: KeyStore, page: str, by: str, at: datetime) -> PolicyPage:
    """Publish a version of the page.

    Raises:
        StoreError: the page is empty.
    """
    with store.transaction() as tx:
        before = policies.current(tx)
        made = policies.publish(tx, page, by=by, at=at)
        if made != before:
            log(tx, keys, Event(Act.POLICY, by, facts={"version": made.version}), at=at)
        return made


def versions(store: Store) -> list[PolicyPage]:
    """Every version that was ever published, oldest first; the last one is in force."""
    with store.reading() as tx:
        return policies.all_versions(tx)


def require(store: Store) -> PolicyPage:
    """The version in force.

    Raises:
        ConsentError: nothing was published, so nobody can say yes.
    """
    with store.reading() as tx:
        return policies.require(tx)


def _pack(settings: Settings) -> Pack | None:
    """The pack of the settings; a page can be written without it, and collections say the same later."""
    try:
        return load_pack(settings.pack, settings)
    except PackError:
        return None
