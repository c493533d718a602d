"""Clearing while things change, on photos that say who is in them (``tests.pretend``).

Ann and Bob said yes to the website, Cy to print.
"""

from __future__ import annotations

from typing import Any

import pytest

from countenance.errors import CountenanceError
from countenance.flows import clear, ingest, suggestions
from countenance.flows.clear import Request
from countenance.flows.release import Copy
from tests.drawn import name_of
from tests.pretend import (
    POLICY,
    WEBSITE,
    Party,
    changed,
    outcome_of,
    photo,
    released,
    seats_on,
    verdicts,
)

ANN, BOB, CY, STRANGER = 0, 1, 2, 9


@pytest.mark.parametrize("at", [1, 4, 6])
def test_a_withdrawal_during_the_run_counts_for_every_photo(party: Party, at: int) -> None:
    party.put(**{f"p{number}": photo(ANN, BOB, mark=str(number)) for number in range(6)})

    def withdraw(_: Copy) -> None:
        if party.n_written == at:
            party.archive.withdraw(name_of(ANN))

    party.before_release = withdraw
    result = party.clear()
    assert set(verdicts(result).values()) == {"redact"}
    assert len(released(party.out)) == 6
    assert {tuple(seats_on(party.out / name)) for name in released(party.out)} == {(BOB,)}
    assert changed(party.clear()) == set()


def test_what_was_out_before_the_run_is_taken_back_too(party: Party) -> None:
    party.put(old=photo(ANN))
    party.clear()
    party.put(new=photo(BOB))

    def withdraw(copy: Copy) -> None:
        if not copy.hidden:
            party.archive.withdraw(name_of(ANN))

    party.before_release = withdraw
    result = party.clear()
    assert changed(result) == {"old.jpg", "new.jpg"}
    assert set(released(party.out)) == {"redacted/old.jpg", "clear/new.jpg"}


def test_somebody_who_must_not_appear_from_now_on(party: Party) -> None:
    party.put(ann=photo(ANN), bob=photo(BOB))

    def hide(_: Copy) -> None:
        party.archive.must_not_appear(name_of(ANN), "threatened")

    party.before_release = hide
    assert verdicts(party.clear()) == {"ann.jpg": "blocked", "bob.jpg": "clear"}
    assert set(released(party.out)) == {"clear/bob.jpg"}


def test_a_consent_that_ends_while_it_runs(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.before_release = lambda _: party.clock.advance(days=40)
    assert verdicts(party.clear()) == {"ann.jpg": "redact"}
    assert set(released(party.out)) == {"redacted/ann.jpg"}


def test_a_photo_that_changes_while_it_runs_is_not_released(party: Party) -> None:
    party.put(a=photo(ANN), b=photo(ANN, mark="2"), c=photo(ANN, mark="3"))

    def replace_it(_: Copy) -> None:
        party.put(c=photo(STRANGER))

    party.before_release = replace_it
    result = party.clear()
    refused = outcome_of(result, "c.jpg").refused
    assert refused is not None
    assert refused[0] == "changed"
    assert set(released(party.out)) == {"clear/a.jpg", "clear/b.jpg"}
    party.before_release = lambda _: None
    assert verdicts(party.clear())["c.jpg"] == "redact"


def test_a_photo_that_goes_while_it_runs_is_named(party: Party) -> None:
    party.put(a=photo(ANN), b=photo(ANN, mark="2"), c=photo(ANN, mark="3"))
    party.before_release = lambda _: (party.photos / "c.jpg").unlink(missing_ok=True)
    result = party.clear()
    assert outcome_of(result, "c.jpg").refused is not None
    assert sum(result.refused.values()) == 1


def test_a_folder_that_cannot_be_written_ends_the_run_with_a_sentence(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.out.parent.joinpath("file").write_text("x", "utf-8")
    with pytest.raises(CountenanceError, match="cannot be written"):
        party.clear(out=party.out.parent / "file" / "out")


def test_what_may_no_longer_be_out_goes_before_the_long_work(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    party.put(ann=photo(ANN), bob=photo(BOB))
    party.clear()
    party.archive.withdraw(name_of(ANN))

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "ingest", stopped)
        with pytest.raises(KeyboardInterrupt):
            party.clear()
    assert list(released(party.out)) == ["clear/bob.jpg"]
    assert verdicts(party.clear()) == {"ann.jpg": "redact", "bob.jpg": "clear"}


def test_a_withdrawal_while_photos_are_looked_at_takes_out_what_is_out(
    party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    party.put(ann=photo(ANN), bob=photo(BOB))
    party.clear()
    party.put(**{f"new{number}": photo(BOB, mark=str(number)) for number in range(6)})
    seen: list[list[str]] = []
    suggest = suggestions.suggest

    def recorded(*given: Any, **more: Any) -> list[str]:  # noqa: ANN401 - whatever ingest asks
        seen.append(list(released(party.out)))
        return suggest(*given, **more)

    monkeypatch.setattr(ingest, "suggest", recorded)
    withdrawn = False

    def progress(*_: object) -> None:
        nonlocal withdrawn
        if seen and not withdrawn:
            withdrawn = True
            party.archive.withdraw(name_of(ANN))

    clear.clear(party.scope, [party.photos], Request(WEBSITE, party.out, POLICY, "office"), progress=progress)
    assert seen[0] == ["clear/ann.jpg", "clear/bob.jpg"]
    assert seen[-1] == ["clear/bob.jpg"]
