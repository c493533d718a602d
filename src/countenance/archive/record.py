"""The ledger of this archive: verify it, sign it, prove its entries, replay it."""

from __future__ import annotations

from collections.abc import Sequence

from countenance.archive.erasing import Erasing
from countenance.errors import StoreError
from countenance.flows import audit, erase, replay
from countenance.flows.audit import Record, Verdict
from countenance.flows.replay import Replayed
from countenance.ledger.mirror import Standing


class Recorded(Erasing):
    """What the ledger says, to others and after a restore."""

    def verify_ledger(self, older: Sequence[str] = (), key: str | None = None) -> Verdict:
        """Check all of the ledger; see ``flows.audit``."""
        return audit.verify(self._record, older, key)

    def ledger_checkpoint(self, since: str | None = None) -> str:
        """A signed checkpoint, with the proof that an older one is its beginning when one is given."""
        return audit.checkpoint(self._record) if since is None else audit.since(self._record, since)

    def ledger_proof(self, n: int) -> tuple[str, bytes]:
        """(inclusion proof, entry) of one entry; see ``flows.audit``."""
        return audit.proof(self._record, n)

    def replay_ledger(self, *, accept_loss: bool = False) -> Replayed:
        """Settle a restored database, and erase again what came back with it; see ``flows.replay``."""

        def finish(targets: list[str]) -> None:
            erase.finish_restored(self._office, targets)

        return replay.replay(self._record, finish, accept_loss=accept_loss)

    def ledger_trouble(self) -> str | None:
        """Why the ledger cannot grow or is not mirrored, with what to do; None when all is well."""
        compared = self._mirror.compared
        try:
            self._mirror.require_appendable()
        except StoreError as error:
            return f"{error.message} {error.advice}"
        if compared is not None and compared.standing not in {Standing.SAME, Standing.MIRROR_BEHIND}:
            return f"{compared.says} Run `countenance ledger verify`."
        return None

    @property
    def _record(self) -> Record:
        return Record(self._store, self._keys, self._mirror, self._clock, self.actor)
