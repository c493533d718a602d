"""P2. No enrolment without consent: who, purpose, channels, from, until, evidence, guardian for a minor.

The database refuses by itself, from a connection that knows nothing of this package and has foreign keys off; then the
routes that people and programs take. Before a policy page is published nobody can know what a yes would mean, so no
route enrols anybody either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest

from countenance.archive import DATABASE
from countenance.core.permit import permit_compare, permit_reference
from countenance.errors import ConsentError, EnrolmentError, PermitError
from countenance.settings import Settings
from countenance.store import consents, templates
from countenance.store.moments import to_text
from tests.drawn import CLUB, Club, portrait
from tests.promises.raw_rows import (
    consent_row,
    forget_pages,
    n_references,
    put,
    reference_row,
    try_reference,
    written,
)
from tests.terminal import Answer, Here
from tests.unit.store.world import World, new_reference, open_world, vectors


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = open_world(tmp_path)
    yield made
    made.store.close()
    made.keys.close()


@pytest.fixture
def ann(world: World) -> str:
    return world.subject(world.collection().id, "Ann").id


def test_a_raw_reference_needs_a_consent_of_that_very_subject(world: World, ann: str) -> None:
    consent = world.granted(ann)
    bob = world.subject(world.collection("other").id, "Bob").id
    for row in (
        reference_row(world, ann, None),
        reference_row(world, ann, "no such consent"),
        reference_row(world, bob, consent),
        reference_row(world, "nobody", consent),
    ):
        for verb in ("INSERT", "INSERT OR REPLACE"):
            with pytest.raises(sqlite3.IntegrityError, match=r"no consent|NOT NULL"):
                try_reference(world, row, verb)
    assert n_references(world) == 0
    try_reference(world, reference_row(world, ann, consent))
    assert n_references(world) == 1


@pytest.mark.parametrize(
    ("begins_days", "ends_days"),
    [(-30, -1), (1, 30), (-30, -1 / 86_400)],
    ids=["ended", "not begun", "ended a second ago"],
)
def test_a_lying_date_does_not_help(world: World, ann: str, begins_days: float, ends_days: float) -> None:
    begins, ends = (world.now + timedelta(days=days) for days in (begins_days, ends_days))
    with world.raw() as raw:
        put(raw, "consents", consent_row(world, ann, from_at=to_text(begins), until_at=to_text(ends)))
    inside = begins + (ends - begins) / 2
    for created_at in (world.now, inside, ends - timedelta(microseconds=1)):
        row = reference_row(world, ann, "k1", created_at=to_text(created_at))
        with pytest.raises(sqlite3.IntegrityError, match="no consent"):
            try_reference(world, row)
    assert n_references(world) == 0


def test_a_consent_holds_from_the_moment_it_is_granted(world: World, ann: str) -> None:
    for number in range(20):
        fresh = World(world.folder, world.store, world.keys)
        consent = fresh.granted(ann, from_at=fresh.now)
        try_reference(world, reference_row(fresh, ann, consent, id=f"r{number}"))
    assert n_references(world) == 20


def test_after_withdrawal_nothing_is_added_or_changed(world: World, ann: str) -> None:
    consent = world.granted(ann)
    try_reference(world, reference_row(world, ann, consent))
    with world.store.transaction() as tx:
        assert consents.withdraw(tx, consent, at=world.now)
        assert not consents.withdraw(tx, consent, at=world.now)
    with pytest.raises(sqlite3.IntegrityError, match="no consent"):
        try_reference(world, reference_row(world, ann, consent, id="r2"))
    with pytest.raises(sqlite3.IntegrityError, match="no consent"), world.raw() as raw:
        raw.execute("UPDATE subject_references SET template_sealed = x'00'")
    with world.raw() as raw:
        raw.execute("DELETE FROM subject_references")


def test_a_reference_cannot_be_pointed_at_somebody_else(world: World, ann: str) -> None:
    consent = world.granted(ann)
    bob = world.subject(world.collection("other").id, "Bob").id
    try_reference(world, reference_row(world, ann, consent))
    for statement in ("UPDATE subject_references SET subject_id = ?", "UPDATE subject_references SET consent_id = ?"):
        with pytest.raises(sqlite3.IntegrityError, match="no consent"), world.raw() as raw:
            raw.execute(statement, (bob,))


def test_a_consent_under_a_reference_is_not_deleted_moved_or_swapped(world: World, ann: str) -> None:
    consent = world.granted(ann)
    bob = world.subject(world.collection("other").id, "Bob").id
    try_reference(world, reference_row(world, ann, consent))
    for statement in (
        "DELETE FROM consents",
        "UPDATE consents SET subject_id = (SELECT id FROM subjects WHERE id <> consents.subject_id)",
        "UPDATE consents SET id = 'other'",
        "UPDATE consents SET until_at = '9999-01-01T00:00:00.000000Z'",
        "UPDATE consents SET purpose = 'case-search'",
        """UPDATE consents SET channels = '["press"]'""",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="stands"), world.raw() as raw:
            raw.execute(statement)
    with pytest.raises(sqlite3.IntegrityError, match="stands"), world.raw() as raw:
        put(raw, "consents", consent_row(world, bob, id=consent), "INSERT OR REPLACE")
    with world.raw() as raw:
        assert raw.execute("SELECT id, subject_id FROM consents").fetchall() == [(consent, ann)]


def test_a_withdrawal_is_not_taken_back(world: World, ann: str) -> None:
    consent = world.granted(ann)
    with world.raw() as raw:
        raw.execute("UPDATE consents SET withdrawn_at = ?", (to_text(world.now),))
    for moment in (None, "9999-01-01T00:00:00.000000Z"):
        with pytest.raises(sqlite3.IntegrityError, match="stands"), world.raw() as raw:
            raw.execute("UPDATE consents SET withdrawn_at = ? WHERE id = ?", (moment, consent))


INCOMPLETE: list[dict[str, object]] = [
    {"subject_id": None},
    {"purpose": None},
    {"purpose": "marketing"},
    {"channels": None},
    {"channels": "[]"},
    {"channels": "website"},
    {"channels": '["website"'},
    {"from_at": None},
    {"from_at": "yesterday"},
    {"until_at": None},
    {"until_at": "zzzz"},
    {"until_at": "2000-01-01T00:00:00.000000Z"},
    {"evidence_sha256": None},
    {"evidence_sha256": ""},
    {"evidence_sha256": "ab"},
    {"evidence_sha256": "z" * 64},
    {"evidence_name_sealed": None},
    {"evidence_name_sealed": b""},
    {"granted_by": ""},
    {"minor": 1},
    {"minor": 1, "guardian_sealed": b""},
    {"minor": 2},
    {"minor": None},
]


@pytest.mark.parametrize("changes", INCOMPLETE, ids=str)
def test_an_incomplete_consent_is_no_row(world: World, ann: str, changes: dict[str, object]) -> None:
    with pytest.raises(sqlite3.IntegrityError), world.raw() as raw:
        put(raw, "consents", consent_row(world, ann, **changes))
    with world.raw() as raw:
        put(raw, "consents", consent_row(world, ann))
        assert raw.execute("SELECT count(*) FROM consents").fetchone() == (1,)


def test_a_minor_cannot_consent_alone_even_when_the_row_says_adult(world: World, ann: str) -> None:
    club = world.collection("school")
    tim = world.subject(club.id, "Tim", minor=True).id
    with pytest.raises(sqlite3.IntegrityError, match="guardian"), world.raw() as raw:
        put(raw, "consents", consent_row(world, tim))
    with world.raw() as raw:
        put(raw, "consents", consent_row(world, tim, minor=1, guardian_sealed=b"sealed"))
        put(raw, "consents", consent_row(world, ann, id="k2"))
        assert raw.execute("SELECT count(*) FROM consents").fetchone() == (2,)


def test_python_refuses_too(world: World) -> None:
    club, other = world.collection(), world.collection("other")
    ann, bob = world.subject(club.id, "Ann").id, world.subject(club.id, "Bob").id
    consent = world.granted(ann)
    template = vectors(1, 1)[0]
    permit = permit_reference(club.id, world.consent(ann), world.now)
    compare = permit_compare(club.id, [world.consent(ann)], world.now)
    for wrong, collection, subject in (
        (compare, club.id, ann),
        (permit, club.id, bob),
        (permit, other.id, ann),
        (permit_reference(other.id, world.consent(ann), world.now), other.id, ann),
    ):
        new = new_reference(subject, consent, template)
        with pytest.raises(PermitError), world.store.transaction() as tx:
            templates.add_reference(tx, world.keys, wrong, collection, new, at=world.now)
    new = new_reference(ann, "no such consent", template)
    with pytest.raises(ConsentError), world.store.transaction() as tx:
        templates.add_reference(tx, world.keys, permit, club.id, new, at=world.now)
    assert n_references(world) == 0
    with world.store.transaction() as tx:
        templates.add_reference(tx, world.keys, permit, club.id, new_reference(ann, consent, template), at=world.now)
    assert n_references(world) == 1


def test_a_permit_from_yesterday_meets_the_databases_clock(world: World) -> None:
    club = world.collection()
    ann = world.subject(club.id).id
    yesterday = world.now - timedelta(days=1)
    said = world.consent(ann, from_at=yesterday - timedelta(days=1), until_at=world.now)
    with world.store.transaction() as tx:
        record = consents.Record("form.pdf", "office")
        consent = consents.add(tx, world.keys, said, record, now=yesterday).id
    permit = permit_reference(club.id, said, yesterday)
    new = new_reference(ann, consent, vectors(1, 1)[0])
    with pytest.raises(ConsentError, match="none of this subject holds now"), world.store.transaction() as tx:
        templates.add_reference(tx, world.keys, permit, club.id, new, at=yesterday)


# The routes that people and programs take ----------------------------------------------------------------------------

DAY = timedelta(days=1)
Form = dict[str, object]
FORMS: dict[str, Form] = {
    "no purpose": {"purposes": ()},
    "unknown purpose": {"purposes": ("marketing",)},
    "one unknown purpose of two": {"purposes": ("find-my-photos", "marketing")},
    "no channel": {"channels": ()},
    "unknown channel": {"channels": ("billboard",)},
    "no evidence": {"evidence_sha256": ""},
    "evidence that is no hash": {"evidence_sha256": "x" * 64},
    "evidence without a name": {"evidence_name": " "},
    "guardian without a name": {"guardian": " "},
    "guardian without authority": {"guardian": "Eva Novak", "authority": " "},
    "a minor alone": {"born_on": datetime.now(UTC).date() - timedelta(days=10 * 365)},
    "a guardian for an adult": {"born_on": date(1990, 1, 1), "guardian": "Eva Novak"},
    "born tomorrow": {"born_on": datetime.now(UTC).date() + timedelta(days=2)},
}
DATES: dict[str, tuple[timedelta, timedelta]] = {
    "ended": (-2 * DAY, -DAY),
    "not begun": (DAY, 2 * DAY),
    "ends before it begins": (2 * DAY, DAY),
}


def test_the_python_route_refuses_and_writes_nothing(tmp_path: Path, story_settings: Settings) -> None:
    with Club.make(tmp_path, story_settings, {}) as club:
        moments = {
            name: {"from_at": club.clock.now + begins, "until_at": club.clock.now + ends}
            for name, (begins, ends) in DATES.items()
        }
        enrolled = []
        for name, changes in {**FORMS, **moments}.items():
            try:
                club.enrol(0, club.form(**changes))  # type: ignore[arg-type]
            except ConsentError:
                continue
            enrolled.append(name)
        assert enrolled == []
        for nobody in ("", " \t"):
            with pytest.raises(EnrolmentError, match="needs a name"):
                club.archive.enrol(CLUB, nobody, [("a.jpg", portrait(0))], club.form(), "office")
        with pytest.raises(ConsentError):
            club.archive.enrol(CLUB, "Ann", [("a.jpg", portrait(0))], club.form(), " ")
        assert set(written(club.archive.folder).values()) == {0}
        assert club.rows()["appearances"] == []
        club.enrol(0)
        assert written(club.archive.folder) == {"subjects": 1, "consents": 1, "subject_references": 2}


WHOLE = {
    "--purpose": "find-my-photos",
    "--channel": "website",
    "--until": "2999-12-31",
    "--evidence": "form.txt",
}
CHANGES: dict[str, dict[str, str | None]] = {
    "no purpose": {"--purpose": None},
    "unknown purpose": {"--purpose": "marketing"},
    "no channel": {"--channel": None},
    "unknown channel": {"--channel": "billboard"},
    "no end": {"--until": None},
    "ended": {"--until": "2001-01-01"},
    "ended, and it says when it began": {"--until": "2001-01-01", "--from": "2000-01-01"},
    "not begun": {"--from": "2999-01-01"},
    "ends before it begins": {"--from": "2999-12-31", "--until": "2999-01-01"},
    "no evidence": {"--evidence": None},
    "evidence that is not there": {"--evidence": "lost.txt"},
    "empty evidence": {"--evidence": "empty.txt"},
    "minor without guardian": {"--guardian": " "},
    "minor by date of birth": {"--born": f"{datetime.now(UTC).year - 10}-01-01"},
    "guardian for an adult": {"--born": "1990-01-01", "--guardian": "Eva Novak"},
    "guardian without authority": {"--guardian": "Eva Novak", "--authority": " "},
    "authority without guardian": {"--authority": "court order"},
    "born in the future": {"--born": "2999-01-01"},
}


def test_the_command_line_refuses_and_writes_nothing(
    tmp_path: Path, packs_cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"CACHE": packs_cache, "DEVICE": "cpu", "ARCHIVE": tmp_path / "archive", "KEY_FILE": tmp_path / "key"}
    for name, value in environment.items():
        monkeypatch.setenv(f"COUNTENANCE_{name}", str(value))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "form.txt").write_text("yes", encoding="utf-8")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "a.jpg").write_bytes(portrait(0))
    run = Here(capsys)
    assert run("init").code == 0
    assert run("collection", "create", CLUB).code == 0

    def try_to_enrol(changes: dict[str, str | None]) -> Answer:
        options = {name: value for name, value in {**WHOLE, **changes}.items() if value is not None}
        return run("enrol", CLUB, "Ann", "--photo", "a.jpg", *chain.from_iterable(options.items()), "--json")

    answers = {name: try_to_enrol(changes) for name, changes in CHANGES.items()}
    assert [name for name, answer in answers.items() if answer.code not in {1, 2} or answer.json["ok"]] == []
    codes = {name: answer.json["error"]["code"] for name, answer in answers.items()}
    assert set(codes.values()) == {"usage", "no-consent"}, codes
    forget_pages(tmp_path / "archive" / DATABASE)
    untold = try_to_enrol({})
    assert (untold.code, untold.json["error"]["code"]) == (1, "no-consent")
    assert "countenance policy publish" in untold.json["error"]["advice"]
    assert set(written(tmp_path / "archive").values()) == {0}
    assert run("policy", "publish").code == 0
    assert try_to_enrol({}).done["references"]
    assert written(tmp_path / "archive") == {"subjects": 1, "consents": 1, "subject_references": 1}
