"""10,000 random edits of a log of 5,000 entries; whoever holds one older checkpoint must find every one.

    python -m benchmarks.faults.log_edits

Half of the attackers hold the log's own signing key and make everything fit: entries, nodes, mirror and checkpoint.
They edit what the older checkpoint covers; beyond it nobody could tell, as ``docs/attack-model.md`` says. The others
have another key, and edit anywhere. Edits and check are in ``tests/promises/log_edits.py``; what is known of an
unchanged entry is remembered from check to check, which changes the time and not the answers. After every hundred
attacks the unedited log is checked as well: it must be found sound.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from functools import lru_cache

from tests.promises import log_edits
from tests.promises.log_edits import KINDS, Checker, Kept, attack, older_of

from benchmarks.places import CHECKOUT, RESULTS
from countenance.ledger import whole
from countenance.measure.report import write_json

SEED = 4
N_ENTRIES, N_EDITS, N_ROUNDS = 5_000, 10_000, 100
_REMEMBERED = 200_000


def main() -> int:
    """Run, print, write; 1 when an edit was not found or the true log was not found sound."""
    remember()
    chance, honest = random.Random(SEED), Kept.honest(N_ENTRIES)  # noqa: S311 - edits, not secrets
    made, found, same = Counter[str](), Counter[str](), 0
    false_alarms, n_sound, started = 0, 0, time.monotonic()
    for n in range(N_EDITS):
        if n % (N_EDITS // N_ROUNDS) == 0:
            size = chance.randrange(1, N_ENTRIES + 1)
            checker, n_sound = Checker(older_of(honest, size)), n_sound + 1
            false_alarms += checker.finds(honest)
        with_key = n % 2 == 0
        edit = KINDS[n // 2 % len(KINDS)]
        kept = attack(honest, edit, chance.randrange(size if with_key else N_ENTRIES), chance, with_key=with_key)
        while kept == honest:  # an edit that changed nothing is none
            same += 1
            kept = attack(honest, edit, chance.randrange(size if with_key else N_ENTRIES), chance, with_key=with_key)
        name = f"{edit.__name__}, {'with' if with_key else 'without'} the key"
        made[name] += 1
        found[name] += checker.finds(kept)
    result = {
        "entries": N_ENTRIES,
        "edits": sum(made.values()),
        "found": sum(found.values()),
        "by_kind": {name: {"made": made[name], "found": found[name]} for name in sorted(made)},
        "drawn_again_because_nothing_changed": same,
        "sound_logs_checked": n_sound,
        "false_alarms": false_alarms,
        "seconds": time.monotonic() - started,
    }
    sys.stdout.write(f"{result}\n")
    write_json(RESULTS / "log_edits.json", result, seed=SEED, checkout=CHECKOUT)
    return 0 if result["found"] == result["edits"] == N_EDITS and not false_alarms else 1


def remember() -> None:
    """Keep what was computed of single entries: of 5,000, an edit leaves most as they were."""
    for module, name in ((whole, "entry_trouble"), (whole, "leaf_hash"), (log_edits, "leaf_hash")):
        setattr(module, name, lru_cache(_REMEMBERED)(getattr(module, name)))


if __name__ == "__main__":
    sys.exit(main())
