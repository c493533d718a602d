"""A pack, with real detectors on people who do not exist: what is in it, and that nobody else can be seen."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from countenance.core.canonical import parse
from countenance.errors import IdentityError, PermitError, PhotoRefusedError
from countenance.flows.identity import Check
from countenance.flows.show_me import JSON, PAGE, Pack
from countenance.ledger.event import Act, commitment
from countenance.ledger.verify import Verifier
from countenance.settings import Settings
from countenance.store import entries, written
from countenance.store.appearances import CONFIRMED, REJECTED
from tests.calibrated import calibrate
from tests.drawn import CLUB, EVIDENCE, SCENES, Club, name_of, portrait, scene
from tests.gala import guests_of
from tests.unit.flows.pictures import nobody
from tests.unit.flows.test_contact_sheet import Page

ME, OTHER = 0, 1
MET = Check("met-in-person")
Record = dict[str, Any]


@pytest.fixture(scope="module")
def told(stock: Path, tmp_path_factory: pytest.TempPathFactory, story_settings: Settings) -> Iterator[Club]:
    """An archive in which one of this person's appearances is confirmed, and one is rejected."""
    with Club.open_copy(stock, tmp_path_factory.mktemp("told"), story_settings) as club:
        found = {Path(row.path.decode()).name: row.id for row in club.find(ME)}
        club.archive.decide(CLUB, [found["a.jpg"]], CONFIRMED, "Ms Reed")
        club.archive.decide(CLUB, [found["b.jpg"]], REJECTED, "Ms Reed")
        club.archive.set_role("Ms Reed", "steward")
        calibrate(club.archive, CLUB)
        club.archive.must_not_appear(name_of(ME), "Moved house.")
        club.archive.note_attributes(name_of(ME), {"region": "Bavaria"})
        yield club


@pytest.fixture(scope="module")
def pack(told: Club, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return told.archive.show_me(name_of(ME), MET, tmp_path_factory.mktemp("out") / "me")


def record_of(pack: Pack) -> Record:
    found: Record = json.loads((pack.folder / JSON).read_bytes())
    return found


def photo_of(pack: Pack, name: str) -> Record:
    digest = hashlib.sha256(scene(SCENES[name], list(SCENES).index(name))).hexdigest()
    photos: list[Record] = record_of(pack)["photos"]
    (found,) = [each for each in photos if each["sha256"] == digest]
    return found


def files_of(pack: Pack) -> dict[str, bytes]:
    found = [path for path in pack.folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(pack.folder)): path.read_bytes() for path in found}


def test_only_this_person_can_be_seen(pack: Pack) -> None:
    original = np.asarray(cv2.imdecode(np.frombuffer(scene(SCENES["a.jpg"], 0), np.uint8), cv2.IMREAD_COLOR))
    copied = np.asarray(cv2.imread(str(pack.folder / photo_of(pack, "a.jpg")["copy"])))
    assert copied.shape == original.shape
    for seat, face in guests_of("a.jpg").items():
        x, y, w, h = (round(value) for value in face.box)
        middle = np.s_[y + h // 4 : y + 3 * h // 4, x + w // 4 : x + 3 * w // 4]
        if seat == ME:
            away = np.abs(copied[middle].astype(int) - original[middle].astype(int))
            assert away.mean() < 6, "the person asked about looks as in the photo"
            assert np.ptp(copied[middle].reshape(-1, 3).astype(int), axis=0).max() > 40
        else:
            assert np.ptp(copied[middle].reshape(-1, 3).astype(int), axis=0).max() < 12, "everybody else is one colour"
    assert photo_of(pack, "a.jpg")["others_hidden"] == 2
    preview = np.asarray(cv2.imread(str(pack.folder / photo_of(pack, "a.jpg")["preview"])))
    for seat, face in guests_of("a.jpg").items():
        x, y, w, h = (round(value * preview.shape[1] / original.shape[1]) for value in face.box)
        seen = preview[y + h // 3 : y + 2 * h // 3, x + w // 3 : x + 2 * w // 3].reshape(-1, 3).astype(int)
        assert (np.ptp(seen, axis=0).max() < 12) == (seat != ME)


def test_what_people_said_and_what_the_machine_guessed(pack: Pack) -> None:
    (mine,) = photo_of(pack, "a.jpg")["regions"]
    assert (mine["state"], mine["visible_in_copy"], mine["said_by"]) == ("confirmed", True, {"role": "steward"})
    assert mine["score"] > 0.9
    assert [(row["from"], row["to"]) for row in mine["history"]] == [(None, "suggested"), ("suggested", "confirmed")]
    assert list(mine["history"][0]["by"]) == ["machine"]
    assert mine["history"][1]["by"] == {"role": "steward"}
    (guess,) = photo_of(pack, "f.jpg")["regions"]
    assert guess["state"] == "suggested"
    assert "machine" in guess["said_by"]
    assert guess["visible_in_copy"], "the machine is as sure as clearing asks it to be"
    assert guess["template_kept"] is False


def test_what_is_somebody_else_by_a_persons_word_is_not_shown(pack: Pack) -> None:
    photo = photo_of(pack, "b.jpg")
    assert (photo["copy"], photo["left_out"]["reason"]) == (None, "somebody-else")
    assert photo["regions"][0]["state"] == "rejected"
    assert not any(photo["photo"] in name for name in files_of(pack))
    assert "Taken for you by mistake" in (pack.folder / PAGE).read_text("utf-8")


def test_everything_that_is_stored_is_told(pack: Pack, told: Club) -> None:
    record = record_of(pack)
    person = record["person"]
    assert (person["name"], person["must_not_appear"]) == (name_of(ME), {"reason": "Moved house."})
    assert record["noted"] == {"region": "Bavaria"}
    assert {row["template"]["numbers"] for row in record["references"]} == {128}
    assert {row["photo_sha256"] for row in record["references"]} == {
        hashlib.sha256(portrait(ME, picture)).hexdigest() for picture in (100, 101)
    }
    (consent,) = record["consents"]
    assert consent["evidence"] == {"name": "form.pdf", "sha256": EVIDENCE, "held_here": False}
    assert consent["state"] == "holds"
    assert record["keeping"]["due_at"] == consent["until_at"]
    assert record["policy_pages"] == ["consents/what-you-were-told-1.html"]
    assert EVIDENCE in files_of(pack)["consents/01-find-my-photos.txt"].decode()
    page = Page((pack.folder / PAGE).read_text("utf-8"))
    for words in (name_of(ME), "Moved house.", "Bavaria", "form.pdf", "steward", "Your photos may be found for you"):
        assert words in page.words
    assert told.archive.actors()


def test_nobody_else_is_told_of(pack: Pack) -> None:
    own = {name: content for name, content in files_of(pack).items() if "what-you-were-told" not in name}
    everything = b"\n".join(own.values())
    other = name_of(OTHER).encode()
    for secret in (other, b"Ms Reed", b"a.jpg", b"photos/a", b"office"):
        assert secret not in everything, secret
    page = Page((pack.folder / PAGE).read_text("utf-8"))
    assert not {"script", "link", "iframe", "form"} & set(page.tags)
    assert page.handlers == []
    names = set(files_of(pack))
    assert {address for address in page.addresses if not address.startswith("#")} <= names, "nothing from elsewhere"


def test_every_entry_can_be_checked_without_the_archive(pack: Pack, told: Club) -> None:
    record, files = record_of(pack), files_of(pack)
    subject, ledger = record["person"]["subject"], record["ledger"]
    verifier = Verifier(ledger["key"])
    with told.archive._store.reading() as tx:
        touching = entries.touching(tx, subject)
    told_of = [row["n"] for row in ledger["entries"]]
    assert told_of == [n for n in touching if n <= told_of[-1]]
    acts = [row["act"] for row in ledger["entries"]]
    assert {"enrol", "find", "review", "hide", "show-me"} <= set(acts)
    assert acts[-1] == "show-me", "the pack itself is in the log that it shows"
    for row in ledger["entries"]:
        body = files[row["entry"]]
        verifier.proof(files[row["proof"]].decode(), body)
        entry = parse(body)
        assert (entry["n"], entry["act"]) == (row["n"], row["act"])
        (opening,) = row["openings"]
        assert commitment(bytes.fromhex(opening["salt"]), subject) == opening["commitment"]
        assert opening["commitment"] in entry["subjects"]


def test_folder_and_zip_hold_the_same_and_are_private(pack: Pack, tmp_path: Path) -> None:
    with zipfile.ZipFile(pack.zip) as pressed:
        assert pressed.testzip() is None
        pressed.extractall(tmp_path)
    unpacked = tmp_path / "me"
    assert {str(path.relative_to(unpacked)): path.read_bytes() for path in unpacked.rglob("*") if path.is_file()} == (
        files_of(pack)
    )
    for path in (pack.zip, *pack.folder.rglob("*"), pack.folder):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_every_file_is_in_the_register(pack: Pack, told: Club) -> None:
    with told.archive._store.reading() as tx:
        rows = written.of_subject(tx, record_of(pack)["person"]["subject"])
    known = {row.path.decode(): row.sha256 for row in rows if row.kind == written.SHOW_ME}
    there = [pack.zip, *(path for path in pack.folder.rglob("*") if path.is_file())]
    assert known == {str(path): hashlib.sha256(path.read_bytes()).digest() for path in there}
    copies = {row.photo for row in rows if row.photo is not None}
    assert copies == {photo["photo"] for photo in record_of(pack)["photos"] if photo["copy"]}


def test_a_selfie_is_compared_and_leaves_yes_or_no(club: Club, tmp_path: Path) -> None:
    club.withdraw(ME)
    before = set(club.archive.folder.rglob("*"))
    for seat, result in ((ME, "yes"), (OTHER, "no")):
        selfie = Check("selfie", portrait(seat, 105))
        if result == "yes":
            club.archive.show_me(name_of(ME), selfie, tmp_path / "me")
        else:
            with pytest.raises(IdentityError, match="does not show the person") as refused:
                club.archive.show_me(name_of(ME), selfie, tmp_path / "other")
            assert (refused.value.code, refused.value.exit_code) == ("identity-not-confirmed", 1)
            assert isinstance(refused.value, PermitError)
            assert re.search(r"[0-9]", refused.value.message + refused.value.advice) is None, "no score is told"
        with club.archive._store.reading() as tx:
            logged = [parse(body) for _, body in entries.bodies(tx)]
        checks = [entry for entry in logged if entry["act"] == Act.CHECK_IDENTITY]
        assert checks[-1]["facts"] == {"check": "selfie", "result": result}
    assert [entry["act"] for entry in logged].count("show-me") == 1
    assert not (tmp_path / "other").exists()
    assert set(club.archive.folder.rglob("*")) == before, "the selfie lies nowhere"


def test_a_selfie_without_a_face_is_no_check(club: Club, tmp_path: Path) -> None:
    for content in (nobody(), scene(SCENES["a.jpg"], 0), b"no photo"):
        with pytest.raises(PhotoRefusedError, match="The selfie cannot be used"):
            club.archive.show_me(name_of(ME), Check("selfie", content), tmp_path / "me")
    assert not (tmp_path / "me").exists()


def test_names_are_told_where_the_settings_say_so(stock: Path, tmp_path: Path, story_settings: Settings) -> None:
    with Club.open_copy(stock, tmp_path, replace(story_settings, show_actor_names=True)) as club:
        made = club.archive.show_me(name_of(ME), MET, tmp_path / "me")
    (consent,) = made.told["consents"]
    assert consent["recorded_by"] == {"role": "staff", "name": "office"}
    assert "office (staff)" in (made.folder / PAGE).read_text("utf-8")
