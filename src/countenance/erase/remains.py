"""Whether anything is left: the sweep of an erasure, what excuses a find, and what the receipt says about both."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from countenance.erase.control import Control, planted
from countenance.erase.needles import Needles, of_names
from countenance.erase.plan import OWN_WORDS, TWINS, State
from countenance.erase.sweep import Hit, Swept, sweep
from countenance.errors import ProofError
from countenance.store import written
from countenance.store.connection import Store
from countenance.store.mentions import mentioned

BLOCK: Final = "file block"
_NAME: Final = "name"


def look_for_remains(
    store: Store, roots: Sequence[Path], states: Sequence[State]
) -> tuple[dict[str, Any], dict[str, int]]:
    """Sweep for everything that these erasures took out.

    Args:
        store: the database, whose own words may excuse a name.
        roots: every file and folder of ours.
        states: of the erasures.

    Returns:
        What the receipt says about the sweep; and what was found and is not ours, by what it is.

    Raises:
        ProofError: remains were found, a file could not be read, or the positive control was missed.
    """
    names = list(dict.fromkeys(name for state in states for name in state.plan.names))
    needles = sum((state.needles() for state in states), Needles())
    # One kind for each name: a mention of one excuses no other.
    needles += sum((of_names([name], f"{_NAME} {place}") for place, name in enumerate(names)), Needles())
    with planted(store, roots) as control:
        swept = sweep(needles + control.needles, roots)
        control_found, n_control = control.found_in(swept)
    found, left = _weighed(store, swept, control, names)
    if found or swept.unreadable:
        where = sorted({f"{_plain(hit.kind)} in {hit.path.name}" for hit in found})
        where += [path.name for path in swept.unreadable]
        msg = f"The sweep found, or could not read, remains of what was erased ({', '.join(where[:5])}): no receipt."
        raise ProofError(msg, advice="Run `countenance erase --resume`; if it stays, report it: this must not happen.")
    kinds = Counter[str]()
    for kind, n in needles.kinds().items():
        kinds[_plain(kind)] += n
    summary = {
        "needles": len(needles),
        "kinds": dict(kinds),
        "too_short": needles.too_short,
        "too_many": needles.too_many + sum(state.plan.n_sampled_out for state in states),
        "files": swept.n_files,
        "bytes": swept.n_bytes,
        "found": len(found),
        "control": n_control,
        "control_found": control_found,
    }
    return summary, left


def _weighed(store: Store, swept: Swept, control: Control, names: Sequence[str]) -> tuple[list[Hit], dict[str, int]]:
    """Finds that are remains; and those that are not, counted.

    A name also stands where the organisation's own words say it: in the path of a photo, which the database, the copies
    and the reports made of it repeat. A picture also stands in the copy of another photo that holds it: one that was
    given in twice, or to two collections.
    """
    with store.reading() as tx:
        own_words = {place: mentioned(tx, name) for place, name in enumerate(names)}
        registered = {os.fsdecode(os.path.realpath(each.path)) for each in written.everything(tx)}
    found, twins = [], 0
    for hit in swept.found:
        if control.is_ours(hit):
            continue
        is_copy = str(hit.path) in registered
        says_so = is_copy or str(hit.path).startswith(os.path.realpath(store.path))
        if hit.kind == BLOCK and is_copy:
            twins += 1
        elif not (_is_name(hit.kind) and says_so and own_words[int(hit.kind.split()[1])]):
            found.append(hit)
    left = {OWN_WORDS: sum(own_words.values()), TWINS: twins}
    return found, {what: n for what, n in left.items() if n}


def _is_name(kind: str) -> bool:
    return kind.split(maxsplit=1)[0] == _NAME


def _plain(kind: str) -> str:
    """The kind without the number of the name."""
    return " ".join([_NAME, *kind.split()[2:]]) if _is_name(kind) else kind
