"""Where a pack goes, what stands in its way, and what of it erasing would miss: nothing."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from countenance.archive import DATABASE
from countenance.core.canonical import parse
from countenance.core.permit import permit_show_me
from countenance.core.retention import Rule
from countenance.errors import ConflictError, CountenanceError, NotFoundError, PermitError
from countenance.flows import show_me_photos
from countenance.flows.enrol import ConsentForm
from countenance.flows.identity import Check
from countenance.flows.release import Copy
from countenance.flows.show_me import JSON, PAGE, Pack
from countenance.flows.show_me_folder import NOTHING_HELD, SOME_UNFINISHED, UNFINISHED_ERASURE
from countenance.flows.show_me_ledger import IN_WORDS, OF_ALL
from countenance.flows.stages import Work
from countenance.ledger import log
from countenance.ledger.event import Act
from countenance.ledger.verify import Verifier
from countenance.run.stage import Batch
from countenance.store import appearances, entries, erasures, subjects, written
from countenance.store.erasures import Erasure
from tests.drawn import CLUB, name_of
from tests.pretend import Guest, Party, Pass, Seen, Written, photo, seats_on
from tests.unit.flows.test_contact_sheet import HOSTILE, Page

ACCOUNT = Check("account")
ME, FRIEND, STRANGER = 0, 1, 7


class Look(Seen):
    """Sees what the photo says, and leaves its bytes for the next stage."""

    def __call__(self, batch: Batch[Work]) -> Batch[Work]:
        kept = [work.content for work in batch.items]
        super().__call__(batch)
        for work, content in zip(batch.items, kept, strict=True):
            work.content = content if work.refused is None else None
        return batch


@pytest.fixture
def me(party: Party, monkeypatch: pytest.MonkeyPatch) -> str:
    """Somebody in two photos, as the machine thinks, and perhaps in a third; the pack's stages read what photos say."""
    monkeypatch.setattr(show_me_photos, "Decode", lambda *_: Pass())
    monkeypatch.setattr(show_me_photos, "Look", lambda *_: Look(closely=True))
    monkeypatch.setattr(show_me_photos, "Release", lambda *_: Written(party._going_out))
    party.eye.closely = False
    party.put(
        alone=photo(ME),
        group=photo(ME, FRIEND, STRANGER, Guest(8, small=True)),
        perhaps=photo(Guest(ME, score=0.95), FRIEND, mark="perhaps"),
        others=photo(FRIEND, STRANGER),
    )
    party.archive.ingest(CLUB, [party.photos])
    return party.archive.subject(name_of(ME)).id


def pack_of(party: Party, who: str, folder: str = "me") -> Pack:
    return party.archive.show_me(who, ACCOUNT, party.folder / folder)


def rows_of(party: Party, subject: str) -> set[str]:
    with party.archive._store.reading() as tx:
        return {row.path.decode() for row in written.of_subject(tx, subject) if row.kind == written.SHOW_ME}


def files_in(*places: Path) -> set[str]:
    found = [path for place in places for path in [place, *place.rglob("*")] if path.is_file()]
    return {str(path) for path in found}


def acts(party: Party) -> list[dict[str, Any]]:
    with party.archive._store.reading() as tx:
        return [parse(body) for _, body in entries.bodies(tx)]


def test_everybody_else_is_hidden_also_whom_only_the_closer_look_finds(party: Party, me: str) -> None:
    made = pack_of(party, me)
    shown = [photo for photo in made.told["photos"] if photo["copy"]]
    assert [seats_on(made.folder / photo["copy"]) for photo in shown] == [[ME], [ME]]
    assert sorted(photo["others_hidden"] for photo in shown) == [0, 3]
    left = [photo["left_out"]["reason"] for photo in made.told["photos"] if photo["left_out"]]
    assert left == ["not-surely-this-person"]


def test_a_name_that_a_person_gave_is_shown_and_one_that_a_person_took_away_is_not(party: Party, me: str) -> None:
    labels = {Path(row.path.decode()).name: row.id for row in _labels(party, me)}
    party.archive.decide(CLUB, [labels["perhaps.jpg"]], "confirmed", "office")
    party.archive.decide(CLUB, [labels["group.jpg"]], "rejected", "office")
    made = pack_of(party, me)
    told = {len(photo["regions"]): photo for photo in made.told["photos"]}
    assert set(told) == {1}
    by_state = {photo["regions"][0]["state"]: photo for photo in made.told["photos"]}
    assert seats_on(made.folder / by_state["confirmed"]["copy"]) == [ME]
    assert by_state["rejected"]["left_out"]["reason"] == "somebody-else"
    assert by_state["rejected"]["surely_not_you"]


def _labels(party: Party, subject: str) -> list[Any]:
    where = party.scope.collection.id
    permit = permit_show_me(where, [subject], "account", party.clock())
    with party.archive._store.reading() as tx:
        return appearances.held_of(tx, permit, where, [subject])


@pytest.mark.parametrize(
    ("change", "reason"),
    [("gone", "file-gone"), ("other", "other-file"), ("fails", "check-failed")],
)
def test_a_photo_that_cannot_be_shown_says_why(party: Party, me: str, change: str, reason: str) -> None:
    if change == "gone":
        (party.photos / "group.jpg").unlink()
    elif change == "other":
        (party.photos / "group.jpg").write_bytes(photo(STRANGER))
    else:
        party.before_release = _sabotage
    made = pack_of(party, me)
    left = {photo["left_out"]["reason"] for photo in made.told["photos"] if photo["left_out"]}
    assert reason in left
    said = json.loads((made.folder / JSON).read_bytes())
    sentences = {each["left_out"]["sentence"] for each in said["photos"] if each["left_out"]}
    page = (made.folder / PAGE).read_text("utf-8")
    assert all(sentence in page for sentence in sentences)


def _sabotage(copy: Copy) -> None:
    if copy.hidden:
        copy.written, copy.problems = None, ("face-found",)


def test_an_older_pack_of_the_same_person_is_replaced_without_a_trace(party: Party, me: str) -> None:
    first = pack_of(party, me)
    old = files_in(first.folder, first.zip)
    (party.photos / "group.jpg").unlink()
    second = pack_of(party, me)
    there = files_in(second.folder, second.zip)
    assert len(old - there) == 2, "the copy that cannot be made any more, and its small picture"
    assert rows_of(party, me) == there


@pytest.mark.parametrize("place", ["me/letter.txt", "me.zip", "me/photos/mine.jpg", ".me.zip.part"])
def test_nothing_of_anybody_else_is_touched(party: Party, me: str, place: str) -> None:
    path = party.folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    before = len(acts(party))
    with pytest.raises(ConflictError, match="pack of this person"):
        pack_of(party, me)
    assert path.read_text() == "mine"
    assert len(acts(party)) == before, "nothing was done, so nothing is logged"
    assert rows_of(party, me) == set()


def test_a_pack_of_somebody_else_is_not_replaced(party: Party, me: str) -> None:
    made = pack_of(party, name_of(FRIEND))
    before = files_in(made.folder, made.zip)
    with pytest.raises(ConflictError):
        pack_of(party, me)
    assert files_in(made.folder, made.zip) == before


def test_a_link_is_no_folder_for_a_pack(party: Party, me: str) -> None:
    (party.folder / "elsewhere").mkdir()
    (party.folder / "me").symlink_to(party.folder / "elsewhere")
    with pytest.raises(ConflictError, match="is no folder"):
        pack_of(party, me)


def test_it_is_logged_before_the_first_file(party: Party, me: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    party.before_release = lambda _: seen.append(acts(party)[-1]["act"])
    pack_of(party, me)
    assert set(seen) == {"show-me"}
    assert acts(party)[-1]["facts"] == {"check": "account"}

    def refused(*_: object, **__: object) -> int:
        msg = "the disk is full"
        raise CountenanceError(msg)

    monkeypatch.setattr(log, "append", refused)
    with pytest.raises(CountenanceError, match="disk is full"):
        pack_of(party, me, "later")
    assert not (party.folder / "later").exists()
    assert not (party.folder / "later.zip").exists()


def test_a_check_that_is_none_shows_nothing(party: Party, me: str) -> None:
    with pytest.raises(PermitError, match="without a check"):
        party.archive.show_me(me, Check("passport"), party.folder / "me")
    assert not (party.folder / "me").exists()


def breaking(real: Callable[..., object], after: int) -> Callable[..., object]:
    """A function that works so often, and then is stopped from outside."""
    calls = iter(range(after))

    def broken(*words: object) -> object:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return real(*words)

    return broken


@pytest.mark.parametrize("step", ["write", "replace", "zip"])
def test_a_run_that_breaks_off_leaves_no_file_that_erasing_would_miss(
    party: Party, me: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    if step == "write":
        monkeypatch.setattr(os, "fsync", breaking(os.fsync, 3))
    elif step == "replace":
        monkeypatch.setattr(Path, "replace", breaking(Path.replace, 3))
    else:
        monkeypatch.setattr(zipfile.ZipFile, "writestr", breaking(zipfile.ZipFile.writestr, 1))
    with pytest.raises(KeyboardInterrupt):
        pack_of(party, me)
    monkeypatch.undo()
    there = {path for path in files_in(party.folder) if "/me" in path or "/.me" in path}
    assert there
    assert there <= rows_of(party, me)
    with party.archive._store.reading() as tx:
        rows = {row.path.decode(): row.sha256 for row in written.of_subject(tx, me)}
    assert all(rows[path] in {hashlib.sha256(Path(path).read_bytes()).digest(), written.UNFINISHED} for path in there)


def test_of_somebody_who_is_being_erased_nothing_is_shown(party: Party, me: str) -> None:
    def erasing(_: Copy) -> None:
        new = Erasure(
            erasures.new_id(), "subject", me, party.scope.collection.id, "files", b"", "office", party.clock()
        )
        with party.archive._store.transaction() as tx:
            erasures.begin(tx, new)
        party.before_release = lambda _: None

    party.before_release = erasing
    with pytest.raises(NotFoundError, match="being erased") as refused:
        pack_of(party, me)
    assert "`countenance erase --resume`" in refused.value.advice
    assert "receipt" not in refused.value.advice
    with pytest.raises(NotFoundError, match="being erased"):
        pack_of(party, me)
    assert [entry["act"] for entry in acts(party)].count("show-me") == 1, "the second time it is refused at once"
    assert not (party.folder / "me").exists()
    assert not (party.folder / "me.zip").exists()
    assert files_in(party.folder / "me") == set()


def test_somebody_half_erased_has_no_receipt_yet(party: Party, me: str) -> None:
    gone, place = "e" * 24, party.scope.collection.id
    new = Erasure(erasures.new_id(), "subject", gone, place, "sweep", b"", "office", party.clock())
    with party.archive._store.transaction() as tx:
        erasures.begin(tx, new)
    advice = {}
    for who in (gone, "Nobody Here"):
        with pytest.raises(NotFoundError, match="nothing to show") as refused:
            pack_of(party, who)
        advice[who] = refused.value.advice
    assert advice[gone] == UNFINISHED_ERASURE
    assert advice["Nobody Here"] == f"{NOTHING_HELD} {SOME_UNFINISHED}", "it may be the name of whoever is erased"
    assert pack_of(party, me).folder.exists()


def test_of_nobody_there_is_nothing_to_show(party: Party, me: str) -> None:
    assert me
    for who in ("Nobody Here", "f" * 24):
        with pytest.raises(NotFoundError, match="nothing to show") as refused:
            pack_of(party, who)
        assert "receipt" in refused.value.advice


def test_both_ids_of_somebody_who_was_enrolled_twice_are_told_of(party: Party, me: str) -> None:
    again = party.enrol(9)
    party.archive.merge(me, again, "office")
    made = pack_of(party, again)
    assert made.told["person"]["subject"] == me
    assert [row["subject"] for row in made.told["person"]["also_enrolled_as"]] == [again]
    assert len(made.told["references"]) == len(made.told["consents"]) == 2
    merge = next(row for row in made.told["ledger"]["entries"] if row["act"] == "merge")
    assert {opening["subject"] for opening in merge["openings"]} == {me, again}
    assert rows_of(party, me) == rows_of(party, again) == files_in(made.folder, made.zip)


def test_a_legal_hold_on_the_whole_collection_is_told(party: Party, me: str) -> None:
    archive, until = party.archive, party.clock() + timedelta(days=9)
    other = archive.create_collection("other").name
    friend = archive.subject(name_of(FRIEND)).id
    for what in (CLUB, other, me, friend):
        hold = archive.hold(what, reference="case 7", approver="The board", until=until)
        if what == CLUB:
            archive.lift_hold(hold.id)
    made = pack_of(party, me)
    rows = [row for row in made.told["ledger"]["entries"] if row["act"] in {"hold", "lift-hold"}]
    assert [(row["act"], row["facts"]["whole_collection"]) for row in rows] == [
        ("hold", True),
        ("lift-hold", True),
        ("hold", False),
    ]
    assert [row["in_words"] for row in rows] == [*OF_ALL.values(), IN_WORDS[Act.HOLD]]
    assert [len(row["openings"]) for row in rows] == [0, 0, 1]
    verifier = Verifier(made.told["ledger"]["key"])
    for row in rows:
        verifier.proof((made.folder / row["proof"]).read_text("utf-8"), (made.folder / row["entry"]).read_bytes())
    assert OF_ALL[Act.HOLD] in Page((made.folder / PAGE).read_text("utf-8")).words


def test_the_last_day_is_told_and_not_the_moment_after_it(party: Party, me: str) -> None:
    archive = party.archive
    archive.set_retention_rule(CLUB, Rule(keep_until_at=datetime(2027, 8, 1, tzinfo=UTC)))
    archive.hold(me, reference="case 7", approver="The board", until=datetime(2029, 1, 1, tzinfo=UTC))
    end = datetime(2028, 8, 1, tzinfo=UTC)
    archive.grant(
        me, ConsentForm(("internal-tagging",), ("website",), party.clock(), end, "a" * 64, "form.pdf"), "office"
    )
    made = pack_of(party, me)
    (consent,) = [each for each in made.told["consents"] if each["purpose"] == "internal-tagging"]
    keeping = made.told["keeping"]
    (hold,) = keeping["legal_holds"]
    assert (consent["until_at"], consent["last_day"]) == ("2028-08-01T00:00:00+00:00", "2028-07-31")
    assert (hold["until_at"], hold["last_day"]) == ("2029-01-01T00:00:00+00:00", "2028-12-31")
    assert (keeping["due_at"], keeping["last_day"]) == ("2027-08-01T00:00:00+00:00", "2027-07-31")
    page = Page((made.folder / PAGE).read_text("utf-8")).words
    (file,) = (made.folder / "consents").glob("*-internal-tagging.txt")
    text = file.read_text("utf-8")
    assert "until the end of 31 July 2028" in text
    for words in ("until the end of 31 July 2028", "until the end of 31 December 2028", "31 July 2027, because"):
        assert words in page
    assert "August" not in page + text
    assert "January 2029" not in page


def test_where_it_was_published(party: Party, me: str) -> None:
    party.clear(published_to="https://club.example/gala")
    made = pack_of(party, me)
    assert {row["place"] for row in made.told["publications"]} == {"https://club.example/gala"}
    seen = {row["you_can_be_seen"] for row in made.told["publications"]}
    assert True in seen
    page = (made.folder / PAGE).read_text("utf-8")
    assert "https://club.example/gala" in page
    assert "you can be seen" in page


def test_a_changed_memory_of_whom_an_entry_touches_is_noticed(party: Party, me: str) -> None:
    friend = party.archive.subject(name_of(FRIEND)).id
    pack_of(party, friend, "friend")
    last = len(acts(party)) - 1
    with closing(sqlite3.connect(party.archive.folder / DATABASE)) as raw, raw:
        raw.execute("INSERT INTO ledger_touches (n, subject_id) VALUES (?, ?)", (last, me))
    with pytest.raises(CountenanceError, match=f"Entry {last}"):
        pack_of(party, me)
    assert not (party.folder / "me").exists()


def test_hostile_names_are_words(party: Party, me: str) -> None:
    assert me
    hostile = f"{HOSTILE} \udcff"
    with party.archive._store.transaction() as tx:
        where = party.scope.collection.id
        who = subjects.add(tx, party.archive._keys, collection=where, name=hostile, minor=False, at=party.clock()).id
    party.archive.must_not_appear(who, HOSTILE)
    made = pack_of(party, who)
    page = Page((made.folder / PAGE).read_text("utf-8"))
    assert not {"script", "img"} & set(page.tags)
    assert page.handlers == []
    assert page.words.count(HOSTILE) >= 3
    assert json.loads((made.folder / JSON).read_bytes())["person"]["name"] == hostile


def test_every_act_has_words() -> None:
    assert set(IN_WORDS) == set(Act)
    assert all(words.endswith(".") for words in IN_WORDS.values())
