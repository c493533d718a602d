"""New keys for what is kept."""

from __future__ import annotations

from countenance.archive.opened import Opened
from countenance.flows import rekey
from countenance.store.rekeying import Rekeyed


class Rekeying(Opened):
    """Keep collections strangers to what was copied of them before."""

    def rekey(self, collection: str) -> Rekeyed:
        """Give a collection a new key and a new turn of its templates; see ``flows.rekey``."""
        return rekey.rekey(self._store, self._keys, self.collection(collection), self._clock, self.actor)
