from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from countenance.flows import rescan
from countenance.flows.rescan import RescanSummary
from countenance.flows.stages import Decode, Work
from countenance.run.stage import Batch
from countenance.settings import Settings
from countenance.store import appearances, consents, subjects
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED
from tests.drawn import CLUB, Club, count, differences, name_of, portrait
from tests.unit.flows.pictures import small

FAMILIAR = (0, 1)


def labels(club: Club) -> list[tuple[object, ...]]:
    return club.rows()["appearances"]


def due(club: Club) -> list[str]:
    with club.archive._store.reading() as tx:
        return subjects.pending(tx, club.archive.collection(CLUB).id)


def make_due(club: Club, *names: str) -> None:
    with club.archive._store.transaction() as tx:
        for name in names:
            subjects.set_pending(tx, club.archive.subject(name).id, pending_rescan=True)


@pytest.fixture(scope="module")
def small_stock(tmp_path_factory: pytest.TempPathFactory, story_settings: Settings) -> Path:
    """Five portraits of one person, ingested and then enrolled, before the look back."""
    folder = tmp_path_factory.mktemp("small")
    pictures = {f"{picture}.jpg": small(0, picture) for picture in range(1, 6)}
    with Club.make(folder, story_settings, pictures) as made:
        assert made.ingest().faces >= 4
        made.enrol(0)
    return folder


@pytest.fixture
def small_club(small_stock: Path, tmp_path: Path, story_settings: Settings) -> Iterator[Club]:
    """A copy of that, with photos of its own."""
    with Club.open_copy(small_stock, tmp_path, story_settings) as copy:
        copy.take_photos(small_stock)
        yield copy


def enrol_twin(club: Club) -> None:
    """Somebody who looks exactly like the first of the cast, under another name and from another picture."""
    club.archive.enrol(CLUB, "Twin", [("twin.jpg", portrait(0, 102))], club.form(), "office")


def test_the_order_of_enrolment_and_ingest_changes_nothing(
    stock: Path, tmp_path: Path, story_settings: Settings
) -> None:
    orders: dict[str, Sequence[str]] = {
        "stock": (),
        "first": ("0", "1", "ingest"),
        "one by one": ("ingest", "1", "rescan", "0", "rescan"),
    }
    found = {}
    for order, steps in orders.items():
        if order == "stock":
            club = Club.open_copy(stock, tmp_path / order, story_settings)
        else:
            club = Club.make(tmp_path / order, story_settings)
        with club:
            for step in steps:
                if step == "ingest":
                    club.ingest()
                elif step == "rescan":
                    club.archive.rescan(CLUB)
                else:
                    club.enrol(int(step))
            found[order] = {"appearances": labels(club)}
            assert club.archive.rescan(CLUB).suggested == 0
    assert len(found["stock"]["appearances"]) >= 4
    for order in orders:
        assert differences(found["stock"], found[order], tolerance=1e-3) == [], order


def test_an_enrolled_person_is_found_where_it_was_drawn(club: Club) -> None:
    assert club.found_in(0) == ["a.jpg", "b.jpg", "f.jpg"]
    assert set(club.found_in(1)) <= {"a.jpg", "c.jpg", "f.jpg"}
    assert count(club.archive.folder, "face_templates") == 0


def test_when_nobody_is_due_no_photo_is_read(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescan, "run", None)
    assert club.archive.rescan(CLUB) == RescanSummary()


def test_only_the_newly_enrolled_are_compared(club: Club) -> None:
    before = labels(club)
    club.enrol(4)
    seen = club.archive.rescan(CLUB)
    assert (seen.subjects, seen.photos, seen.unreadable) == (1, 6, 0)
    assert seen.suggested == len(labels(club)) - len(before)
    assert due(club) == []


def test_an_interrupted_look_back_is_taken_up_again(small_club: Club) -> None:
    def stop(_: RescanSummary) -> None:
        msg = "switched off"
        raise KeyboardInterrupt(msg)

    with pytest.raises(KeyboardInterrupt):
        small_club.archive.rescan(CLUB, saved=stop)
    halfway = labels(small_club)
    assert 0 < len(halfway) < 4
    assert len(due(small_club)) == 1
    seen = small_club.archive.rescan(CLUB)
    assert seen.suggested == len(labels(small_club)) - len(halfway) > 0
    assert due(small_club) == []
    assert len({row[:3] for row in labels(small_club)}) == len(labels(small_club))


def test_progress_is_told_after_every_batch(small_club: Club) -> None:
    told: list[tuple[int, int]] = []
    small_club.archive.rescan(CLUB, saved=lambda part: told.append((part.photos, part.suggested)))
    assert len(told) >= 2
    assert told == sorted(told)
    assert told[-1][1] == len(labels(small_club))


def test_whoever_withdrew_since_is_not_looked_for(small_club: Club) -> None:
    small_club.withdraw(0)
    assert small_club.archive.rescan(CLUB).suggested == 0
    assert labels(small_club) == []


def test_a_withdrawal_in_the_middle_counts_from_the_next_batch_on(small_club: Club) -> None:
    told: list[int] = []

    def saved(part: RescanSummary) -> None:
        told.append(part.suggested)
        if len(told) == 1:
            small_club.withdraw(0)

    small_club.archive.rescan(CLUB, saved=saved)
    assert told[0] > 0
    assert set(told) == {told[0]}


def test_lost_and_exchanged_photos_are_counted_and_made_up_for_when_they_are_back(small_club: Club) -> None:
    lost, exchanged = small_club.photos / "1.jpg", small_club.photos / "2.jpg"
    new_place = small_club.photos.parent / "moved.jpg"
    lost.rename(new_place)
    exchanged.write_bytes(small(1, 1))
    first = small_club.archive.rescan(CLUB)
    assert first.unreadable == 2
    n_before = len(labels(small_club))
    assert first.suggested == n_before
    assert len(due(small_club)) == 1, "two photos are still to be compared"

    assert small_club.archive.ingest(CLUB, [new_place]).known == 1
    second = small_club.archive.rescan(CLUB)
    assert (second.unreadable, second.suggested) == (1, 1)
    exchanged.write_bytes(small(0, 2))
    third = small_club.archive.rescan(CLUB)
    assert (third.unreadable, third.suggested) == (0, 1)
    assert len(labels(small_club)) == n_before + 2
    assert due(small_club) == []


def test_a_photo_is_read_wherever_it_still_lies(small_club: Club) -> None:
    copies = small_club.put({f"copy/{name}.jpg": small(0, name) for name in range(1, 6)})
    assert small_club.ingest("copy").known == 5
    for copy in copies[:3]:
        copy.unlink()  # the newest path
    (small_club.photos / "5.jpg").write_bytes(b"an older path, spoilt")
    assert small_club.archive.rescan(CLUB).unreadable == 0


def test_a_photo_that_can_no_longer_be_decoded_is_unreadable(small_club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Decode):
        def __call__(self, batch: Batch[Work]) -> Batch[Work]:
            for work in batch.items:
                work.refuse("too-slow", "Decoding took too long.")
            return batch

    with monkeypatch.context() as patch:
        patch.setattr(rescan, "Decode", Broken)
        seen = small_club.archive.rescan(CLUB)
    assert seen.photos == seen.unreadable >= 4
    assert small_club.archive.rescan(CLUB).suggested >= 4


# What people said (P9) -----------------------------------------------------------------------------------------------


def states(club: Club) -> list[str]:
    return sorted(str(row[3]) for row in labels(club))


def test_a_better_fit_takes_the_place_of_a_suggestion_and_nothing_else_does(small_club: Club) -> None:
    small_club.archive.rescan(CLUB)
    before = {row.face: row for row in small_club.find(0)}
    enrol_twin(small_club)
    seen = small_club.archive.rescan(CLUB)
    after = {row.face: row for row in small_club.find(0)}
    twins = {row.face: row for row in small_club.archive.find("Twin")}
    assert after.keys() | twins.keys() == before.keys()
    assert not after.keys() & twins.keys()
    assert len(twins) == seen.suggested
    assert all(twins[face].score > before[face].score for face in twins)


def test_what_a_person_said_about_a_face_stands(small_club: Club) -> None:
    small_club.archive.rescan(CLUB)
    found = small_club.find(0)
    for row, state in zip(found, (CONFIRMED, REJECTED, CONFIRMED, REJECTED), strict=False):
        small_club.archive.decide(CLUB, [row.id], state, "Mr Smith")
    enrol_twin(small_club)
    make_due(small_club, name_of(0))
    seen = small_club.archive.rescan(CLUB)
    assert (seen.subjects, seen.unreadable) == (2, 0)
    with small_club.archive._store.reading() as tx:
        said = {row.id: appearances.by_id(tx, row.id).state for row in found[:4]}
    assert list(said.values()) == [CONFIRMED, REJECTED, CONFIRMED, REJECTED]
    twins = {row.face for row in small_club.archive.find("Twin")}
    assert not twins & {found[0].face, found[2].face}, "faces that have a name"
    assert {found[1].face, found[3].face} <= twins, "once the best is ruled out, the next best is suggested"
    assert seen.suggested == len(labels(small_club)) - len(found) + sum(row.face in twins for row in found[4:])


def test_a_rejected_person_does_not_drive_out_the_one_suggested_since(small_club: Club) -> None:
    small_club.archive.rescan(CLUB)
    found = small_club.find(0)
    small_club.archive.decide(CLUB, [row.id for row in found], REJECTED, "Mr Smith")
    enrol_twin(small_club)
    assert small_club.archive.rescan(CLUB).suggested == len(found)
    make_due(small_club, name_of(0))
    assert small_club.archive.rescan(CLUB).suggested == 0
    assert len(small_club.archive.find("Twin")) == len(found)
    assert states(small_club) == [REJECTED] * len(found) + [SUGGESTED] * len(found)


def test_nobody_is_suggested_twice_for_a_face(small_club: Club) -> None:
    small_club.archive.rescan(CLUB)
    before = labels(small_club)
    for _ in range(2):
        make_due(small_club, name_of(0))
        assert small_club.archive.rescan(CLUB).suggested == 0
        assert differences({"appearances": labels(small_club)}, {"appearances": before}, 1e-3) == []


def test_whoever_may_not_be_compared_hides_nobody_and_stays_due(small_club: Club) -> None:
    small_club.archive.rescan(CLUB)
    small_club.withdraw(0)
    enrol_twin(small_club)
    assert small_club.archive.rescan(CLUB).suggested > 0
    assert small_club.archive.find("Twin")


def test_a_consent_for_case_search_alone_compares_with_no_photo(story_settings: Settings, tmp_path: Path) -> None:
    with Club.make(tmp_path, story_settings, {f"{picture}.jpg": small(0, picture) for picture in range(1, 4)}) as club:
        club.enrol(0, club.form(purposes=("case-search",)))
        assert club.ingest().suggested == 0
        assert club.archive.rescan(CLUB).subjects == 0
        assert due(club) == [club.archive.subject(name_of(0)).id]
        assert labels(club) == []


def test_a_new_consent_brings_a_new_look_back(small_club: Club) -> None:
    small_club.archive.rescan(CLUB)
    assert due(small_club) == []
    archive = small_club.archive
    subject = archive.subject(name_of(0))
    with archive._store.transaction() as tx:
        known = consents.of_subject(tx, archive._keys, subject.id)[0]
        consents.add(tx, archive._keys, known.consent, known.record, now=small_club.clock.now)
    assert due(small_club) == [subject.id]
