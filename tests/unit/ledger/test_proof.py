from __future__ import annotations

import pytest

from countenance.core.notes import parse_proof
from countenance.errors import NotFoundError
from countenance.ledger.checkpoint import current, signing_key
from countenance.ledger.proof import checkpoint_since, proof_text
from countenance.store import entries
from tests.unit.ledger.logs import Log


def test_a_proof_holds_what_it_was_given_and_is_of_the_log_as_it_is(log: Log) -> None:
    with log.world.store.reading() as tx:
        text = proof_text(tx, log.world.keys, 2, extra=b"for the file")
        assert parse_proof(text).extra == b"for the file"
        assert parse_proof(text).index == 2
        assert log.verifier.proof(text, entries.body(tx, 2)) == current(tx, log.world.keys)


def test_an_entry_is_proven_in_the_transaction_that_appends_it(log: Log) -> None:
    assert log.verifier.receipt(log.receipt())["erased"] is True


def test_what_the_log_does_not_have_is_not_proven(log: Log) -> None:
    with log.world.store.reading() as tx:
        for n in (-1, 7):
            with pytest.raises(NotFoundError, match="7 entries"):
                proof_text(tx, log.world.keys, n)
        for size in (-1, 8):
            with pytest.raises(NotFoundError, match="7 entries"):
                checkpoint_since(tx, log.world.keys, size)


def test_the_origin_belongs_to_the_key(log: Log) -> None:
    key = signing_key(log.world.keys)
    assert key == signing_key(log.world.keys)
    assert key.name.startswith("countenance/")
    log.world.keys.rotate_epoch()
    assert signing_key(log.world.keys) == key
