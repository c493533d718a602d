"""Check a whole log, entry by entry and node by node, from wherever they come."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from countenance.core.canonical import parse
from countenance.core.merkle import EMPTY_ROOT, Growing, leaf_hash
from countenance.ledger.event import FIELDS, FORM

MOST_FINDINGS: Final = 100
"""What is wrong beyond that is not listed."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a log is.

    Attributes:
        size: entries that follow each other without a gap.
        root: 32 bytes, over them.
        roots: at each of the sizes asked for that it reaches.
        findings: what is wrong, one sentence each; empty for a sound log.
    """

    size: int
    root: bytes
    roots: Mapping[int, bytes]
    findings: tuple[str, ...]


def examine(
    bodies: Iterable[tuple[int, bytes]],
    nodes: Mapping[int, Iterator[tuple[int, bytes]]] | None,
    sizes: Collection[int] = (),
) -> Examined:
    """Read a log from its first entry to its last.

    Args:
        bodies: (number, entry) in order.
        nodes: by level, (number, hash) of the nodes that are kept, in order; None where none are.
        sizes: at which the root is wanted.
    """
    tree, findings = Growing(), list[str]()
    roots = {0: EMPTY_ROOT} if 0 in sizes else {}
    kept = nodes if nodes is not None else {}
    for n, body in bodies:
        if n != tree.size:
            findings.append(f"Entry {tree.size} is missing.")
            break
        trouble = entry_trouble(n, body)
        if trouble:
            findings.append(trouble)
        for level, place, digest in tree.add(leaf_hash(body)):
            if nodes is not None and next(kept.get(level, iter(())), None) != (place, digest):
                findings.append(f"Node {place} of level {level} is not what the entries give.")
        if tree.size in sizes:
            roots[tree.size] = tree.root
        if len(findings) > MOST_FINDINGS:
            findings.append("More is wrong than is listed here.")
            break
    else:
        findings += [f"Level {level} has nodes of no entry." for level, rest in kept.items() if next(rest, None)]
    return Examined(tree.size, tree.root, roots, tuple(findings))


def entry_trouble(n: int, body: bytes) -> str | None:
    """What is wrong with an entry by itself, as one sentence; None when nothing is."""
    try:
        fields = parse(body)
    except ValueError:
        return f"Entry {n} is not canonical JSON."
    if not isinstance(fields, dict) or fields.keys() != FIELDS or fields["v"] != FORM:
        return f"Entry {n} has a form that is not known here."
    if type(fields["n"]) is not int or fields["n"] != n:
        return f"Entry {n} says that it is entry {fields['n']}."
    return None
