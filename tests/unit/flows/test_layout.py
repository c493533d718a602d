from __future__ import annotations

import os
from pathlib import Path

import pytest

from countenance.errors import ConflictError, CountenanceError
from countenance.flows.layout import MARKER, Folder, Layout, Place, thumbnail_of
from countenance.ingest.source import SourceItem
from countenance.store.collections import Collection
from tests.pretend import Party


def item(path: str | bytes, member: str | bytes | None = None, root: str | None = "/in") -> SourceItem:
    inside = os.fsencode(member) if member is not None else None
    return SourceItem(os.fsencode(path), inside, os.fsencode(root) if root is not None else None)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (item("/in/a/b.jpg"), ("a/b.jpg", "a/b.jpg")),
        (item("/in/B.JPEG"), ("B.JPEG", "B.JPEG")),
        (item("/in/b.png"), ("b.png", "b.png.jpg")),
        (item("/in/b"), ("b", "b.jpg")),
        (item("/in/b.jpg", root=None), ("b.jpg", "b.jpg")),
        (item("/in/set.zip", "x/../../b.webp", root=None), ("set.zip/x/b.webp", "set.zip/x/b.webp.jpg")),
        (item("/in/set.zip", "/etc/b.jpg", root=None), ("set.zip/etc/b.jpg", "set.zip/etc/b.jpg")),
        (item("s3://bucket/a/b.jpg", root=None), ("b.jpg", "b.jpg")),
        (item(b"/in/\xff\n.jpg"), (b"\xff\n.jpg", b"\xff\n.jpg")),
    ],
)
def test_a_place_keeps_folders_and_name(given: SourceItem, place: tuple[str | bytes, str | bytes]) -> None:
    assert Layout().place(given) == Place(os.fsencode(place[0]), os.fsencode(place[1]))


def outputs(*given: SourceItem) -> list[bytes]:
    layout = Layout()
    places = [layout.place(each) for each in given]
    assert len({place.path for place in places}) == len(given)
    return [place.output for place in places]


def test_no_two_files_get_the_same_place() -> None:
    same = [item(f"/{root}/x.jpg", root=f"/{root}") for root in ("a", "b", "c")]
    assert outputs(*same) == [b"x.jpg", b"again-x.jpg", b"again-again-x.jpg"]
    assert outputs(item("/in/x.jpg"), item("/in/X.JPG")) == [b"x.jpg", b"again-X.JPG"]  # Windows holds them for one
    assert len(set(outputs(item("/in/x.png"), item("/in/x.png.jpg")))) == 2
    assert len(set(outputs(item("/b/x.png.jpg", root="/b"), item("/a/x.png", root="/a")))) == 2


def test_no_file_is_where_another_needs_a_folder(tmp_path: Path) -> None:
    for number, given in enumerate(
        (
            [item("/a/x.jpg", root="/a"), item("/b/x.jpg/y.jpg", root="/b")],
            [item("/b/x.jpg/y.jpg", root="/b"), item("/a/x.jpg", root="/a")],
            [item("/a/set.zip", "m", root=None), item("/a/set.zip", "m.jpg/n", root=None)],
        )
    ):
        names = outputs(*given)
        folder = Folder(tmp_path / str(number))
        folder.path.mkdir()
        for name in names:
            folder.write(name, name)
        assert all((folder.path / os.fsdecode(name)).read_bytes() == name for name in names)


def test_names_that_no_file_system_holds_are_cut(tmp_path: Path) -> None:
    long = ["n" * 252 + ".png", "n" * 253 + ".png", "ü" * 200 + "/b.jpg", "/".join(["deep"] * 900) + "/b.png"]
    given = [item("/in/set.zip", name, root=None) for name in long]
    found = outputs(*given)
    assert len(set(found)) == len(long)
    folder = Folder(tmp_path)
    for name in found:
        assert name.endswith((b".jpg", b".jpeg"))
        folder.write(name, b"x")
    assert len(list(folder.released())) == 0  # only `clear` and `redacted` hold released files
    exact = "n" * 251 + ".jpg"
    assert outputs(item(f"/in/{exact}")) == [exact.encode()]


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path)
    folder.write(b"clear/a/b.jpg", b"one")
    file = tmp_path / "clear" / "a" / "b.jpg"
    assert oct(file.stat().st_mode)[-3:] == "644"

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CountenanceError, match="No space left"):
        folder.write(b"clear/a/b.jpg", b"two")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]
    assert file.read_bytes() == b"one"


def test_removing_takes_empty_folders_along_but_not_the_top(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for name in (b"clear/a/b/one.jpg", b"clear/a/two.jpg"):
        folder.write(name, b"x")
    folder.remove(b"clear/a/b/one.jpg")
    assert not (tmp_path / "clear" / "a" / "b").exists()
    folder.remove(b"clear/a/two.jpg")
    folder.remove(b"clear/a/two.jpg")
    assert [path.name for path in tmp_path.rglob("*")] == ["clear"]


def test_what_cannot_be_removed_is_said(tmp_path: Path) -> None:
    (tmp_path / "clear" / "a.jpg").mkdir(parents=True)
    with pytest.raises(CountenanceError, match="may no longer be released, and it cannot be removed"):
        Folder(tmp_path).remove(b"clear/a.jpg")


def test_what_a_folder_holds(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write(b"clear/a.jpg", b"one")
    digest = bytes.fromhex("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed")  # sha256("one")
    assert folder.holds(b"clear/a.jpg", digest)
    assert not folder.holds(b"clear/a.jpg", bytes(32))
    assert not folder.holds(b"clear/b.jpg", digest)
    assert not folder.holds(b"clear", digest)


def test_released_files_are_found_wherever_they_lie(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    names = [b"clear/x/\xff.JPG", b"redacted/b.jpeg", b"clear/a.png.jpg"]
    for name in [*names, b"clear/.DS_Store", b"thumbnails/t.jpg", b"report.json"]:
        folder.write(name, b"x")
    assert sorted(folder.released()) == sorted(names)


def test_sweeping_removes_only_what_is_half_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write(b"clear/a.jpg", b"x")
    (tmp_path / ".part-1").write_bytes(b"half")
    folder.sweep()
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == ["clear/a.jpg"]


def test_thumbnails_have_names_that_say_nothing() -> None:
    name = thumbnail_of(b"class 3b/Ann Lee.jpg")
    assert name != thumbnail_of(b"class 3b/Ann Lee 2.jpg")
    assert name.startswith(b"thumbnails/")
    assert b"Ann" not in name
    assert len(name) == len(b"thumbnails/") + 32 + 4


@pytest.fixture
def gala(party: Party) -> Collection:
    return party.scope.collection


def test_a_folder_is_prepared_once(tmp_path: Path, gala: Collection) -> None:
    folder = Folder(tmp_path / "new" / "out")
    folder.prepare([], gala, "website")
    first = (folder.path / MARKER).stat().st_mtime_ns
    assert {path.name for path in folder.path.iterdir()} == {MARKER, "clear", "redacted", "thumbnails"}
    folder.release()
    folder.prepare([b"s3://bucket/photos"], gala, "website")
    assert (folder.path / MARKER).stat().st_mtime_ns == first


def test_a_folder_is_held_by_one_run(tmp_path: Path, gala: Collection) -> None:
    first, second = Folder(tmp_path / "out"), Folder(tmp_path / "out")
    first.prepare([], gala, "website")
    with pytest.raises(ConflictError, match="Another run"):
        second.prepare([], gala, "website")
    first.release()
    second.prepare([], gala, "website")
    second.release()
    second.release()


def test_a_broken_marker_is_nobodys(tmp_path: Path, gala: Collection) -> None:
    Folder(tmp_path / "out").prepare([], gala, "website")
    (tmp_path / "out" / MARKER).write_text("{", "utf-8")
    with pytest.raises(CountenanceError, match="another collection or channel"):
        Folder(tmp_path / "out").prepare([], gala, "website")
