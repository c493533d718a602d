from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from countenance.errors import ConflictError, CountenanceError, DamagedError, NotFoundError, StoreError
from countenance.store import connection, facts
from countenance.store.connection import Store
from tests.unit.store.world import World


def test_every_setting_is_in_force_on_writers_and_readers(world: World) -> None:
    wanted = {"secure_delete": 1, "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "temp_store": 2}
    for door in (world.store.transaction, world.store.reading):
        with door() as tx:
            found = {name: tx.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
        assert found == wanted


def test_a_setting_that_sqlite_ignores_is_an_error() -> None:
    with sqlite3.connect(":memory:") as memory, pytest.raises(StoreError, match="journal_mode"):
        connection.apply_settings(memory, (("journal_mode", "WAL", "wal"),))
    memory.close()


def test_only_the_owner_can_read_the_files(world: World) -> None:
    with world.store.transaction() as tx:
        facts.put(tx, "a", "b")
    files = list(world.folder.glob("archive.sqlite*"))
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_transaction_is_whole_or_nothing(world: World) -> None:
    class Stop(BaseException):
        pass

    def half() -> None:
        with world.store.transaction() as tx:
            facts.put(tx, "half", "1")
            raise Stop

    with pytest.raises(Stop):
        half()
    with world.store.reading() as tx:
        assert facts.get(tx, "half") is None
    with world.store.transaction() as tx:
        facts.put(tx, "whole", "1")
    with world.raw() as raw:
        assert raw.execute("SELECT name FROM archive_facts").fetchall() == [("whole",)]


def test_a_reader_sees_one_state_and_cannot_write(world: World) -> None:
    with world.store.reading() as reader:
        assert facts.get(reader, "a") is None
        with world.store.transaction() as tx:
            facts.put(tx, "a", "b")
        assert facts.get(reader, "a") is None
        with pytest.raises(StoreError, match="cannot be written"):
            facts.put(reader, "c", "d")
    with world.store.reading() as reader:
        assert facts.get(reader, "a") == "b"


def test_a_transaction_inside_a_transaction_is_refused_at_once(world: World) -> None:
    with world.store.transaction() as tx:
        with pytest.raises(StoreError, match="already open"), world.store.transaction():
            pass
        facts.put(tx, "a", "b")
    with world.store.reading() as reader:
        assert facts.get(reader, "a") == "b"


def test_threads_take_turns(world: World) -> None:
    def add() -> None:
        for _ in range(5):
            with world.store.transaction() as tx:
                facts.put(tx, "n", str(int(facts.get(tx, "n") or 0) + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with world.store.reading() as tx:
        assert facts.get(tx, "n") == "20"


def test_another_programs_lock_is_waited_for_and_then_named(world: World) -> None:
    with (
        Store.open(world.path, busy_timeout_s=0.05) as second,
        world.store.transaction(),
        pytest.raises(StoreError, match="did not finish in time"),
        second.transaction(),
    ):
        pass
    with Store.open(world.path, busy_timeout_s=0.05) as second, second.transaction() as tx:
        facts.put(tx, "a", "b")


def test_a_missing_archive_is_not_made_by_accident(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no archive"):
        Store.open(tmp_path / "archive.sqlite")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match="cannot be made"):
        Store.open(tmp_path / "no-such-folder" / "archive.sqlite", create=True)


@pytest.mark.parametrize(
    "content", [b"this is not a database, but long enough to look at" * 99, b"SQLite format 3\0" * 99]
)
def test_a_file_that_is_no_database_is_named_damaged_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "archive.sqlite"
    path.write_bytes(content)
    for create in (False, True):
        with pytest.raises(DamagedError, match="damaged"):
            Store.open(path, create=create)
    assert path.read_bytes() == content


def test_a_page_of_noise_is_named_damaged(world: World) -> None:
    with world.store.transaction() as tx:
        for number in range(300):
            facts.put(tx, f"fact {number}", "x" * 200)
    world.store.close()
    with world.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (world.path.stat().st_size - 4096))
    with pytest.raises(DamagedError, match="damaged"):
        Store.open(world.path)


def test_a_full_disk_is_named_and_leaves_nothing_half_written(world: World) -> None:
    def fill() -> None:
        with world.store.transaction() as tx:
            pages = tx.exec_driver_sql("PRAGMA page_count").scalar_one()
            tx.exec_driver_sql(f"PRAGMA max_page_count={pages}")
            for number in range(100):
                facts.put(tx, f"fact {number}", "x" * 4_000)

    with pytest.raises(StoreError, match="disk is full"):
        fill()
    with world.store.transaction() as tx:
        assert tx.execute(text("SELECT count(*) FROM archive_facts")).scalar() == 0
        tx.exec_driver_sql("PRAGMA max_page_count=1000000")
        facts.put(tx, "a", "b")


def test_errors_carry_no_values(world: World) -> None:
    secret = "Ann Onymous"  # noqa: S105 - a name, to be found nowhere
    statement = text("INSERT INTO archive_facts VALUES (:name, :value)")

    def twice() -> None:
        with world.store.transaction() as tx:
            tx.execute(statement, [{"name": secret, "value": secret}] * 2)

    with pytest.raises(ConflictError) as caught:
        twice()
    chain: BaseException | None = caught.value
    seen = 0
    while chain is not None:
        assert secret not in str(chain)
        chain, seen = chain.__cause__, seen + 1
    assert seen > 1


def test_every_driver_error_becomes_ours(world: World) -> None:
    with pytest.raises(StoreError, match="no such table"), world.store.reading() as tx:
        tx.exec_driver_sql("SELECT * FROM nobody")
    with pytest.raises(StoreError, match="CHECK"), world.store.transaction() as tx:
        tx.exec_driver_sql(
            "INSERT INTO collections (id, name, basis, pack_id, created_at) VALUES ('a','b','c','d','e')"
        )
    unknown = connection.error_of(sqlite3.OperationalError("something new"))
    assert isinstance(unknown, CountenanceError)


def test_truncate_log_leaves_no_old_bytes_in_the_log(world: World) -> None:
    with world.store.transaction() as tx:
        facts.put(tx, "needle", "x" * 1_000)
    log = world.path.with_name("archive.sqlite-wal")
    assert b"needle" in log.read_bytes()
    with world.store.reading() as reader:
        facts.get(reader, "a")
        with world.store.transaction() as tx:
            facts.put(tx, "needle", "y" * 1_000)
        with Store.open(world.path, busy_timeout_s=0.05) as second, pytest.raises(StoreError, match="reader"):
            second.truncate_log()
    world.store.truncate_log()
    assert log.stat().st_size == 0
    content = world.path.read_bytes()
    assert b"y" * 1_000 in content
    assert b"x" * 900 not in content


def test_odd_file_names_work(tmp_path: Path) -> None:
    path = tmp_path / "an archive?mode=memory#%41 ä.sqlite"
    with Store.open(path, create=True) as store, store.transaction() as tx:
        facts.put(tx, "a", "b")
    assert path.stat().st_size > 0
    with Store.open(path) as store, store.reading() as tx:
        assert facts.get(tx, "a") == "b"


def test_an_old_sqlite_is_named() -> None:
    connection.require_sqlite()
    with pytest.raises(StoreError, match=r"SQLite 3\.34\.1; the archive needs 3\.37\.0"):
        connection.require_sqlite((3, 34, 1))


def test_a_value_that_cannot_be_read_is_damage_and_not_repeated(world: World) -> None:
    with world.raw() as raw:
        raw.execute("INSERT INTO archive_facts VALUES ('a', CAST(x'53656372657400ff' AS TEXT))")
    with pytest.raises(DamagedError) as caught, world.store.reading() as tx:
        facts.get(tx, "a")
    assert "Secret" not in caught.value.message


def test_columns_keep_their_types(world: World) -> None:
    with pytest.raises(StoreError, match="cannot store TEXT"), world.store.transaction() as tx:
        tx.exec_driver_sql(
            "INSERT INTO refusals (collection_id, path, member, reason, message, refused_at) "
            "VALUES ('c', 'text', x'', 'r', 'm', '2026-11-22T22:00:00.000000Z')"
        )
