"""How fast acts are logged, how large a proof is at a million entries, and how long verifying it takes.

    python -m benchmarks.speed.ledger

Appends go into a real archive database, in its own durable transactions, each entry touching one person, with the
mirror attached as in an opened archive. The log of a million entries is made by the same code in larger groups.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.places import CHECKOUT, RESULTS
from countenance.core.merkle import completed, leaf_hash
from countenance.flows import audit
from countenance.flows.audit import Record
from countenance.ledger.checkpoint import signing_key
from countenance.ledger.event import Act, Event, entry
from countenance.ledger.log import append_all
from countenance.ledger.mac import of_all
from countenance.ledger.mirror import Mirror
from countenance.ledger.proof import proof_text
from countenance.ledger.verify import Verifier
from countenance.measure.report import write_json
from countenance.store import collections, entries, subjects
from countenance.store.connection import Store
from countenance.store.keyfile import Master, write_key_file
from countenance.store.keys import KeyStore

SEED = 6
N_GROUPS, GROUP, N_SINGLE = 100, 100, 300
N_LARGE, LARGE_GROUP, N_PROOFS = 1_000_000, 20_000, 1_000
LEAST_PER_S, MOST_BYTES, MOST_MS = 1_000, 2_048, 50.0


@dataclass(frozen=True)
class Place:
    """An archive with one person in it."""

    store: Store
    keys: KeyStore
    mirror: Mirror
    person: str

    @classmethod
    def make(cls, folder: Path) -> Place:
        """In a new folder, with the mirror attached."""
        folder.mkdir()
        keyfile = folder / "archive.key"
        write_key_file(keyfile)
        keys = KeyStore.create(folder / "keys", Master.from_key_file(keyfile))
        store = Store.open(folder / "countenance.db", create=True)
        now = datetime.now(UTC)
        with store.transaction() as tx:
            club = collections.create(tx, keys, name="club", pack="none", at=now)
            person = subjects.add(tx, keys, collection=club.id, name="Somebody", minor=False, at=now)
        place = cls(store, keys, Mirror(folder / "ledger"), person.id)
        place.mirror.attach(store, keys)
        return place

    def close(self) -> None:
        """Close the files."""
        self.store.close()
        self.keys.close()


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    with tempfile.TemporaryDirectory(dir=CHECKOUT) as scratch:
        place = Place.make(Path(scratch) / "small")
        result: dict[str, Any] = {
            "appends_per_s": {
                f"groups of {GROUP}": _per_s(GROUP * N_GROUPS, lambda: _append(place, N_GROUPS, GROUP)),
                "one by one": _per_s(N_SINGLE, lambda: _append(place, N_SINGLE, 1)),
            }
        }
        place.close()
        place = Place.make(Path(scratch) / "large")
        result["large"] = _large(place)
        place.close()
    result["bars"] = {"appends_per_s": LEAST_PER_S, "proof_bytes": MOST_BYTES, "verify_ms": MOST_MS}
    sys.stdout.write(f"{result}\n")
    write_json(RESULTS / "ledger.json", result, seed=SEED, checkout=CHECKOUT)
    large = result["large"]
    fast = result["appends_per_s"][f"groups of {GROUP}"] >= LEAST_PER_S
    return 0 if fast and large["proof_bytes_most"] <= MOST_BYTES and large["verify_ms_most"] <= MOST_MS else 1


def _append(place: Place, n_groups: int, group: int) -> None:
    event = Event(Act.FIND, "office", subjects=(place.person,), facts={"found": 3})
    for _ in range(n_groups):
        with place.store.transaction() as tx:
            append_all(tx, place.keys, [event] * group, at=datetime.now(UTC))


def _large(place: Place) -> dict[str, Any]:
    event, now = Event(Act.FIND, "office", facts={"found": 3}), datetime.now(UTC)
    place.store.after_commit = None  # one mirror at the end is enough here
    for first in range(0, N_LARGE, LARGE_GROUP):
        numbers = range(first, first + LARGE_GROUP)
        bodies = [entry(event, n=n, at=now, actor="0" * 24, commitments=[], nonce=None) for n in numbers]
        with place.store.transaction() as tx:
            nodes = completed(first, [leaf_hash(body) for body in bodies], partial(entries.node, tx))
            entries.add(tx, first, bodies, of_all(place.keys, first, bodies), nodes)
    verifier, sizes, made_ms, verified_ms = Verifier(signing_key(place.keys).line), [], [], []
    with place.store.reading() as tx:
        for n in range(SEED, N_LARGE, N_LARGE // N_PROOFS):
            started = time.perf_counter()
            text, body = proof_text(tx, place.keys, n), entries.body(tx, n)
            middle = time.perf_counter()
            verifier.proof(text, body)
            verified_ms.append((time.perf_counter() - middle) * 1000)
            made_ms.append((middle - started) * 1000)
            sizes.append(len(text.encode()))
    started = time.monotonic()
    place.mirror.follow(place.store, place.keys)
    mirrored_s = time.monotonic() - started
    started = time.monotonic()
    record = Record(place.store, place.keys, place.mirror, lambda: now, "office")
    verdict = audit.verify(record)
    return {
        "entries": verdict.size,
        "findings": len(verdict.findings),
        "proofs": len(sizes),
        "proof_bytes_most": max(sizes),
        "proof_ms_median": statistics.median(made_ms),
        "verify_ms_median": statistics.median(verified_ms),
        "verify_ms_most": max(verified_ms),
        "mirror_seconds": mirrored_s,
        "whole_log_verify_seconds": time.monotonic() - started,
    }


def _per_s(n_done: int, work: Callable[[], None]) -> float:
    started = time.monotonic()
    work()
    return n_done / (time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
