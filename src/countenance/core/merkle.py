"""The Merkle tree of a log: hashes, proofs, and the two checks. Pure arithmetic; others keep the nodes.

A node (level, n) covers the leaves from ``n << level`` up to ``(n + 1) << level`` and exists once all of them do.

Source: RFC 6962, section 2.1 (tree and proofs); RFC 9162, sections 2.1.3.2 and 2.1.4.2 (verification).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""

NodeAt: TypeAlias = Callable[[int, int], bytes]
"""(level, n) -> the 32-byte hash of a complete node; level 0 are the leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry as a leaf: SHA-256 of 0x00 and the entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over two: SHA-256 of 0x01, the left and the right hash."""
    return hashlib.sha256(b"\1" + left + right).digest()


def completed(size: int, leaves: Sequence[bytes], at: NodeAt) -> Iterator[tuple[int, int, bytes]]:
    """Every node above the leaves that becomes complete when leaves are appended, as (level, n, hash).

    Args:
        size: leaves before.
        leaves: hashes of those that are added.
        at: nodes of the tree as it was.
    """
    made: dict[tuple[int, int], bytes] = {}

    def node(level: int, n: int) -> bytes:
        return made[level, n] if (level, n) in made else at(level, n)

    for n, leaf in enumerate(leaves, start=size):
        made[0, n] = leaf
        level, place = 0, n
        while place % 2:
            place //= 2
            level += 1
            made[level, place] = node_hash(node(level - 1, 2 * place), node(level - 1, 2 * place + 1))
            yield level, place, made[level, place]


def root_of(size: int, at: NodeAt) -> bytes:
    """Root of the tree of the first ``size`` leaves."""
    return _range_hash(0, size, at) if size else EMPTY_ROOT


class Growing:
    """The tree of leaves that come one after the other, with no more in memory than one node for each level.

    Attributes:
        size: leaves so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._peaks: dict[int, bytes] = {}

    def add(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf's hash; gives every node above the leaves that is complete now, as (level, n, hash)."""
        level, place, made, nodes = 0, self.size, leaf, list[tuple[int, int, bytes]]()
        while place % 2:
            made = node_hash(self._peaks.pop(level), made)
            level, place = level + 1, place // 2
            nodes.append((level, place, made))
        self._peaks[level] = made
        self.size += 1
        return nodes

    @property
    def root(self) -> bytes:
        """Root of the tree as it is now."""
        peaks = [self._peaks[level] for level in sorted(self._peaks)]
        if not peaks:
            return EMPTY_ROOT
        reached = peaks[0]
        for left in peaks[1:]:
            reached = node_hash(left, reached)
        return reached


def inclusion_proof(n: int, size: int, at: NodeAt) -> list[bytes]:
    """Hashes that lead from leaf ``n`` to the root of the tree of the first ``size`` leaves, leaf first.

    Raises:
        ValueError: that tree has no such leaf.
    """
    if not 0 <= n < size:
        msg = f"A tree of {size} leaves has no leaf {n}."
        raise ValueError(msg)
    low, high, proof = 0, size, list[bytes]()
    while high - low > 1:
        middle = low + _split(high - low)
        if n < middle:
            proof.append(_range_hash(middle, high, at))
            high = middle
        else:
            proof.append(_range_hash(low, middle, at))
            low = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, at: NodeAt) -> list[bytes]:
    """Hashes that show the tree of the first ``old`` leaves to be the beginning of that of the first ``new``.

    Raises:
        ValueError: not 0 <= old <= new.
    """
    if not 0 <= old <= new:
        msg = f"A tree of {old} leaves is not the beginning of one of {new}."
        raise ValueError(msg)
    if old in {0, new}:
        return []
    low, high, proof = 0, new, list[bytes]()
    while high != old:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(_range_hash(middle, high, at))
            high = middle
        else:
            proof.append(_range_hash(low, middle, at))
            low = middle
    if low:  # else the old root is the verifier's own
        proof.append(_range_hash(low, high, at))
    return proof[::-1]


def verify_inclusion(leaf: bytes, n: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a leaf is at a place of the tree with this size and root.

    Args:
        leaf: hash of the entry.
        n: its place, from 0.
        size: of the tree, from a checkpoint and never from the proof.
        proof: hashes, leaf first.
        root: of the tree, from the same checkpoint.
    """
    if not 0 <= n < size or any(len(each) != HASH_BYTES for each in (leaf, root, *proof)):
        return False
    place, last, reached = n, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if place % 2 or place == last:
            reached = node_hash(each, reached)
            while place and not place % 2:
                place, last = place // 2, last // 2
        else:
            reached = node_hash(reached, each)
        place, last = place // 2, last // 2
    return last == 0 and reached == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the tree of an older checkpoint is the beginning of a newer one's.

    Args:
        old: size of the older tree.
        new: size of the newer tree.
        proof: hashes as ``consistency_proof`` gives them.
        old_root: of the older tree.
        new_root: of the newer tree.
    """
    if old == new:
        return old >= 0 and not proof and old_root == (new_root if old else EMPTY_ROOT) == new_root
    if not 0 <= old < new or any(len(each) != HASH_BYTES for each in (old_root, new_root, *proof)):
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = [*proof] if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    place, last = old - 1, new - 1
    while place % 2:
        place, last = place // 2, last // 2
    was = now = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if place % 2 or place == last:
            was, now = node_hash(each, was), node_hash(each, now)
            while place and not place % 2:
                place, last = place // 2, last // 2
        else:
            now = node_hash(now, each)
        place, last = place // 2, last // 2
    return last == 0 and was == old_root and now == new_root


def _split(size: int) -> int:
    """The largest power of two below a size of 2 or more."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_hash(low: int, high: int, at: NodeAt) -> bytes:
    """Hash over the leaves from ``low`` up to ``high``, where ``low`` begins a node at least as large."""
    size = high - low
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return at(level, low >> level)
    middle = low + _split(size)
    return node_hash(_range_hash(low, middle, at), _range_hash(middle, high, at))
