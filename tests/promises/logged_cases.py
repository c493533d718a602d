"""Every story of searching under a case, told once: what was done, and whom it touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from countenance.core.case import Mark
from countenance.errors import CaseError
from countenance.ledger.event import Act
from countenance.store.collections import Release
from tests.pretend import photo
from tests.promises.logged import ACTOR, STRANGER, Scene, Told, _of
from tests.searching import NUMBER, SOUGHT, STUDIO, Bureau, probe


def _bureau(scene: Scene) -> Bureau:
    """A release collection with two photos, on one of which is the person searched for."""
    basis = Release("contract 12", "the school", scene.form().until_at)
    scene.archive.create_collection(STUDIO, basis)
    scene.party.put_as({f"{STUDIO}/{seat}.jpg": photo(seat, mark=STUDIO) for seat in (SOUGHT, STRANGER)})
    scene.archive.ingest(STUDIO, [scene.party.photos / STUDIO])
    return Bureau(scene.party)


_MADE = [_of(Act.CREATE_COLLECTION), _of(Act.INGEST)]
_ASKED = [*_MADE, _of(Act.CASE_OPEN)]
_APPROVED = [*_ASKED, _of(Act.CASE_VIEW), _of(Act.CASE_APPROVE)]
_SEARCHED = [*_APPROVED, _of(Act.CASE_SEARCH)]


def _open_case(scene: Scene) -> Told:
    _bureau(scene).open()
    return Counter(_ASKED)


def _add_probes(scene: Scene) -> Told:
    bureau = _bureau(scene)
    bureau.open()
    bureau.acting(ACTOR).add_probes(NUMBER, [probe(SOUGHT, "another")])
    return Counter([*_ASKED, _of(Act.CASE_PROBE)])


def _show_probes(scene: Scene) -> Told:
    bureau = _bureau(scene)
    bureau.open()
    bureau.code()
    return Counter([*_ASKED, _of(Act.CASE_VIEW)])


def _approve_case(scene: Scene) -> Told:
    _bureau(scene).approved()
    return Counter(_APPROVED)


def _search_case(scene: Scene) -> Told:
    bureau = _bureau(scene)
    bureau.open()
    for _ in range(2):  # what is refused is an act as well
        with pytest.raises(CaseError):
            bureau.search()
    bureau.approve()
    assert bureau.search().results.candidates
    return Counter([*_SEARCHED, _of(Act.CASE_SEARCH), _of(Act.CASE_SEARCH)])


def _case_results(scene: Scene) -> Told:
    bureau = _bureau(scene)
    bureau.approved()
    bureau.search()
    scene.archive.case_results(NUMBER)
    return Counter([*_SEARCHED, _of(Act.CASE_VIEW)])


def _write_candidates(scene: Scene) -> Told:
    bureau = _bureau(scene)
    bureau.approved()
    bureau.search()
    scene.archive.write_candidates(NUMBER, scene.party.folder / "candidates")
    return Counter([*_SEARCHED, _of(Act.CASE_VIEW)])


def _review_case(scene: Scene) -> Told:
    bureau = _bureau(scene)
    bureau.approved()
    bureau.search()
    scene.archive.review_case(NUMBER, {1: Mark.LEAD})
    return Counter([*_SEARCHED, _of(Act.CASE_REVIEW)])


def _close_case(scene: Scene) -> Told:
    bureau = _bureau(scene)
    bureau.open()
    scene.archive.close_case(NUMBER)
    return Counter([*_ASKED, _of(Act.CASE_CLOSE), _of(Act.CASE_PURGE)])


def _report_case(scene: Scene) -> Told:
    bureau = _bureau(scene)
    bureau.approved()
    bureau.search()
    scene.archive.report_case(NUMBER, scene.party.folder / "report")
    return Counter([*_SEARCHED, _of(Act.CASE_REPORT), _of(Act.CASE_VIEW)])


def _purge_cases(scene: Scene) -> Told:
    bureau = _bureau(scene)
    bureau.approved()
    bureau.search()
    scene.party.clock.advance(days=31)
    scene.archive.purge_cases()
    scene.archive.purge_cases()
    return Counter([*_SEARCHED, _of(Act.CASE_PURGE)])


CASE_STORIES: dict[str, Callable[[Scene], Told]] = {
    name.removeprefix("_"): story
    for name, story in list(globals().items())
    if callable(story) and getattr(story, "__annotations__", {}).get("return") == "Told" and name.startswith("_")
}
"""By the method of ``Archive`` that it tells of."""
