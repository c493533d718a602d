from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from countenance.archive import Archive
from countenance.errors import ConsentError, UsageError
from countenance.flows import stages
from countenance.flows.ingest import IngestSummary
from countenance.flows.scope import Engine
from countenance.flows.stages import Work
from countenance.run.stage import Batch
from countenance.settings import Settings
from countenance.store.collections import Release
from tests.drawn import CLUB, Club, count, differences, rows, scene, scenes
from tests.unit.flows.pictures import nobody, small

PICTURES = {
    "a.jpg": small(0),
    "a again.jpg": small(0),
    "b.jpg": small(1),
    "cut.jpg": scene((0, 3), 1)[:9_000],
    "empty.jpg": b"",
    "letter.txt": b"Dear members",
    "z garden.jpg": nobody(),
}


@pytest.fixture
def fresh(tmp_path: Path, story_settings: Settings) -> Iterator[Club]:
    with Club.make(tmp_path, story_settings, PICTURES) as made:
        yield made


def counts(summary: IngestSummary) -> tuple[int, int, int, int, dict[str, int]]:
    return summary.given, summary.new, summary.partial, summary.known, dict(summary.refused)


def test_every_file_is_counted_once(fresh: Club) -> None:
    told: list[tuple[int, Sequence[bytes]]] = []
    refused = {"empty": 1, "other-file": 1}

    def saved(summary: IngestSummary, digests: Sequence[bytes]) -> None:
        told.append((summary.done, digests))

    first = fresh.archive.ingest(CLUB, [fresh.photos], saved=saved)
    assert counts(first) == (7, 3, 1, 1, refused)
    assert first.done == first.given
    assert first.faces == len(fresh.rows()["faces"]) >= 2
    assert (first.suggested, count(fresh.archive.folder, "face_templates")) == (0, 0)
    good = {hashlib.sha256(content).digest() for name, content in PICTURES.items() if name.endswith("jpg") and content}
    assert {digest for _, digests in told for digest in digests} == good
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == 7
    assert {"read", "look up", "decode", "detect", "embed", "save", "total"} == set(first.seconds)
    assert all(spent > 0 for spent in first.seconds.values())

    before, told[:] = fresh.rows(), []
    again = fresh.archive.ingest(CLUB, [fresh.photos], saved=saved)
    assert counts(again) == (7, 0, 0, 5, refused)
    assert (again.faces, again.suggested) == (0, 0)
    assert fresh.rows() == before
    assert {digest for _, digests in told for digest in digests} == good, "known photos are acknowledged, too"


def test_rows_say_what_is_known_of_a_photo(fresh: Club) -> None:
    fresh.ingest()
    by_size = {row[1]: row for row in fresh.rows()["photos"]}
    whole, cut, empty_place = (by_size[len(PICTURES[name])] for name in ("a.jpg", "cut.jpg", "z garden.jpg"))
    assert whole[2:9] == (160, 160, "jpeg", 1, None, "indexed", 1)
    assert cut[7] == "partial"
    assert empty_place[7:9] == ("indexed", 0)


def test_a_second_path_is_remembered_with_the_photo(fresh: Club) -> None:
    fresh.ingest("a.jpg")
    moved = fresh.put({"elsewhere/a.jpg": PICTURES["a.jpg"]})[0]
    assert counts(fresh.archive.ingest(CLUB, [moved])) == (1, 0, 0, 1, {})
    paths = [path for _, path, _ in fresh.rows()["paths"]]
    assert paths == sorted(bytes(path) for path in (fresh.photos / "a.jpg", moved))
    assert len(fresh.rows()["photos"]) == 1


def test_a_refused_file_is_a_row_until_it_can_be_used(fresh: Club) -> None:
    (path,) = fresh.put({"late.jpg": b"not yet"})
    for content, reason in ((b"not yet", "not-an-image"), (b"", "empty"), (small(2)[:200], "damaged")):
        fresh.put({"late.jpg": content})
        assert counts(fresh.ingest("late.jpg")) == (1, 0, 0, 0, {reason: 1})
        ((found, member, _, stored, sentence),) = fresh.rows()["refusals"]
        assert (found, member, stored) == (bytes(path), b"", reason)
        assert str(sentence).endswith(".")
    (refused,) = fresh.archive.refused(CLUB)
    assert refused.reason == "damaged"
    fresh.put({"late.jpg": small(2)})
    assert counts(fresh.ingest("late.jpg")) == (1, 1, 0, 0, {})
    assert fresh.rows()["refusals"] == []


def test_a_refused_file_that_turns_into_a_known_photo_is_no_longer_refused(fresh: Club) -> None:
    fresh.put({"late.jpg": b"not yet"})
    fresh.ingest("a.jpg", "late.jpg")
    fresh.put({"late.jpg": PICTURES["a.jpg"]})
    assert counts(fresh.ingest("late.jpg")) == (1, 0, 0, 1, {})
    assert fresh.rows()["refusals"] == []
    assert len(fresh.rows()["paths"]) == 2


def test_a_good_photo_whose_file_is_spoilt_later_stays(fresh: Club) -> None:
    fresh.ingest("a.jpg")
    fresh.put({"a.jpg": b"spoilt"})
    assert counts(fresh.ingest("a.jpg")) == (1, 0, 0, 0, {"not-an-image": 1})
    assert (len(fresh.rows()["photos"]), len(fresh.rows()["refusals"])) == (1, 1)


def test_nothing_given_is_nothing_done(fresh: Club) -> None:
    (fresh.photos / "none").mkdir()
    assert counts(fresh.ingest("none")) == (0, 0, 0, 0, {})
    assert fresh.ingest("none", engine=Engine("processes", 2)).done == 0


def test_an_unknown_engine_is_refused_before_anything_is_written(fresh: Club) -> None:
    with pytest.raises(UsageError, match="steam"):
        fresh.ingest(engine=Engine("steam"))
    assert fresh.rows()["photos"] == []


def test_a_photo_that_makes_a_step_fail_is_a_row_and_may_be_tried_again(
    fresh: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, whole = hashlib.sha256(PICTURES["b.jpg"]).digest(), stages.Embed.__call__

    def fails(self: stages.Embed, batch: Batch[Work]) -> Batch[Work]:
        if any(work.sha256 == poison for work in batch.items):
            msg = "a fault in a library"
            raise MemoryError(msg)
        return whole(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(stages.Embed, "__call__", fails)
        first = fresh.ingest()
    assert first.refused["stage-failed"] == 1
    assert (first.new, first.done) == (2, first.given)
    assert fresh.ingest().new == 1
    assert "stage-failed" not in {row[3] for row in fresh.rows()["refusals"]}


def test_a_program_that_was_faster_makes_no_doubles(fresh: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    faster: list[IngestSummary] = []

    class Meanwhile(stages.Embed):
        """Between the look-up and the save of a batch, somebody else brings in the same photos."""

        def __call__(self, batch: Batch[Work]) -> Batch[Work]:
            if not faster:
                faster.append(IngestSummary())
                faster[0] = fresh.ingest("a.jpg", "b.jpg")
            return super().__call__(batch)

    monkeypatch.setattr("countenance.flows.ingest.Embed", Meanwhile)
    assert counts(fresh.ingest("a.jpg", "b.jpg")) == (2, 0, 0, 2, {})
    assert counts(faster[0]) == (2, 2, 0, 0, {})
    assert (len(fresh.rows()["photos"]), len(fresh.rows()["paths"])) == (2, 2)


def test_batches_are_cut_by_bytes_too(fresh: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def watched(self: stages.Decode, batch: Batch[Work]) -> Batch[Work]:
        sizes.append(len(batch.items))
        return whole(self, batch)

    whole = stages.Decode.__call__
    monkeypatch.setattr(stages.Decode, "__call__", watched)
    archive = fresh.archive
    names = [fresh.photos / name for name in ("a.jpg", "b.jpg", "cut.jpg", "z garden.jpg")]
    for batch_bytes in (1, 1 << 30):
        settings = replace(archive.settings, batch_photos=3, batch_bytes=batch_bytes)
        other = Archive(archive.folder, archive._store, archive._keys, settings)
        other.create_collection(f"club {batch_bytes}")
        other.ingest(f"club {batch_bytes}", names)
    assert sizes == [1, 1, 1, 1, 3, 1]


# Enrolled people ---------------------------------------------------------------------------------------------------


@pytest.fixture
def party(tmp_path: Path, story_settings: Settings) -> Iterator[Club]:
    with Club.make(tmp_path, story_settings) as made:
        yield made


def test_a_withdrawal_counts_from_the_next_batch_on(party: Club) -> None:
    party.enrol(0)
    done: list[int] = []

    def saved(summary: IngestSummary, _: Sequence[bytes]) -> None:
        done.append(summary.suggested)
        if len(done) == 1:
            party.withdraw(0)

    # a and b are one batch, then f alone; the same person is in all of them.
    party.archive.ingest(CLUB, [party.photos / name for name in ("a.jpg", "b.jpg", "f.jpg")], saved=saved)
    assert done[0] >= 1
    assert done[1] == done[0]
    assert len(party.rows()["appearances"]) == done[0]


def test_an_enrolment_counts_from_the_next_batch_on(party: Club) -> None:
    done: list[int] = []

    def saved(summary: IngestSummary, _: Sequence[bytes]) -> None:
        done.append(summary.suggested)
        if len(done) == 1:
            party.enrol(0)

    party.archive.ingest(CLUB, [party.photos / name for name in ("a.jpg", "b.jpg", "f.jpg")], saved=saved)
    assert done[0] == 0
    assert done[1] == 1


def test_a_consent_that_ends_in_the_middle_is_noticed_soon(party: Club) -> None:
    party.enrol(0, party.form(days=1))
    party.clock.advance(hours=23, minutes=59)
    done: list[int] = []

    def saved(summary: IngestSummary, _: Sequence[bytes]) -> None:
        done.append(summary.suggested)
        party.clock.now += timedelta(minutes=2)

    party.archive.ingest(CLUB, [party.photos / name for name in ("a.jpg", "b.jpg", "f.jpg")], saved=saved)
    assert done[0] >= 1
    assert done[1] == done[0]


# Release collections -----------------------------------------------------------------------------------------------


def test_a_release_collection_keeps_sealed_templates_of_all_faces(club: Club) -> None:
    release = Release("contract 12", "the board", club.clock.now + timedelta(days=1))
    club.archive.create_collection("gala", release)
    summary = club.archive.ingest("gala", club.put({"a.jpg": scenes()["a.jpg"]}))
    assert (summary.new, summary.known) == (1, 0), "another collection knows nothing of this one"
    assert count(club.archive.folder, "face_templates") == summary.faces >= 2


def test_a_release_that_has_ended_stops_the_ingest_before_anything_is_written(club: Club) -> None:
    release = Release("contract 12", "the board", club.clock.now + timedelta(hours=1))
    club.archive.create_collection("gala", release)
    before = rows(club.archive.folder)
    club.clock.advance(hours=2)
    with pytest.raises(ConsentError, match="has ended"):
        club.archive.ingest("gala", club.put({"a.jpg": small(5)}))
    assert differences(rows(club.archive.folder), before) == []
