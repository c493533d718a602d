from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from countenance.archive import DATABASE, Archive
from countenance.errors import ConsentError, CountenanceError, EnrolmentError, NotFoundError, StoreError
from countenance.flows import enrol
from countenance.settings import Settings
from countenance.store import templates
from tests.drawn import CLUB, EVIDENCE, Club, count, portrait
from tests.unit.flows.pictures import nobody, tiny, together, with_bystander

TABLES = ("subjects", "consents", "subject_references", "appearances")
Photos = list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory, story_settings: Settings) -> Iterator[Club]:
    """One empty archive for all refusals: nothing is ever written into it."""
    with Club.make(tmp_path_factory.mktemp("hall"), story_settings, {}) as made:
        yield made
        assert written(made) == dict.fromkeys(TABLES, 0)


@pytest.fixture
def fresh(tmp_path: Path, story_settings: Settings) -> Iterator[Club]:
    with Club.make(tmp_path, story_settings, {}) as made:
        yield made


def written(club: Club) -> dict[str, int]:
    return {table: count(club.archive.folder, table) for table in TABLES}


def refuse(club: Club, photos: Photos, says: str, kind: type[CountenanceError] = EnrolmentError) -> CountenanceError:
    with pytest.raises(kind, match=says) as caught:
        club.archive.enrol(CLUB, "Ann", photos, club.form(), "office")
    assert written(club) == dict.fromkeys(TABLES, 0)
    return caught.value


def test_a_person_is_enrolled_with_references_consents_and_a_look_back_to_come(fresh: Club) -> None:
    form = fresh.form(purposes=("find-my-photos", "publication", "find-my-photos"), channels=("website", "print"))
    photos = [("one.jpg", portrait(0, 100)), ("two.jpg", portrait(0, 101))]
    made = fresh.archive.enrol(CLUB, "Ann\udcff Löwe", photos, form, "office")
    assert [reference.photo for reference in made.references] == ["one.jpg", "two.jpg"]
    assert all(20 <= reference.quality <= 100 for reference in made.references)
    assert all(0 < edge < 320 for reference in made.references for edge in reference.box)
    assert made.refused == []
    assert written(fresh) == {"subjects": 1, "consents": 2, "subject_references": 2, "appearances": 0}
    (subject,) = fresh.archive.subjects(CLUB)
    assert (subject.id, subject.name, subject.minor) == (made.subject, "Ann\udcff Löwe", False)
    assert subject.pending_rescan
    assert fresh.archive.subject("Ann\udcff Löwe").id == made.subject
    with closing(sqlite3.connect(fresh.archive.folder / DATABASE)) as raw:
        rows = raw.execute("SELECT purpose, channels, evidence_sha256, granted_by FROM consents").fetchall()
    assert sorted(rows) == [
        (purpose, '["website", "print"]', EVIDENCE, "office") for purpose in ("find-my-photos", "publication")
    ]


def test_consents_name_the_page_that_people_were_shown(fresh: Club) -> None:
    fresh.archive.publish_policy("What we do with your photos.", "office")
    made = fresh.enrol(0, fresh.form(purposes=("find-my-photos", "publication")), pictures=(100,))
    assert [(each.consent.purpose, each.record.notice_version) for each in made.consents] == [
        ("find-my-photos", "2"),
        ("publication", "2"),
    ]
    assert {each.consent.subject for each in made.consents} == {made.subject}


def test_a_guardians_consent_ends_when_the_minor_comes_of_age(fresh: Club) -> None:
    form = fresh.form(days=9_000, guardian="Eva Novak", authority="foster care", born_on=TEN_YEARS_AGO)
    made = fresh.enrol(0, form, pictures=(100,))
    (recorded,) = made.consents
    assert recorded.consent.until_at.year == TEN_YEARS_AGO.year + 18
    assert recorded.consent.until_at < form.until_at
    assert recorded.consent.authority == "foster care"
    (subject,) = fresh.archive.subjects(CLUB)
    assert (subject.minor, subject.born_on) == (True, TEN_YEARS_AGO)


def test_somebody_who_must_not_appear_is_enrolled_to_be_found_and_hidden(fresh: Club) -> None:
    photos = [("a.jpg", portrait(0))]
    with pytest.raises(StoreError, match="needs a reason"):
        fresh.archive.enrol(CLUB, "Ann", photos, fresh.form(), "office", must_not_appear=" ")
    assert written(fresh) == dict.fromkeys(TABLES, 0)
    made = fresh.archive.enrol(CLUB, "Ann", photos, fresh.form(), "office", must_not_appear="hides from a stalker")
    (subject,) = fresh.archive.subjects(CLUB)
    assert subject.must_not_appear
    assert "stalker" not in repr((subject, made))
    assert fresh.archive.why_hidden(made.subject).reason == "hides from a stalker"


def test_a_minors_guardian_and_all_names_are_sealed(fresh: Club) -> None:
    form = fresh.form(guardian="Eva Novak", evidence_name="tim-Novak-form.pdf")
    made = fresh.archive.enrol(CLUB, "Tim Novak", [("t.jpg", portrait(0))], form, "office")
    (subject,) = fresh.archive.subjects(CLUB)
    assert (subject.id, subject.minor) == (made.subject, True)
    fresh.archive.close()
    stored = b"".join(path.read_bytes() for path in fresh.archive.folder.rglob("*") if path.is_file())
    assert made.subject.encode() in stored
    assert b"Novak" not in stored


TEN_YEARS_AGO = datetime.now(UTC).date() - timedelta(days=3_653)
CONSENTS: dict[str, tuple[dict[str, object], str]] = {
    "no purpose": ({"purposes": ()}, "at least one purpose"),
    "unknown purpose": ({"purposes": ("marketing",)}, "Unknown purpose 'marketing'"),
    "one unknown purpose of two": ({"purposes": ("publication", "marketing")}, "Unknown purpose 'marketing'"),
    "no channel": ({"channels": ()}, "at least one channel"),
    "unknown channel": ({"channels": ("website", "billboard")}, "Unknown channel 'billboard'"),
    "no evidence": ({"evidence_sha256": ""}, "needs evidence"),
    "evidence that is no hash": ({"evidence_sha256": "z" * 64}, "needs evidence"),
    "minor without guardian": ({"guardian": " "}, "name of a guardian"),
    "guardian without a right": ({"guardian": "Eva Novak", "authority": " "}, "right to sign"),
    "a minor by date of birth, alone": ({"born_on": TEN_YEARS_AGO}, "is a minor until .* name of a guardian"),
    "an adult by date of birth, signed for": ({"born_on": date(1990, 1, 1), "guardian": "Eva"}, "came of age on 2008"),
    "nobody born yet": ({"born_on": date(9999, 12, 31)}, "still to come"),
    "nobody still alive": ({"born_on": date(1800, 1, 1)}, "more than 120 years ago"),
}
DATES = {
    "ended": ((-2, -1), "already ended"),
    "ends now": ((-1, 0), "already ended"),
    "ends before it begins": ((2, 1), "end after it begins"),
    "begins tomorrow": ((1, 2), "no consent that holds today"),
}


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """No photo may be looked at."""

    def look(*_: object) -> None:
        msg = "a photo was looked at"
        raise AssertionError(msg)

    monkeypatch.setattr(enrol, "Decode", look)
    monkeypatch.setattr(enrol, "analyse_one", look)


@pytest.mark.usefixtures("blind")
@pytest.mark.parametrize("case", CONSENTS)
def test_without_a_whole_consent_no_photo_is_looked_at(hall: Club, case: str) -> None:
    changes, says = CONSENTS[case]
    with pytest.raises(ConsentError, match=says):
        hall.archive.enrol(CLUB, "Ann", [("a.jpg", portrait(0))], hall.form(**changes), "office")  # type: ignore[arg-type]


@pytest.mark.usefixtures("blind")
@pytest.mark.parametrize("case", DATES)
def test_without_a_consent_that_holds_no_photo_is_looked_at(hall: Club, case: str) -> None:
    (begins, ends), says = DATES[case]
    form = hall.form(from_at=hall.clock.now + timedelta(days=begins), until_at=hall.clock.now + timedelta(days=ends))
    with pytest.raises(ConsentError, match=says):
        hall.archive.enrol(CLUB, "Ann", [("a.jpg", portrait(0))], form, "office")


@pytest.mark.usefixtures("blind")
@pytest.mark.parametrize(
    ("name", "n_photos", "says"), [(" \t", 1, "needs a name"), ("Ann", 0, "1 to 20"), ("Ann", 21, "not 21")]
)
def test_what_can_be_seen_at_once_is_refused_at_once(hall: Club, name: str, n_photos: int, says: str) -> None:
    with pytest.raises(EnrolmentError, match=says):
        hall.archive.enrol(CLUB, name, [("a.jpg", portrait(0))] * n_photos, hall.form(), "office")


@pytest.mark.usefixtures("blind")
def test_an_unknown_collection_is_refused_at_once(hall: Club) -> None:
    with pytest.raises(NotFoundError, match="no collection named 'other'"):
        hall.archive.enrol("other", "Ann", [("a.jpg", portrait(0))], hall.form(), "office")


def test_an_organisations_own_channel_counts_where_it_is_set(tmp_path: Path, story_settings: Settings) -> None:
    with Club.make(tmp_path, replace(story_settings, extra_channels=("billboard",)), {}) as club:
        club.enrol(0, club.form(channels=("billboard",)), pictures=(100,))
        assert written(club)["subjects"] == 1


UNUSABLE = {
    "no face": (nobody(), "No face was found"),
    "several faces": (together(0, 1), "It shows 2 faces"),
    "too poor": (tiny(0), r"Its face is too poor: small, blurred \(quality \d+ of 100\)"),
    "no photo": (b"hello", "not a picture|no picture|not a photo"),
    "empty": (b"", "empty"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_photo_that_cannot_enrol_anybody_says_why(hall: Club, case: str) -> None:
    content, says = UNUSABLE[case]
    error = refuse(hall, [("the photo.jpg", content)], says)
    assert "the photo.jpg: " in error.message


def test_unusable_photos_beside_a_good_one_are_named_and_left_out(fresh: Club) -> None:
    photos = [(case, content) for case, (content, _) in UNUSABLE.items()]
    made = fresh.archive.enrol(CLUB, "Ann", [*photos, ("good", portrait(0))], fresh.form(), "office")
    assert [reference.photo for reference in made.references] == ["good"]
    assert [name for name, _ in made.refused] == list(UNUSABLE)
    assert all(reason.endswith(".") for _, reason in made.refused)
    assert written(fresh)["subject_references"] == 1


def test_somebody_small_in_the_background_does_not_count(fresh: Club) -> None:
    made = fresh.archive.enrol(CLUB, "Ann", [("a.jpg", with_bystander(0, 1, 0.25))], fresh.form(), "office")
    (reference,) = made.references
    assert len(reference.work.boxes) == 2
    assert reference.box[3] == max(reference.work.boxes[:, 3])


def test_when_two_photos_disagree_nobody_is_enrolled(hall: Club) -> None:
    refuse(hall, [("a.jpg", portrait(0)), ("b.jpg", portrait(1))], "do not show the same person")


def test_when_every_photo_shows_somebody_else_nobody_is_enrolled(hall: Club) -> None:
    photos = [(f"{seat}.jpg", portrait(seat)) for seat in (0, 1, 4)]
    refuse(hall, photos, "do not show the same person")


def test_two_against_two_is_no_majority(hall: Club) -> None:
    photos = [(f"{seat}-{picture}", portrait(seat, picture)) for seat in (0, 1) for picture in (100, 101)]
    refuse(hall, photos, "do not show the same person")


def test_the_odd_one_of_three_is_left_out(fresh: Club) -> None:
    photos = [("wrong", portrait(1)), ("right", portrait(0, 100)), ("right too", portrait(0, 101))]
    made = fresh.archive.enrol(CLUB, "Ann", photos, fresh.form(), "office")
    assert [reference.photo for reference in made.references] == ["right", "right too"]
    assert made.refused == [("wrong", "Its face does not look like the person in the other photos.")]
    assert written(fresh)["subject_references"] == 2


def test_the_same_photo_again_does_not_vote_twice(hall: Club) -> None:
    photos = [("wrong", portrait(1)), ("wrong again", portrait(1)), ("right", portrait(0))]
    refuse(hall, photos, "do not show the same person")


def test_the_same_photo_again_is_one_reference(fresh: Club) -> None:
    photos = [("one", portrait(0)), ("one again", portrait(0))]
    made = fresh.archive.enrol(CLUB, "Ann", photos, fresh.form(), "office")
    assert [reference.photo for reference in made.references] == ["one"]
    assert made.refused == [("one again", "It is the same photo as one.")]


@pytest.mark.parametrize("failing", [1, 2])
def test_a_failure_in_the_middle_of_writing_leaves_nothing(
    hall: Club, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    calls, whole = [], templates.add_reference

    def add(*arguments: object, **options: object) -> str:
        calls.append(arguments)
        if len(calls) == failing:
            msg = "The disk is full, so nothing was written."
            raise StoreError(msg)
        return whole(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(templates, "add_reference", add)
    photos = [("one", portrait(0, 100)), ("two", portrait(0, 101))]
    refuse(hall, photos, "disk is full", StoreError)
    assert len(calls) == failing


def test_the_database_refuses_what_a_wrong_clock_permits(hall: Club) -> None:
    """A consent of last year, under a clock that stands at last year."""
    last_year = hall.clock.now - timedelta(days=365)
    archive = Archive(
        hall.archive.folder, hall.archive._store, hall.archive._keys, hall.archive.settings, lambda: last_year
    )
    form = hall.form(from_at=last_year - timedelta(days=1), until_at=last_year + timedelta(days=1))
    with pytest.raises(ConsentError, match="none of this subject holds now"):
        archive.enrol(CLUB, "Ann", [("a.jpg", portrait(0))], form, "office")
    assert written(hall) == dict.fromkeys(TABLES, 0)
