"""The tree against its definition, against itself, and against the public vectors of transparency-dev/merkle."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.core.merkle import (
    EMPTY_ROOT,
    Growing,
    completed,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

SIZES = st.integers(1, 70)


class Kept:
    """A tree with all its nodes, as the database keeps them."""

    def __init__(self, n_leaves: int) -> None:
        self.leaves = [leaf_hash(b"%d" % n) for n in range(n_leaves)]
        self.nodes = {(0, n): leaf for n, leaf in enumerate(self.leaves)}
        self.nodes |= {(level, n): made for level, n, made in completed(0, self.leaves, self.at)}

    def at(self, level: int, n: int) -> bytes:
        return self.nodes[level, n]

    def defined_root(self, low: int, high: int) -> bytes:
        """As RFC 6962 defines it, section 2.1."""
        size = high - low
        if size == 0:
            return hashlib.sha256().digest()
        if size == 1:
            return self.leaves[low]
        split = 1
        while split * 2 < size:
            split *= 2
        return node_hash(self.defined_root(low, low + split), self.defined_root(low + split, high))


@given(SIZES)
def test_the_root_is_the_defined_one_however_it_is_reached(size: int) -> None:
    tree, growing = Kept(size), Growing()
    assert growing.root == EMPTY_ROOT == root_of(0, tree.at)
    nodes = [node for leaf in tree.leaves for node in growing.add(leaf)]
    assert growing.root == root_of(size, tree.at) == tree.defined_root(0, size)
    assert growing.size == size
    assert {(level, n): made for level, n, made in nodes} == {
        place: made for place, made in tree.nodes.items() if place[0]
    }


@given(SIZES, st.integers(0, 70))
def test_a_tree_may_grow_in_groups(size: int, split: int) -> None:
    whole = Kept(size)
    first = min(split, size)
    before = Kept(first)
    after = {(level, n): made for level, n, made in completed(first, whole.leaves[first:], before.at)}
    assert {**before.nodes, **after, **{(0, n): leaf for n, leaf in enumerate(whole.leaves)}} == whole.nodes


@given(SIZES, st.data())
def test_every_leaf_is_proven_and_at_its_own_place_only(size: int, data: st.DataObject) -> None:
    tree = Kept(size)
    n = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(n, size, tree.at), root_of(size, tree.at)
    assert verify_inclusion(tree.leaves[n], n, size, proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda each: each != n or size == 1))
    assert other == n or not verify_inclusion(tree.leaves[n], other, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"another"), n, size, proof, root)
    assert not verify_inclusion(tree.leaves[n], n, size, [*proof, root], root)
    if proof:
        assert not verify_inclusion(tree.leaves[n], n, size, proof[:-1], root)
        assert not verify_inclusion(tree.leaves[n], n, size, [proof[0][:-1], *proof[1:]], root)


@given(st.integers(0, 70), st.integers(0, 70))
def test_every_older_tree_is_the_beginning(one: int, other: int) -> None:
    old, new = sorted((one, other))
    tree = Kept(new)
    proof = consistency_proof(old, new, tree.at)
    old_root, new_root = root_of(old, tree.at), root_of(new, tree.at)
    assert verify_consistency(old, new, proof, old_root, new_root)
    wrong = leaf_hash(b"another")
    assert not verify_consistency(old, new, proof, wrong, new_root)
    # Anything begins with nothing: of the newer tree nothing is said then.
    assert (old == 0 < new) or not verify_consistency(old, new, proof, old_root, wrong)
    assert not verify_consistency(old, new, [*proof, wrong], old_root, new_root)
    assert old == new or not verify_consistency(new, old, proof, new_root, old_root)


def test_what_no_tree_has_cannot_be_proven() -> None:
    tree = Kept(3)
    for n in (-1, 3):
        with pytest.raises(ValueError, match="has no leaf"):
            inclusion_proof(n, 3, tree.at)
    for old, new in ((-1, 3), (4, 3)):
        with pytest.raises(ValueError, match="is not the beginning"):
            consistency_proof(old, new, tree.at)


def test_proofs_of_another_length_fail() -> None:
    tree = Kept(8)
    root, half = root_of(8, tree.at), root_of(4, tree.at)
    assert not verify_inclusion(tree.leaves[0], 0, 8, [], root)
    assert not verify_inclusion(tree.leaves[0], -1, 8, inclusion_proof(0, 8, tree.at), root)
    assert not verify_consistency(3, 8, [], root_of(3, tree.at), root)
    assert not verify_consistency(-1, -1, [], root, root)
    assert not verify_consistency(4, 8, [*consistency_proof(4, 8, tree.at), half], half, root)
    assert not verify_consistency(4, 8, [half[:-1]], half, root)


def vectors(shared: Path, kind: str) -> Iterator[dict[str, Any]]:
    for path in sorted((shared / "tlogvectors" / "testdata" / kind).glob("**/*.json")):
        yield {**json.loads(path.read_text("utf-8")), "path": path}


def unspelled(values: list[str] | None) -> list[bytes]:
    return [base64.b64decode(value) for value in values or []]


def outcome(vector: dict[str, Any], size: str, root: str = "root") -> bool:
    proof = unspelled(vector["proof"])
    if "leafHash" in vector:
        leaf, root_hash = unspelled([vector["leafHash"], vector[root]])
        return verify_inclusion(leaf, vector["leafIdx"], vector[size], proof, root_hash)
    old, new = unspelled([vector["root1"], vector["root2"]])
    older = "end" if "end" in vector else "size1"
    return verify_consistency(vector[older], vector[size], proof, old, new)


@pytest.mark.shared
def test_the_196_public_vectors(shared: Path) -> None:
    given_vectors = [(vector, "treeSize") for vector in vectors(shared, "inclusion")]
    given_vectors += [(vector, "size2") for vector in vectors(shared, "consistency")]
    assert [vector["path"] for vector, size in given_vectors if outcome(vector, size) == vector["wantErr"]] == []
    assert len(given_vectors) == 196


@pytest.mark.shared
def test_the_subtree_vectors_that_are_about_whole_logs(shared: Path) -> None:
    """A subtree that begins at leaf 0 is an older log. Others, and empty ones, are nothing that this log ever signs."""
    given_vectors = [(vector, "end") for vector in vectors(shared, "subtreeinclusion")]
    given_vectors += [(vector, "size") for vector in vectors(shared, "subtreeconsistency")]
    ours = [(vector, size) for vector, size in given_vectors if vector["start"] == 0 and vector["end"] > 0]
    assert [vector["path"] for vector, size in ours if outcome(vector, size) == vector["wantErr"]] == []
    assert len(given_vectors) == 322
    assert len(ours) > 150
