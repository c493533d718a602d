"""Destroy the probes of cases that are over, and candidates whose time has come: files, rows, then their secrets.

It runs with every command about cases and with every `countenance retention run`. A kill between two steps is taken up
by the next run: files are noted until they are gone, and secrets whose rows went are found by name.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from countenance.erase.files import remove_file
from countenance.errors import StoreError
from countenance.flows import retention
from countenance.flows.acts import PROGRAM, log
from countenance.flows.consent import Desk
from countenance.ledger.event import Act, Event, Fact
from countenance.store import case_purging, case_results, probes, written


@dataclass(frozen=True, slots=True)
class Purged:
    """How many probes and candidates were destroyed, and paths of files of ours that could not be removed."""

    n_probes: int = 0
    n_candidates: int = 0
    files_left: tuple[bytes, ...] = ()


def purge(desk: Desk) -> Purged:
    """Destroy what is due. Where this machine's clock cannot be right nothing is destroyed; it is not shown either.

    Raises:
        StoreError: it cannot be logged, so it is not done.
    """
    with desk.store.reading() as tx:
        listed = case_purging.due(tx, desk.keys, desk.clock())
        left = case_purging.forgotten_secrets(tx, desk.keys)
    if not (listed.probes or listed.searches or listed.files or left):
        return Purged()
    if retention.clock_doubt(desk) is not None:
        return Purged()
    gone, kept = list[bytes](), list[bytes]()
    for file in listed.files:
        (kept if _stays(file.path, file.sha256) else gone).append(file.path)
    n_probes, n_candidates = _drop_rows(desk, gone)
    _drop_secrets(desk)
    return Purged(n_probes, n_candidates, tuple(kept))


def _stays(path: bytes, sha256: bytes) -> bool:
    """Whether a file could not be removed; one that is not ours any more, or whose disk is away, is forgotten."""
    try:
        remove_file(path, sha256)
    except StoreError:
        return True
    return False


def _drop_rows(desk: Desk, gone: list[bytes]) -> tuple[int, int]:
    """In one transaction, with an entry for each case that loses something."""
    now, n_probes, n_candidates = desk.clock(), dict[str, int](), dict[str, int]()
    with desk.store.transaction() as tx:
        written.forget(tx, gone)
        listed = case_purging.due(tx, desk.keys, now)
        for case in listed.probes:
            n_probes[case] = probes.drop(tx, case, at=now)
        for case, search, _ in listed.searches:
            n_candidates[case] = n_candidates.get(case, 0) + case_results.drop(tx, search, at=now)
        unapproved = {case for case, _, late in listed.searches if late}
        for case in sorted({*n_probes, *n_candidates}):
            facts: dict[str, Fact] = {
                "case": case,
                "probes": n_probes.get(case, 0),
                "candidates": n_candidates.get(case, 0),
                "unapproved": case in unapproved,
            }
            log(tx, desk.keys, Event(Act.CASE_PURGE, PROGRAM, facts=facts), at=now)
    return sum(n_probes.values()), sum(n_candidates.values())


def _drop_secrets(desk: Desk) -> None:
    with desk.store.reading() as tx:
        names = case_purging.forgotten_secrets(tx, desk.keys)
    if names:
        for name in names:
            desk.keys.drop_secret(name)
        desk.keys.rotate_epoch()
        with suppress(StoreError):  # sealed under secrets that are gone
            desk.store.truncate_log()
