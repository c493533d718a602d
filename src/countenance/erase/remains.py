"""Whether anything is left: the sweep of an erasure, what excuses a find, and what the receipt says about both."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

from countenance.erase.control import Control, planted
from countenance.erase.needles import Needles, of_names
from countenance.erase.plan import OTHERS_FILES, OWN_WORDS, TWINS, State
from countenance.erase.sweep import Hit, Swept, sweep
from countenance.errors import ProofError
from countenance.store import written
from countenance.store.connection import Store
from countenance.store.mentions import mentioned

BLOCK: Final = "file block"
_NAME: Final = "name"
_HIDDEN: Final = (written.SHOW_ME, written.REMOVED_PERSON)
"""Copies of a photo that may stay: the erased person is hidden in them."""


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
    changed = [Path(os.fsdecode(path)) for state in states for path in state.plan.changed]
    with planted(store, roots) as control:
        swept = sweep(needles + control.needles, [*roots, *(path for path in changed if path.exists())])
        control_found, n_control = control.found_in(swept)
    found, left = _weighed(store, swept, control, names, {photo for state in states for photo in state.plan.photos})
    if found or swept.unreadable:
        where = sorted({f"{_plain(hit.kind)} in {hit.path}" for hit in found})
        where += [str(path) for path in swept.unreadable]
        msg = f"The sweep found, or could not read, remains of what was erased ({', '.join(where[:5])}): no receipt."
        raise ProofError(
            msg,
            advice="A file that you changed or wrote yourself: remove it; then `countenance erase --resume`. "
            "If it stays, report it.",
        )
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


def _weighed(
    store: Store, swept: Swept, control: Control, names: Sequence[str], photos: Collection[str]
) -> tuple[list[Hit], dict[str, int]]:
    """Finds that are remains; and those that are not, counted.

    A name also stands where the organisation's own words say it: in the path of a photo, which the database repeats.
    And it may be the name, or a part of the name, of somebody else, in a file about that person: whatever was
    registered about the erased one is gone by now. A picture also stands in copies of another photo that holds it, and
    in those copies of this photo on which the erased person is hidden.
    """
    with store.reading() as tx:
        own_words = {place: mentioned(tx, name) for place, name in enumerate(names)}
        registered = {os.fsdecode(os.path.realpath(each.path)): each for each in written.everything(tx)}
    found, twins, others = list[Hit](), 0, 0
    for hit in swept.found:
        if control.is_ours(hit):
            continue
        row = registered.get(str(hit.path))
        in_database = str(hit.path).startswith(os.path.realpath(store.path))
        if hit.kind == BLOCK and row is not None and (row.photo not in photos or row.kind in _HIDDEN):
            twins += 1
        elif _is_name(hit.kind) and row is not None:
            others += 1
        elif not (_is_name(hit.kind) and in_database and own_words[int(hit.kind.split()[1])]):
            found.append(hit)
    left = {OWN_WORDS: sum(own_words.values()), OTHERS_FILES: others, TWINS: twins}
    return found, {what: n for what, n in left.items() if n}


def _is_name(kind: str) -> bool:
    return kind.split(maxsplit=1)[0] == _NAME


def _plain(kind: str) -> str:
    """The kind without the number of the name."""
    return " ".join([_NAME, *kind.split()[2:]]) if _is_name(kind) else kind
