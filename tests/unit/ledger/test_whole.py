from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from countenance.core.merkle import EMPTY_ROOT, root_of
from countenance.ledger.whole import MOST_FINDINGS, Examined, examine
from tests.unit.ledger.logs import Log, nodes_of


def levels(nodes: Sequence[tuple[int, int, bytes]]) -> dict[int, Iterator[tuple[int, bytes]]]:
    found: dict[int, list[tuple[int, bytes]]] = {}
    for level, n, digest in sorted(nodes):
        found.setdefault(level, []).append((n, digest))
    return {level: iter(each) for level, each in found.items()}


def look(bodies: Sequence[bytes], nodes: Sequence[tuple[int, int, bytes]], *sizes: int) -> Examined:
    return examine(enumerate(bodies), levels(nodes), sizes)


def test_a_sound_log_has_no_findings_and_the_roots_asked_for(log: Log) -> None:
    bodies = log.bodies()
    nodes = nodes_of(bodies)
    kept = {(level, n): digest for level, n, digest in nodes}
    found = look(bodies, nodes, 0, 4, 7, 99)
    assert found.findings == ()
    assert found.size == 7
    assert found.roots == {0: EMPTY_ROOT, 4: kept[2, 0], 7: found.root}
    assert found.root == examine(enumerate(bodies), None).root
    assert root_of(4, lambda level, n: kept[level, n]) == found.roots[4]
    assert examine([], None).root == EMPTY_ROOT


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"n": 3}', "Entry 3 is not canonical JSON."),
        (b"[]", "Entry 3 has a form that is not known here."),
        (b'{"n":3,"v":1}', "Entry 3 has a form that is not known here."),
    ],
)
def test_an_entry_of_another_form_is_found(log: Log, body: bytes, words: str) -> None:
    bodies = log.bodies()
    bodies[3] = body
    assert look(bodies, nodes_of(bodies)).findings == (words,)


def test_every_entry_has_its_own_number(log: Log) -> None:
    bodies = log.bodies()
    bodies[3] = bodies[2]
    assert look(bodies, nodes_of(bodies)).findings == ("Entry 3 says that it is entry 2.",)
    bodies[3] = bodies[2].replace(b'"n":2,', b'"n":true,', 1)
    assert "Entry 3 says that it is entry" in look(bodies, nodes_of(bodies)).findings[0]


def test_a_gap_ends_the_log(log: Log) -> None:
    bodies = log.bodies()
    gapped = [(n, body) for n, body in enumerate(bodies) if n != 3]
    found = examine(gapped, levels(nodes_of(bodies)))
    assert found.findings == ("Entry 3 is missing.",)
    assert found.size == 3


def test_every_node_is_compared(log: Log) -> None:
    bodies = log.bodies()
    nodes = nodes_of(bodies)
    assert len(nodes) == 4
    for place, (level, n, _) in enumerate(nodes):
        wrong = [*nodes[:place], (level, n, bytes(32)), *nodes[place + 1 :]]
        assert look(bodies, wrong).findings == (f"Node {n} of level {level} is not what the entries give.",)
        assert look(bodies, [*nodes[:place], *nodes[place + 1 :]]).findings != ()
    assert look(bodies, [*nodes, (1, 3, bytes(32))]).findings == ("Level 1 has nodes of no entry.",)
    assert look(bodies, [*nodes, (9, 0, bytes(32))]).findings == ("Level 9 has nodes of no entry.",)


def test_a_log_full_of_findings_does_not_list_them_all() -> None:
    found = examine(((n, b"{}") for n in range(10_000)), None)
    assert len(found.findings) == MOST_FINDINGS + 2
    assert found.findings[-1] == "More is wrong than is listed here."
