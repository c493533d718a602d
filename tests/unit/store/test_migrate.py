from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect

from countenance.errors import StoreError
from countenance.store import migrate, schema
from countenance.store.connection import Store
from tests.unit.store.world import World


def test_an_empty_file_gets_every_table_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "archive.sqlite"
    with Store.open(path, create=True) as store, store.reading() as tx:
        assert migrate.version_of(tx) == migrate.STEPS[-1][0] > 0
    before = path.read_bytes()
    for create in (False, True):
        with Store.open(path, create=create):
            pass
    assert path.read_bytes() == before


def test_tables_and_queries_agree_on_every_column(world: World) -> None:
    with world.store.reading() as tx:
        inspector = inspect(tx)
        assert set(inspector.get_table_names()) == set(schema.metadata.tables)
        for name, table in schema.metadata.tables.items():
            found = {column["name"]: column["nullable"] for column in inspector.get_columns(name)}
            assert found == {column.name: column.nullable for column in table.columns}, name


def test_a_newer_database_is_refused_and_unchanged(world: World) -> None:
    with world.raw() as raw:
        raw.execute("INSERT INTO schema_version VALUES (99, '2030-01-01T00:00:00.000000Z')")
    world.store.close()
    before = world.path.read_bytes()
    with pytest.raises(StoreError, match=r"newer Countenance \(schema 99") as caught:
        Store.open(world.path)
    assert "Update" in caught.value.advice
    assert world.path.read_bytes() == before


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "archive.sqlite"
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE bookmarks (url TEXT)")
    for create in (False, True):
        with pytest.raises(StoreError, match="another program"):
            Store.open(path, create=create)


def test_an_empty_file_is_no_archive_unless_one_is_made(tmp_path: Path) -> None:
    path = tmp_path / "archive.sqlite"
    path.touch()
    with pytest.raises(StoreError, match="empty"):
        Store.open(path)
    with Store.open(path, create=True), Store.open(path):
        pass


def test_steps_are_applied_in_order_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "archive.sqlite"
    Store.open(path, create=True).close()

    def second(tx: Connection) -> None:
        tx.exec_driver_sql("CREATE TABLE second (a TEXT)")

    def third(tx: Connection) -> None:
        tx.exec_driver_sql("INSERT INTO second VALUES ('x')")
        if broken:
            tx.exec_driver_sql("this is no SQL")

    newest = migrate.STEPS[-1][0]
    steps = (*migrate.STEPS, (newest + 1, second), (newest + 2, third))
    monkeypatch.setattr(migrate, "STEPS", steps)
    broken = True
    with pytest.raises(StoreError):
        Store.open(path)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT version FROM schema_version").fetchall() == [
            (each,) for each in range(1, newest + 1)
        ]
        assert raw.execute("SELECT * FROM sqlite_master WHERE name = 'second'").fetchall() == []
    broken = False
    with Store.open(path), closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT version FROM schema_version ORDER BY 1").fetchall()[-2:] == [
            (newest + 1,),
            (newest + 2,),
        ]
        assert raw.execute("SELECT * FROM second").fetchall() == [("x",)]


def test_step_numbers_count_up_from_one() -> None:
    assert [version for version, _ in migrate.STEPS] == list(range(1, len(migrate.STEPS) + 1))


def test_an_archive_of_the_first_version_keeps_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "archive.sqlite"
    at = "2026-11-22T12:00:00.000000Z"
    with monkeypatch.context() as before:
        before.setattr(migrate, "STEPS", migrate.STEPS[:1])
        with Store.open(path, create=True), closing(sqlite3.connect(path)) as raw, raw:
            raw.execute("INSERT INTO collections VALUES ('c', 'club', 'consent', NULL, NULL, NULL, 'p', ?)", (at,))
            raw.execute("INSERT INTO subjects VALUES ('s', 'c', x'01', 0, ?, 0)", (at,))
            raw.execute(
                "INSERT INTO photos VALUES ('h', 'c', ?, 1, 2, 3, 'jpeg', 1, NULL, 'indexed', 1, 'p', ?)",
                (b"x" * 32, at),
            )
            raw.execute("INSERT INTO faces VALUES ('h-0', 'h', 0, 1, 1, 1, 1, ?, 1, 1, 'p')", (b"l" * 40,))
            raw.execute("INSERT INTO appearances VALUES ('a', 'h-0', 's', 0.5, 'confirmed', 'Mo', ?, 'p')", (at,))
    with Store.open(path) as store, store.reading() as tx:
        assert migrate.version_of(tx) == migrate.STEPS[-1][0]
        rows = tx.exec_driver_sql("SELECT id, state, made_by, rival_id FROM appearances").all()
        assert rows == [("a", "confirmed", "Mo", None)]
        assert tx.exec_driver_sql("SELECT to_state, actor FROM appearance_history").all() == [("confirmed", "Mo")]
        assert tx.exec_driver_sql("SELECT merged_into, must_not_appear_sealed FROM subjects").all() == [(None, None)]
        assert tx.exec_driver_sql("SELECT count(*) FROM policy_pages").scalar_one() == 0
