"""Random edits of a log, by somebody who may write every file of the archive, with the signing key or without it.

The log under attack is in memory here: entries, nodes, mirror and signed checkpoint, as the archive keeps them. The
check is the archive's own, ``ledger.whole.examine``, and what ``flows.audit.verify`` makes of it, with the one older
checkpoint that an outsider kept.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from countenance.core.canonical import canonical, parse
from countenance.core.merkle import Growing, leaf_hash
from countenance.core.notes import Checkpoint, checkpoint_text
from countenance.errors import ProofError
from countenance.ledger.note import public_key, sign_note
from countenance.ledger.verify import Verifier
from countenance.ledger.whole import examine

SEED: Final = bytes(range(32))
ORIGIN: Final = "countenance/0123456789abcdef"
STRANGER: Final = bytes(32)
Nodes = dict[int, list[tuple[int, bytes]]]
Chance = random.Random


@dataclass(frozen=True)
class Kept:
    """What an archive keeps of its log.

    Attributes:
        bodies: entries of the database.
        nodes: by level, (number, hash).
        mirror: entries of the mirror.
        note: signed checkpoint of the mirror.
    """

    bodies: list[bytes]
    nodes: Nodes
    mirror: list[bytes]
    note: str

    @classmethod
    def honest(cls, n_entries: int) -> Kept:
        return cls.of([entry(n) for n in range(n_entries)], SEED)

    @classmethod
    def of(cls, bodies: Sequence[bytes], seed: bytes) -> Kept:
        nodes, tree = _nodes(bodies)
        return cls([*bodies], nodes, [*bodies], _signed(bodies, tree.root, seed))


@dataclass
class Checker:
    """Somebody who holds the log's public key and one older checkpoint, and gets to see all that the archive keeps."""

    older: str
    verifier: Verifier = field(default_factory=lambda: Verifier(public_key(SEED, ORIGIN).line))

    def finds(self, kept: Kept) -> bool:
        try:
            old, signed = self.verifier.checkpoint(self.older), self.verifier.checkpoint(kept.note)
        except ProofError:
            return True
        levels = {level: iter(each) for level, each in kept.nodes.items()}
        found = examine(enumerate(kept.bodies), levels, {old.size, signed.size})
        if found.findings or kept.mirror != kept.bodies:
            return True
        return any(found.roots.get(each.size) != each.root for each in (old, signed)) or signed.size != found.size


def older_of(kept: Kept, size: int) -> str:
    """The checkpoint that was signed when the log had ``size`` entries."""
    return _signed(kept.bodies[:size], _nodes(kept.bodies[:size])[1].root, SEED)


def entry(n: int, act: str = "find") -> bytes:
    fields = {
        "v": 1,
        "n": n,
        "at": f"2026-01-01T00:{n // 60 % 60:02d}:{n % 60:02d}.{n:06d}Z",
        "act": act,
        "actor": "0" * 24,
        "collection": None,
        "subjects": [],
        "nonce": None,
        "facts": {"n": n * 7919 % 1009},
    }
    return canonical(fields)


def flip(bodies: list[bytes], at: int, chance: Chance) -> list[bytes]:
    changed = bytearray(bodies[at])
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return [*bodies[:at], bytes(changed), *bodies[at + 1 :]]


def restate(bodies: list[bytes], at: int, chance: Chance) -> list[bytes]:
    """Another entry with the same number, spelled as entries are."""
    return [
        *bodies[:at],
        canonical({**parse(bodies[at]), "facts": {"n": -chance.randrange(1, 10**6)}}),
        *bodies[at + 1 :],
    ]


def drop(bodies: list[bytes], at: int, chance: Chance) -> list[bytes]:
    return [*bodies[:at], *_numbered(bodies[at + 1 :], at, chance)]


def duplicate(bodies: list[bytes], at: int, chance: Chance) -> list[bytes]:
    """The entry before once more, and the others moved; before the first one, the last."""
    return [*bodies[:at], *_numbered([bodies[at - 1], *bodies[at:]], at, chance)]


def reorder(bodies: list[bytes], at: int, chance: Chance) -> list[bytes]:
    other = (at + chance.randrange(1, len(bodies))) % len(bodies)
    low, high = sorted((at, other))
    first, second = (_numbered([bodies[high]], low, chance), _numbered([bodies[low]], high, chance))
    return [*bodies[:low], *first, *bodies[low + 1 : high], *second, *bodies[high + 1 :]]


def truncate(bodies: list[bytes], at: int, chance: Chance) -> list[bytes]:  # noqa: ARG001 - as the others
    return bodies[:at]


def fork(bodies: list[bytes], at: int, chance: Chance) -> list[bytes]:
    """Another history from there on, as long as the true one or longer."""
    n_more = chance.randrange(50)
    return [*bodies[:at], *(entry(n, "hide") for n in range(at, len(bodies) + n_more))]


def roll_back(bodies: list[bytes], at: int, chance: Chance) -> list[bytes]:
    """An older state that went on from there, and is shorter than the true one."""
    return [*bodies[:at], *(entry(n, "hide") for n in range(at, at + chance.randrange(max(1, len(bodies) - at))))]


Edit = Callable[[list[bytes], int, Chance], list[bytes]]
KINDS: Final[tuple[Edit, ...]] = (flip, restate, drop, duplicate, reorder, truncate, fork, roll_back)


def attack(honest: Kept, edit: Edit, at: int, chance: Chance, *, with_key: bool) -> Kept:
    """What is found afterwards, with as much made to fit as the attacker can or cares to.

    Args:
        honest: before.
        edit: one of ``KINDS``.
        at: entry where it begins.
        chance: decides how much is made to fit.
        with_key: whether the attacker signs with the log's own key.
    """
    bodies = edit(honest.bodies, at, chance)
    careful = Kept.of(bodies, SEED if with_key else STRANGER)
    if with_key:
        # The stronger half of the attacks: everything fits, and only the older checkpoint is left to find it.
        return careful if chance.random() < 0.9 else replace(careful, nodes=honest.nodes)
    return Kept(
        bodies,
        careful.nodes if chance.random() < 0.8 else honest.nodes,
        careful.mirror if chance.random() < 0.8 else honest.mirror,
        chance.choice((honest.note, careful.note, "", _longer(honest.note))),
    )


def _numbered(bodies: Sequence[bytes], first: int, chance: Chance) -> list[bytes]:
    """Entries that have moved, with the numbers of their new places, or as they were."""
    if chance.random() < 0.3:
        return [*bodies]
    return [_with_number(body, n) for n, body in enumerate(bodies, start=first)]


def _with_number(body: bytes, n: int) -> bytes:
    head, _, tail = body.partition(b'"n":')
    # The fact is called n as well, and stands before the entry's own number.
    middle, _, end = tail.partition(b'"n":')
    return head + b'"n":' + middle + b'"n":%d' % n + end[end.index(b",") :]


def _nodes(bodies: Sequence[bytes]) -> tuple[Nodes, Growing]:
    tree, nodes = Growing(), Nodes()
    for body in bodies:
        for level, n, digest in tree.add(leaf_hash(body)):
            nodes.setdefault(level, []).append((n, digest))
    return nodes, tree


def _signed(bodies: Sequence[bytes], root: bytes, seed: bytes) -> str:
    return sign_note(seed, ORIGIN, checkpoint_text(Checkpoint(ORIGIN, len(bodies), root)))


def _longer(note: str) -> str:
    """The true checkpoint with another size, and the signature it had."""
    origin, size, rest = note.split("\n", 2)
    return f"{origin}\n{int(size) + 1}\n{rest}"
