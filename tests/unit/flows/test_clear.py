from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pretend import Guest, Party, photo, released, seats_on, verdicts

ANN, BOB, CY, STRANGER = 0, 1, 2, 9


@pytest.fixture
def party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Party]:
    with Party.make(tmp_path, monkeypatch) as made:
        yield made


def test_verdicts(party: Party) -> None:
    party.enrol(ANN)
    party.put(ann=photo(ANN), both=photo(ANN, STRANGER), nobody=photo(), signs=photo(signs=True), doubt=photo(Guest(ANN, 0.95)))
    report = party.clear()
    print([(o.name,o.verdict,o.refused) for o in report.outcomes])
    print(verdicts(report), released(party.out))
    assert 0
