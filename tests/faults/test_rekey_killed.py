"""A re-key killed at any moment leaves a collection that opens, under one key, and a ledger that says which."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.flows.rekeyed import Kept

ROOT = Path(__file__).parents[2]

KILL = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from countenance.flows import rekey
from countenance.store import collections, facts, rekeying
from countenance.store.connection import Store
from countenance.store.keys import KeyStore
from tests.unit.store.world import cheap_master
from datetime import UTC, datetime

folder, step, seen = Path(sys.argv[1]), sys.argv[2], []

def dies(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def after(real, times=1):
    def does_and_dies(*arguments):
        made = real(*arguments)
        seen.append(1)
        if len(seen) == times:
            dies()
        return made
    return does_and_dies

keys, store = KeyStore.open(folder / "keys", cheap_master()), Store.open(folder / "archive.sqlite")
with store.reading() as tx:
    club = collections.by_name(tx, "club")
if step == "between two rows":
    rekeying.seal = after(rekeying.seal, 3)
elif step == "before the mark":
    KeyStore.mark_rekey = dies
elif step == "before the commit":
    KeyStore.mark_rekey = after(KeyStore.mark_rekey)
elif step == "after the commit":
    Store.truncate_log = dies
elif step == "before the key":
    KeyStore.finish_rekey = dies
elif step == "after the key":
    KeyStore.finish_rekey = after(KeyStore.finish_rekey)
elif step == "before the epoch":
    KeyStore.rotate_epoch = dies
elif step == "after the epoch":
    KeyStore.rotate_epoch = after(KeyStore.rotate_epoch)
elif step == "before the fact":
    facts.drop = dies
rekey.rekey(store, keys, club, lambda: datetime.now(UTC), "office")
"""

STEPS = {
    "between two rows": False,
    "before the mark": False,
    "before the commit": False,
    "after the commit": True,
    "before the key": True,
    "after the key": True,
    "before the epoch": True,
    "after the epoch": True,
    "before the fact": True,
    "never": True,
}
"""Where the process is killed, and whether the collection has its new key afterwards."""


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_leaves_one_key_in_force(tmp_path: Path, step: str) -> None:
    kept = Kept.make(tmp_path)
    sealed, wrapped = kept.sealed(), kept.wrapped()
    key = kept.world.keys.collection_key(kept.collection.id)
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", KILL, str(tmp_path), step],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        check=False,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0 if step == "never" else -signal.SIGKILL, b"")
    again = kept.reopened()
    again.assert_whole()
    assert again.n_entries == int(STEPS[step])
    assert (again.world.keys.collection_key(kept.collection.id) != key) == STEPS[step]
    assert (again.in_files([wrapped, *sealed.values()]) == []) == STEPS[step]
    assert again.world.keys.rekeys() == []
    again.rekey()
    again.assert_whole()
    assert again.in_files([wrapped, *sealed.values()]) == []
