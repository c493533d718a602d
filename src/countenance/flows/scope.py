"""What a story works on: one collection of one archive, its model pack, the settings and the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from countenance.flows.acts import PROGRAM
from countenance.settings import Settings
from countenance.store.collections import Collection
from countenance.store.connection import Store
from countenance.store.keys import KeyStore
from countenance.vision.packs import Pack


@dataclass(frozen=True, slots=True)
class Scope:
    """One collection and everything needed to work on it.

    Attributes:
        store: the database.
        keys: the key store.
        collection: the only collection that the story may touch.
        pack: the collection's model pack.
        settings: batch sizes, limits, channels.
        clock: gives the aware UTC moment.
        actor: who does what no other name is given for.
        told: is told how many templates are open, and of how many, while many of them are opened.
    """

    store: Store
    keys: KeyStore
    collection: Collection
    pack: Pack
    settings: Settings
    clock: Callable[[], datetime]
    actor: str = PROGRAM
    told: Callable[[int, int], None] | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """Who does the work.

    Attributes:
        name: ``serial`` (this process) or ``processes``.
        workers: how many processes.
    """

    name: str = "serial"
    workers: int = 1


SERIAL = Engine()
ENGINES = ("serial", "processes")


def documented_basis(collection: Collection) -> dict[str, datetime | str | None]:
    """What a ``release`` collection rests on, as permits ask for it; nothing for a ``consent`` collection."""
    basis = collection.release
    if basis is None:
        return {}
    return {"reference": basis.reference, "approver": basis.approver, "until_at": basis.until_at}
