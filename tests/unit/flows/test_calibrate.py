"""A collection calibrated on faces that say who they are and how much they resemble others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from countenance.archive import DATABASE
from countenance.core.canonical import parse
from countenance.errors import CalibrationError, ConflictError, ConsentError, CountenanceError, UsageError
from countenance.flows import calibrate as flow
from countenance.flows import rereading
from countenance.flows.calibrate import Wanted
from countenance.index import flat
from countenance.ledger.event import Act
from countenance.store import appearances, calibrations, entries, subjects
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED, Appearance
from countenance.store.calibrations import Calibration
from countenance.store.collections import Release
from tests.drawn import CLUB, Clock, name_of
from tests.pretend import Guest, Party, photo

PEOPLE, PHOTOS = 12, 10
STRANGER = 50
LIKENESS = np.linspace(0.001, 0.2, PEOPLE * PHOTOS)
"""How much each face resembles somebody else: all different, so that every threshold is known."""
WANTED = Wanted(0.05, 0.1)
ALLOWED = 6
"""Of 120 faces and 12 references against 11 others each, at an FMR of 1 - 0.95 ** (1 / 12)."""


def crowd(number: int) -> bytes:
    """One photo of everybody."""
    first = number * PEOPLE
    return photo(
        *(Guest(seat, 0.97, (seat + 1) % PEOPLE, float(LIKENESS[first + seat])) for seat in range(PEOPLE)),
        mark=str(number),
    )


def fill(party: Party) -> None:
    """Everybody enrolled, everybody on ten photos, every suggestion confirmed."""
    for seat in range(PEOPLE):
        party.enrol(seat)
    party.put(**{f"crowd-{number}": crowd(number) for number in range(PHOTOS)})
    party.archive.ingest(CLUB, [party.photos])
    confirm_all(party)


def confirm_all(party: Party) -> None:
    waiting = [row for seat in range(PEOPLE) for row in said_of(party, seat, SUGGESTED)]
    party.archive.decide_each(CLUB, {row.id: CONFIRMED for row in waiting}, "Ms Reed")


def said_of(party: Party, seat: int, state: str) -> list[Appearance]:
    with party.archive._store.reading() as tx:
        subject = party.archive.subject(name_of(seat)).id
        rows = tx.exec_driver_sql("SELECT id FROM appearances WHERE subject_id = ? AND state = ?", (subject, state))
        return [appearances.by_id(tx, row[0]) for row in rows.all()]


@pytest.fixture(scope="module")
def crowd_stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crowd")
    with pytest.MonkeyPatch.context() as patch, Party.make(folder, calibrated=False).pretend(patch) as made:
        fill(made)
    return folder


@pytest.fixture
def school(crowd_stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Party]:
    """A copy of that archive; the photos stay where they are."""
    with Party.open_copy(crowd_stock, tmp_path).pretend(monkeypatch) as copy:
        yield copy


def calibrate(party: Party, wanted: Wanted = WANTED) -> Calibration:
    return party.archive.calibrate(CLUB, wanted)


def calibrated(party: Party) -> Calibration | None:
    return party.archive.calibration(CLUB)[0]


def acts_of(party: Party) -> list[dict[str, object]]:
    with party.archive._store.reading() as tx:
        return [parse(body) for _, body in entries.bodies(tx)]


def test_known_scores_give_the_known_threshold(school: Party) -> None:
    made = calibrate(school)
    falling = np.sort(LIKENESS)[::-1]
    assert made.threshold == pytest.approx(falling[ALLOWED], abs=1e-5)
    assert made.threshold_low < made.threshold < made.threshold_high <= falling[0] + 1e-5
    assert (made.people, made.searches, made.comparisons) == (12, 120, 120 * 11 + 12 * 11 // 2)
    assert (made.meant_for, made.enrolled) == (12, 12)
    assert (made.suggested, made.suggested_below, made.named) == (120, 0, 0)


def test_no_score_below_the_operating_floor_is_used(school: Party) -> None:
    made, pack = calibrate(school), school.scope.pack
    assert made.threshold_high < pack.agree < pack.match
    assert (made.suggest, made.certain) == (pack.agree, pack.match)


def test_it_is_kept_and_logged_with_whom_it_touched(school: Party) -> None:
    assert calibrated(school) is None
    made = calibrate(school)
    assert calibrated(school) == made
    assert (made.made_by, made.made_at, made.pack) == (
        school.archive.actor,
        school.clock.now,
        school.scope.pack.id,
    )
    last = acts_of(school)[-1]
    assert last["act"] == Act.CALIBRATE
    assert last["facts"] == {"fpir-per-million": 50_000, "meant-for": 12, "people": 12, "searches": 120}
    assert len(last["subjects"]) == PEOPLE  # type: ignore[arg-type]


def test_what_cannot_be_logged_is_not_kept(school: Party) -> None:
    with closing(sqlite3.connect(school.archive.folder / DATABASE)) as raw:
        raw.execute("CREATE TRIGGER full BEFORE INSERT ON ledger_entries BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(CountenanceError):
        calibrate(school)
    assert calibrated(school) is None


def test_more_people_than_there_are_need_more_comparisons(school: Party) -> None:
    few = calibrate(school, Wanted(0.1, 0.2))
    school.clock.advance(seconds=1)
    many = calibrate(school, Wanted(0.1, 0.2, meant_for=40))
    assert many.threshold > few.threshold
    assert (many.meant_for, many.enrolled) == (40, 12)
    assert calibrated(school) == many, "a newer one takes the place of the older"
    with pytest.raises(CalibrationError, match="among 4,000 enrolled people"):
        calibrate(school, Wanted(0.1, 0.2, meant_for=4_000))


def test_suggestions_are_no_ground_truth(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    for seat in range(3, PEOPLE):
        party.enrol(seat)
    party.put(**{f"crowd-{number}": crowd(number) for number in range(PHOTOS)})
    party.archive.ingest(CLUB, [party.photos])
    monkeypatch.setattr(flow, "read_again", lambda *_: pytest.fail("a photo is read"))
    with pytest.raises(CalibrationError, match="confirmed faces of 0 people, and 10 are needed"):
        calibrate(party)


def test_too_little_is_refused_before_anything_is_compared(school: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat, "best_by_group", lambda *_: pytest.fail("something is compared"))
    n_acts = len(acts_of(school))
    with pytest.raises(CalibrationError) as refused:
        calibrate(school, Wanted(0.001, 0.1))
    assert "120 confirmed faces of 12 people give 1,386 comparisons" in refused.value.message
    assert refused.value.exit_code == 1
    assert len(acts_of(school)) == n_acts
    assert calibrated(school) is None


def test_photos_that_are_gone_count_for_nothing(school: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    real = rereading.read_again

    def some(*given: object) -> Iterator[object]:
        for batch in real(*given):  # type: ignore[arg-type]
            for work in batch.items[:1]:
                work.refuse("damaged", "It cannot be read.")
            yield batch

    monkeypatch.setattr(flow, "read_again", some)
    made = calibrate(school, Wanted(0.1, 0.2))
    assert made.searches == 60, "one of the two photos of each batch"
    with pytest.raises(CalibrationError, match="60 confirmed faces"):
        calibrate(school, Wanted(0.04, 0.2))


def test_whoever_took_it_back_is_not_compared(school: Party) -> None:
    school.archive.withdraw(name_of(0))
    made = calibrate(school, Wanted(0.1, 0.2))
    assert (made.people, made.searches) == (11, 110)
    assert made.comparisons == 110 * 10 + 11 * 10 // 2


def test_a_face_that_is_not_somebody_is_one_more_comparison(school: Party) -> None:
    before = calibrate(school)
    school.put(stranger=photo(Guest(STRANGER, 0.1, 3, 0.96)))
    school.archive.ingest(CLUB, [school.photos])
    (wrong,) = said_of(school, 3, SUGGESTED)
    school.archive.decide(CLUB, [wrong.id], REJECTED, "Ms Reed")
    after = calibrate(school)
    assert after.comparisons == before.comparisons + 1
    assert after.searches == before.searches
    assert after.threshold == pytest.approx(np.sort(LIKENESS)[::-1][ALLOWED - 1], abs=1e-5)


def test_a_face_that_is_none_says_nothing(school: Party) -> None:
    (one, *_) = said_of(school, 2, CONFIRMED)
    school.archive.remark(CLUB, "Ms Reed", nobody=[], no_face=[one.face])
    assert calibrate(school).searches == 119


def test_one_person_enrolled_twice_is_one(school: Party) -> None:
    school.enrol(20, like=0)
    made = calibrate(school)
    assert made.threshold > 0.9, "two who are one look like an error of the machine"
    school.archive.merge(name_of(0), name_of(20), "Ms Reed")
    made = calibrate(school)
    assert made.threshold < 0.3
    assert (made.enrolled, made.people) == (12, 12)


def test_a_reference_is_not_compared_with_the_photo_it_was_made_of(school: Party) -> None:
    (one, *_) = said_of(school, 2, CONFIRMED)
    with school.archive._store.transaction() as tx:
        tx.exec_driver_sql(
            "UPDATE subject_references SET photo_sha256 = ? WHERE subject_id = ?", (one.sha256, one.subject)
        )
    made = calibrate(school)
    assert (made.suggested, made.searches) == (119, 120)


def test_faces_named_by_hand_are_told_apart(school: Party) -> None:
    school.put(missed=photo(Guest(5, 0.6), Guest(6, 0.94), mark="missed"))
    school.archive.ingest(CLUB, [school.photos])
    with school.archive._store.reading() as tx:
        faces = tx.exec_driver_sql("SELECT id, x FROM faces WHERE id NOT IN (SELECT face_id FROM appearances)").all()
    for face, x in faces:
        school.archive.name_face(face, name_of(5 + round(x / 10)), "Ms Reed")
    made = calibrate(school)
    assert (made.named, made.named_below) == (2, 1), "one scores below the floor of the pack, which is 0.914"
    assert (made.suggested, made.searches) == (120, 122)


def test_a_consent_taken_back_meanwhile_stops_it(school: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    real, still_there = flow._compare, [name_of(1)]

    def compare(*given: object) -> None:
        real(*given)  # type: ignore[arg-type]
        if still_there:
            school.archive.withdraw(still_there.pop())

    monkeypatch.setattr(flow, "_compare", compare)
    with pytest.raises(ConflictError, match="took back a consent"):
        calibrate(school)
    assert calibrated(school) is None


def test_a_release_collection_asks_its_kept_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = Release("contract 12", "the board", Clock().now + timedelta(days=1))
    with Party.make(tmp_path, calibrated=False, release=release).pretend(monkeypatch) as party:
        fill(party)
        for path in party.photos.iterdir():
            path.unlink()
        made = calibrate(party)
        assert made.searches == 120
        assert made.threshold == pytest.approx(np.sort(LIKENESS)[::-1][ALLOWED], abs=1e-5)
        party.clock.advance(days=2)
        with pytest.raises(ConsentError, match="has ended"):
            calibrate(party)


@pytest.mark.parametrize("wanted", [Wanted(0), Wanted(1, 1), Wanted(0.2, 0.1), Wanted(0.1, 1), Wanted(0.01, 0.1, 0)])
def test_rates_that_are_none(school: Party, wanted: Wanted) -> None:
    with pytest.raises(UsageError):
        calibrate(school, wanted)


def test_the_same_seed_gives_the_same_interval(school: Party) -> None:
    first, second, other = (calibrate(school, Wanted(0.05, 0.1, seed=seed)) for seed in (1, 1, 2))
    assert first == second
    assert (other.threshold, other.seed) == (first.threshold, 2)


def test_a_lower_score_for_suggesting_makes_a_look_back_due(school: Party) -> None:
    with school.archive._store.transaction() as tx:
        for each in subjects.of_collection(tx, school.archive._keys, school.scope.collection.id):
            subjects.set_pending(tx, each.id, pending_rescan=False)
    calibrate(school)
    assert school.archive.rescan(CLUB).subjects == PEOPLE
    calibrate(school)
    assert school.archive.rescan(CLUB).subjects == 0, "it is as low as before"


def test_a_calibration_of_another_pack_is_refused(school: Party) -> None:
    made = calibrate(school)
    where = school.scope.collection.id
    with school.archive._store.reading() as tx:
        assert calibrations.current(tx, where, "another@1") is None
    other = Calibration(**{**{name: getattr(made, name) for name in made.__slots__}, "pack": "another@1"})
    with pytest.raises(ConflictError, match="another model pack"), school.archive._store.transaction() as tx:
        calibrations.add(tx, where, other)


def test_twice_as_many_people_ask_for_another_one(school: Party) -> None:
    calibrate(school)
    assert school.archive.calibration(CLUB)[1] == ""
    for seat in range(PEOPLE, 2 * PEOPLE):
        school.enrol(seat)
    assert "24 people are enrolled now, so it happens about 2.0 times as often" in school.archive.calibration(CLUB)[1]
