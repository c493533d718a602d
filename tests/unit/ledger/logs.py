"""A log in a small archive, with its mirror, and ways to rewrite it behind our code."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from countenance.core.canonical import canonical
from countenance.core.merkle import completed, leaf_hash
from countenance.flows.audit import Record
from countenance.ledger.checkpoint import sign_statement, signing_key
from countenance.ledger.event import Act, Event
from countenance.ledger.log import append_all
from countenance.ledger.mac import of_all
from countenance.ledger.mirror import Mirror
from countenance.ledger.proof import proof_text
from countenance.ledger.verify import RECEIPT_LABEL, Verifier
from countenance.store import entries
from tests.unit.store.world import World, open_world

GUARDS = (
    "entries_follow_each_other",
    *(f"ledger_{kind}_stand_on_{event}" for kind in ("entries", "nodes") for event in ("update", "delete")),
    "nodes_are_not_replaced",
)


@dataclass
class Log:
    """A log of ``find`` acts on two people."""

    world: World
    mirror: Mirror
    people: tuple[str, str]

    @property
    def record(self) -> Record:
        return Record(self.world.store, self.world.keys, self.mirror, lambda: self.world.now, "office")

    @property
    def verifier(self) -> Verifier:
        return Verifier(signing_key(self.world.keys).line)

    def append(self, n_entries: int = 1, act: Act = Act.FIND, **facts: Any) -> int:  # noqa: ANN401 - facts of an act
        events = [
            Event(act, "office", subjects=self.people[: n % 3], facts={"n": n, **facts}) for n in range(n_entries)
        ]
        with self.world.store.transaction() as tx:
            return append_all(tx, self.world.keys, events, at=self.world.now + timedelta(seconds=n_entries))

    def bodies(self) -> list[bytes]:
        with self.world.store.reading() as tx:
            return [body for _, body in entries.bodies(tx)]

    def rewrite(self, bodies: Sequence[bytes], *, nodes: bool = True, mirror: bool = False, macs: bool = True) -> None:
        """Put another log into the database, as somebody can who writes its file: guards dropped, nodes made again.

        With ``macs`` it is somebody who has the key of the MACs as well.
        """
        made = of_all(self.world.keys, 0, bodies) if macs else [bytes(32)] * len(bodies)
        with self.world.raw() as raw:
            for guard in GUARDS:
                raw.execute(f"DROP TRIGGER IF EXISTS {guard}")
            raw.execute("DELETE FROM ledger_touches")
            raw.execute("DELETE FROM ledger_entries")
            rows = [(n, *each) for n, each in enumerate(zip(bodies, made, strict=True))]
            raw.executemany("INSERT INTO ledger_entries VALUES (?, ?, ?)", rows)
            if nodes:
                raw.execute("DELETE FROM ledger_nodes")
                raw.executemany("INSERT INTO ledger_nodes VALUES (?, ?, ?)", nodes_of(bodies))
        if mirror:
            (self.mirror.folder / "entries.jsonl").write_bytes(b"".join(body + b"\n" for body in bodies))

    def receipt(self, **statement: Any) -> bytes:  # noqa: ANN401 - whatever a statement says
        """A receipt as ``erase.receipt`` writes it."""
        told = {"form": 1, "target": "0123456789abcdef", "erased": True, **statement}
        digest = hashlib.sha256(canonical(told)).hexdigest()
        with self.world.store.transaction() as tx:
            event = Event(Act.ERASE, "office", facts={"target": told["target"], "statement": digest})
            n = append_all(tx, self.world.keys, [event], at=self.world.now)
            parts = {
                "entry": entries.body(tx, n).decode(),
                "proof": proof_text(tx, self.world.keys, n),
                "statement": told,
            }
        return self.sealed(parts)

    def sealed(self, parts: dict[str, Any]) -> bytes:
        signature = sign_statement(self.world.keys, RECEIPT_LABEL + canonical(parts))
        return canonical({**parts, "signature": base64.b64encode(signature).decode()}) + b"\n"


def nodes_of(bodies: Sequence[bytes]) -> list[tuple[int, int, bytes]]:
    return list(completed(0, [leaf_hash(body) for body in bodies], _no_node))


def open_log(folder: Path, n_entries: int = 0, *, attached: bool = True) -> Log:
    world = open_world(folder)
    club = world.collection().id
    log = Log(world, Mirror(folder / "ledger"), (world.subject(club).id, world.subject(club, "Bo").id))
    if attached:
        log.mirror.attach(world.store, world.keys)
    if n_entries:
        log.append(n_entries)
    return log


def copy_database(log: Log, target: Path) -> None:
    """A copy as a backup makes it."""
    import sqlite3  # noqa: PLC0415 - nobody else here needs it

    with closing(sqlite3.connect(log.world.path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def _no_node(level: int, n: int) -> bytes:
    msg = f"A log that begins at 0 asks for no earlier node ({level}, {n})."
    raise AssertionError(msg)
