from __future__ import annotations

import re
from pathlib import Path

from countenance.store import appearances, erasures, labels, mentions, removal, schema, subjects, written
from countenance.store.appearances import Suggestion
from countenance.store.erasures import Erasure
from countenance.store.written import WrittenFile
from tests.unit.store.world import PACK, World

KEPT = {
    "schema_version",
    "archive_facts",
    "actors",
    "collections",
    "policy_pages",
    "erasures",
    "ledger_entries",
    "ledger_nodes",
    "cases",
    "case_approvals",
}
"""Tables that say nothing about a person: those of the archive, those that remember the erasure, what staff did."""


def suggest(world: World, face: str, subject: str, **changes: object) -> None:
    with world.store.transaction() as tx:
        guess = Suggestion(face, subject, 0.9, **changes)  # type: ignore[arg-type]
        appearances.suggest(tx, [guess], made_by="machine:m", pack=PACK, at=world.now)


def names_of_columns(path: Path) -> set[tuple[str, str]]:
    """(table, column) of every column whose values are ids of subjects, as the schema declares it."""
    found = {
        (table.name, column.name)
        for table in schema.metadata.tables.values()
        for column in table.columns
        if re.fullmatch(r"(subject|other|rival)_id|merged_into", column.name)
    }
    assert path.exists()
    return found


def test_every_column_that_names_a_person_is_reached(world: World) -> None:
    place = world.collection().id
    who = world.subject(place).id
    with world.store.reading() as tx:
        reached = removal.of_subject(tx, place, [who], ["Ann"])
    tables = {rows.table.name for rows in reached}
    for table, column in names_of_columns(world.path):
        emptied = any(column in rows.empty for rows in reached if rows.table.name == table)
        deleted = any(column in str(rows.where) for rows in reached if rows.table.name == table and not rows.empty)
        assert emptied or deleted or table in KEPT, (table, column)
    assert tables <= set(schema.metadata.tables)


def test_every_table_is_reached_when_a_collection_goes() -> None:
    by_cascade = {"appearance_history", "label_changes"}
    reached = {rows.table.name for rows in removal.of_collection("c")}
    assert set(schema.metadata.tables) - reached <= (KEPT - {"collections"}) | by_cascade


def test_what_stays_of_a_face_is_what_a_stranger_leaves(world: World) -> None:
    place = world.collection().id
    who, other = world.subject(place).id, world.subject(place, "Bob").id
    for each in (who, other):
        world.granted(each)
    photo, faces = world.photo(place, n_faces=2)
    suggest(world, faces[0], who, rival=other, rival_score=0.8)
    suggest(world, faces[1], other, rival=who, rival_score=0.7)
    with world.store.transaction() as tx:
        listed = removal.of_subject(tx, place, [who], ["Ann"])
        before = {rows.store: rows.count(tx) for rows in listed}
        for rows in listed:
            rows.remove(tx)
        assert [rows.count(tx) for rows in listed] == [0] * len(listed)
        assert (before["appearances"], before["rivals of appearances"], before["consents"]) == (1, 1, 1)
        (kept,) = appearances.of_photo(tx, photo)
        assert (kept.subject, kept.rival, kept.rival_score) == (other, None, None)
        assert subjects.by_id(tx, world.keys, other).name == "Bob"
    with world.raw() as raw:
        assert raw.execute("SELECT count(*) FROM faces").fetchone() == (2,)


def test_a_note_that_names_the_person_goes_and_its_row_stays(world: World) -> None:
    place = world.collection().id
    al, bob = world.subject(place, "Al").id, world.subject(place, "Bob").id
    _, faces = world.photo(place, n_faces=2)
    for face in faces:
        suggest(world, face, bob)
    notes = ("she called and confirmed, also by letter", "Al says this is Bob")
    with world.store.transaction() as tx:
        for face, note in zip(faces, notes, strict=True):
            word = labels.Word(place, "Mo", world.now, note)
            labels.write(tx, word, labels.DECIDE, labels.reject(tx, word, face, bob), subject=bob)
        for rows in removal.of_subject(tx, place, [al], ["Al"]):
            rows.remove(tx)
        kept = [operation.note for operation in labels.history(tx, place)]
    assert sorted(kept, key=str) == sorted([notes[0], None], key=str)


def test_a_face_that_is_confirmed_as_somebody_else_keeps_its_template(world: World) -> None:
    place = world.collection(release_days=9).id
    who, other = world.subject(place).id, world.subject(place, "Bob").id
    for each in (who, other):
        world.granted(each)
    _, (face,) = world.photo(place, n_faces=1)
    suggest(world, face, who)
    suggest(world, face, other)
    with world.store.transaction() as tx:
        mine = next(row for row in appearances.of_faces(tx, [face]) if row.subject == other)
        appearances.decide(tx, mine.id, "confirmed", actor="Mo", at=world.now)
        tx.exec_driver_sql("INSERT INTO face_templates VALUES (?, x'01', 'p')", (face,))
        listed = {rows.store: rows.count(tx) for rows in removal.of_subject(tx, place, [who], ["Ann"])}
    assert listed["face templates"] == 0


def test_photos_of_a_person_are_those_that_may_show_them(world: World) -> None:
    place = world.collection().id
    who = world.subject(place).id
    world.granted(who)
    seen, seen_faces = world.photo(place, n_faces=1)
    rejected, rejected_faces = world.photo(place, 2, n_faces=1)
    suggest(world, seen_faces[0], who)
    suggest(world, rejected_faces[0], who)
    with world.store.transaction() as tx:
        (row,) = appearances.of_photo(tx, rejected)
        appearances.decide(tx, row.id, "rejected", actor="Mo", at=world.now)
        assert removal.photos_of_subject(tx, [who]) == [seen]


def test_an_erasure_is_unfinished_until_its_receipt(world: World) -> None:
    new = Erasure(erasures.new_id(), erasures.SUBJECT, "s", "c", "files", b"sealed", "Mo", world.now)
    with world.store.transaction() as tx:
        erasures.begin(tx, new)
        erasures.set_step(tx, new.id, "rows")
        assert [each.step for each in erasures.unfinished(tx)] == ["rows"]
        assert erasures.by_id(tx, new.id).state == b"sealed"
        erasures.finish(tx, new.id, b"receipt", at=world.now)
        assert erasures.unfinished(tx) == []
        (done,) = erasures.of_target(tx, "s")
    assert (done.receipt, done.state, done.done_at) == (b"receipt", b"", world.now)


def test_own_words_are_found_in_paths_and_names(world: World) -> None:
    place = world.collection("Ada Fern's class").id
    with world.store.transaction() as tx:
        path = b"/photos/Ada Fern.jpg"
        written.put(tx, WrittenFile(written.REPORT, path, bytes(32), 1, world.now, place))
        assert mentions.mentioned(tx, "Ada Fern") == 2
        assert mentions.mentioned(tx, "Bo Reed") == 0
