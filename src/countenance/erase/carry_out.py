"""Carry an erasure out, step by step; every step may be repeated, and the row says which one comes next.

1. ``files``: files that we wrote and that show or name the target are overwritten and removed;
2. ``rows``: rows go, in one transaction, and are counted again; files that were written meanwhile go first;
3. ``keys``: the person's key and the secret of saved indexes are deleted, every other key is wrapped anew, the old
   epoch key is overwritten in place;
4. ``pages``: overwriting of freed pages is read back, the write-ahead log is emptied until the database says so;
5. ``sweep``: the raw bytes of every file we own are searched, with a positive control; a find stops the erasure here;
6. ``needles``: the secret that sealed what was searched for is deleted in the same way as a person's key;
7. ``receipt``: the act is logged and the receipt signed.

Being found ends before the first step, in the transaction that notes the erasure (``begin``); from then on the database
takes nothing new about the target. A receipt exists only after the last step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from countenance.core.canonical import canonical
from countenance.erase.files import Fate, is_picture, read_file, remove_file
from countenance.erase.needles import of_files
from countenance.erase.plan import (
    CHANGED,
    INDEXES,
    UNREACHABLE,
    Plan,
    State,
    files_of,
    make_plan,
    open_state,
    rows_of,
    sealed_state,
    secret_of,
    target_of,
)
from countenance.erase.receipt import log_and_sign
from countenance.erase.remains import look_for_remains
from countenance.errors import NotFoundError, StoreError
from countenance.ledger.event import Act, Event
from countenance.ledger.log import append
from countenance.store import consents, erasures, index_files, written
from countenance.store.connection import Store, Tx
from countenance.store.erasures import COLLECTION, PHOTO, SUBJECT, Erasure
from countenance.store.keys import KeyStore

FILES, ROWS, KEYS, PAGES, SWEEP, NEEDLES, RECEIPT = STEPS = (
    "files",
    "rows",
    "keys",
    "pages",
    "sweep",
    "needles",
    "receipt",
)
AT_ONCE: Final = frozenset({"references", "face templates", "reviews of candidates", "candidates of cases"})
"""Stores by which somebody could still be found; they are emptied when an erasure begins."""
TRIES: Final = 6
"""How often the write-ahead log is asked to empty itself; each time the database waits for readers by itself."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where an erasure is carried out. Whoever calls holds the archive's lock on erasing.

    Attributes:
        store: the database.
        keys: the key store.
        clock: gives the aware UTC moment.
        owned: gives every file and folder of ours, for the sweep.
        backup_days: days after which the last backup that holds the target is gone.
        told: called before each step with its name.
    """

    store: Store
    keys: KeyStore
    clock: Callable[[], datetime]
    owned: Callable[[Tx], Sequence[Path]]
    backup_days: int
    told: Callable[[str], None]


def begin(site: Site, tx: Tx, plan: Plan, actor: str) -> Erasure:
    """Note an erasure, and let nobody be found any more from the moment the transaction ends."""
    now, target = site.clock(), plan.target
    made = Erasure(erasures.new_id(), target.kind, target.id, target.collection, FILES, b"", actor, now)
    made = replace(made, state=_state_of(site, made.id, plan))
    known = tuple(each for each in plan.subjects if site.keys.has_subject_key(each)) if target.kind != PHOTO else ()
    # Every id of a merged person: an old copy of the database may know them as several people.
    for n, each in enumerate(plan.subjects if target.kind == SUBJECT else (target.id,)):
        told = {"target": each, "kind": target.kind, "erasure": made.id}
        append(tx, site.keys, Event(Act.ERASE_BEGIN, actor, target.collection, known if n == 0 else (), told), at=now)
    if target.kind != PHOTO:
        for rows in rows_of(tx, target, plan.subjects, ()):
            if rows.store in AT_ONCE:
                rows.remove(tx)
        for each in plan.subjects:
            consents.withdraw_all(tx, each, at=now)
    erasures.begin(tx, made)
    return made


def carry_out(site: Site, wanted: Sequence[str]) -> list[Erasure]:
    """Bring erasures to their end, from wherever they are; what is common to all of them is done once.

    Args:
        site: where.
        wanted: ids of erasures that have begun.

    Raises:
        ProofError: remains were found, or the positive control was not; no receipt exists.
        StoreError: the write-ahead log cannot be emptied, or a write was refused; it can be resumed.
    """
    _plan_again(site, _waiting(site, wanted))
    for step in STEPS:
        here = [each for each in _waiting(site, wanted) if each.step == step]
        if here:
            site.told(step)
            _DOING[step](site, here)
    with site.store.reading() as tx:
        return [erasures.by_id(tx, one) for one in wanted]


def _waiting(site: Site, wanted: Sequence[str]) -> list[Erasure]:
    with site.store.reading() as tx:
        return [each for each in (erasures.by_id(tx, one) for one in wanted) if each.done_at is None]


def _plan_again(site: Site, here: Sequence[Erasure]) -> None:
    """Begin from the first step where what was sealed opens no more: an old copy of the database was put back."""
    for each in here:
        if STEPS.index(each.step) < STEPS.index(NEEDLES) and not site.keys.has_secret(secret_of(each.id)):
            with site.store.transaction() as tx:
                target = target_of(tx, each.kind, each.target, each.collection)
                plan = make_plan(tx, site.keys, target, site.clock())
                erasures.set_step(tx, each.id, FILES, _state_of(site, each.id, plan))


def _state_of(site: Site, erasure: str, plan: Plan) -> bytes:
    contents = (read_file(path) for _, path, _ in plan.target.files)
    return sealed_state(site.keys, erasure, plan, of_files(content for content in contents if is_picture(content)))


def _files(site: Site, here: Sequence[Erasure]) -> None:
    for each in here:
        state = open_state(site.keys, each)
        plan, files = state.plan, state.plan.target.files
        fates = [(kind, path, remove_file(path, digest)) for kind, path, digest in files]
        plan.changed = tuple(path for _, path, fate in fates if fate is Fate.CHANGED)
        for kind in {kind for kind, _, _ in fates}:
            plan.after[f"files: {kind}"] = sum(fate is not Fate.GONE for other, _, fate in fates if other == kind)
        for name, wanted in ((CHANGED, Fate.CHANGED), (UNREACHABLE, Fate.UNREACHABLE)):
            plan.left[name] = sum(fate is wanted for _, _, fate in fates)
        with site.store.transaction() as tx:
            written.forget(tx, [path for _, path, _ in files])
            erasures.set_step(tx, each.id, ROWS, sealed_state(site.keys, each.id, plan, state.blocks))


def _rows(site: Site, here: Sequence[Erasure]) -> None:
    for each in here:
        while not _rows_are_gone(site, each.id):
            _files(site, _waiting(site, [each.id]))


def _rows_are_gone(site: Site, erasure: str) -> bool:
    """Take the rows out; False, and nothing is taken out, while there are files that were written meanwhile."""
    (each,) = _waiting(site, [erasure])
    state = open_state(site.keys, each)
    plan = state.plan
    with site.store.transaction() as tx:
        known = {path for _, path, _ in plan.target.files}
        there = files_of(tx, plan.target, plan.subjects)
        if there:  # written since the plan was made, or since the last look
            plan.target = replace(plan.target, files=(*plan.target.files, *there))
            for kind, path, _ in there:
                if path not in known:
                    plan.count_file(kind)
            erasures.set_step(tx, each.id, FILES, _state_of(site, each.id, plan))
            return False
        listed = rows_of(tx, plan.target, plan.subjects, plan.names)
        for rows in listed:
            rows.remove(tx)
        for rows in listed:
            plan.after[rows.store] = plan.after.get(rows.store, 0) + rows.count(tx)
        if any(plan.after[rows.store] for rows in listed):
            msg = "Rows of what is to be erased are still there."
            raise StoreError(msg, advice="Run `countenance erase --resume`.")
        erasures.set_step(tx, each.id, KEYS, sealed_state(site.keys, each.id, plan, state.blocks))
    return True


def _keys(site: Site, here: Sequence[Erasure]) -> None:
    for each in here:
        plan = open_state(site.keys, each).plan
        if each.kind == COLLECTION:
            site.keys.drop_collection_key(each.collection)
        for subject in plan.subjects if each.kind != PHOTO else ():
            site.keys.drop_subject_key(subject)
        index_files.forget(site.keys, each.collection)
    site.keys.rotate_epoch()
    _next(site, here, PAGES)


def _pages(site: Site, here: Sequence[Erasure]) -> None:
    site.store.require_secure_delete()
    for tried in range(TRIES):
        try:
            site.store.truncate_log()
        except StoreError:
            if tried == TRIES - 1:
                raise
        else:
            break
    _next(site, here, SWEEP)


def _sweep(site: Site, here: Sequence[Erasure]) -> None:
    states = [open_state(site.keys, each) for each in here]
    with site.store.reading() as tx:
        roots = site.owned(tx)
    summary, left = look_for_remains(site.store, roots, states)
    for state in states:
        if "keys" in state.plan.before:
            state.plan.after["keys"] = _n_keys(site.keys, state.plan)
        if INDEXES in state.plan.before:
            state.plan.after[INDEXES] = len(
                index_files.index_files(site.keys.folder.parent, state.plan.target.collection)
            )
    _settle(site, here, states, summary, left)


def _n_keys(keys: KeyStore, plan: Plan) -> int:
    n_keys = sum(keys.has_subject_key(each) for each in plan.subjects)
    with suppress(NotFoundError):
        n_keys += plan.target.kind == COLLECTION and bool(keys.collection_key(plan.target.collection))
    return n_keys


def _settle(
    site: Site, here: Sequence[Erasure], states: Sequence[State], summary: dict[str, Any], left: dict[str, int]
) -> None:
    """From here on the state holds numbers only."""
    with site.store.transaction() as tx:
        for each, state in zip(here, states, strict=True):
            plan = state.plan
            outcome = {
                "stores": [
                    {"store": store, "before": n, "after": plan.after[store], "method": plan.methods[store]}
                    for store, n in plan.before.items()
                ],
                "sweep": summary,
                "left": {what: n for what, n in {**plan.left, **left}.items() if n},
            }
            erasures.set_step(tx, each.id, NEEDLES, canonical(outcome))


def _needles(site: Site, here: Sequence[Erasure]) -> None:
    for each in here:
        site.keys.drop_secret(secret_of(each.id))
    site.keys.rotate_epoch()
    with suppress(StoreError):  # sealed under a key that is gone; emptied again so that not even that remains
        site.store.truncate_log()
    _next(site, here, RECEIPT)


def _receipt(site: Site, here: Sequence[Erasure]) -> None:
    for each in here:
        now = site.clock()
        # Backups made until this moment may hold something of it.
        after = (now + timedelta(days=site.backup_days)).date().isoformat()
        log_and_sign(site.store, site.keys, each, complete_after=after, at=now)


_DOING: Final[dict[str, Callable[[Site, Sequence[Erasure]], None]]] = {
    FILES: _files,
    ROWS: _rows,
    KEYS: _keys,
    PAGES: _pages,
    SWEEP: _sweep,
    NEEDLES: _needles,
    RECEIPT: _receipt,
}


def _next(site: Site, here: Sequence[Erasure], step: str) -> None:
    with site.store.transaction() as tx:
        for each in here:
            erasures.set_step(tx, each.id, step)
