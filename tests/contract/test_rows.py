"""The same photos through every engine give the same rows."""

from __future__ import annotations

from pathlib import Path

from countenance.flows.scope import SERIAL, Engine
from countenance.settings import Settings
from tests.drawn import CLUB, Club, differences, scenes

PROCESSES = Engine("processes", 2)


def test_ingest_gives_the_same_rows_with_every_engine(tmp_path: Path, story_settings: Settings) -> None:
    pictures = scenes() | {
        "not a photo.txt": b"hello",
        "twice.jpg": scenes()["a.jpg"],
        "cut.jpg": scenes()["b.jpg"][:9_000],
    }
    found = {}
    for engine in (SERIAL, PROCESSES):
        with Club.make(tmp_path / engine.name, story_settings, pictures) as club:
            club.enrol(0)
            club.enrol(1)
            summary = club.ingest(engine=engine)
            rows = club.rows()
        for refused in (rows["refusals"], rows["paths"]):  # each archive has its own folder of photos
            refused[:] = [tuple(_below(cell, club.photos) for cell in row) for row in refused]
        assert {"decode", "detect", "embed", "save", "total"} <= set(summary.seconds)
        counts = (summary.given, summary.new, summary.partial, summary.known, summary.refused, summary.faces)
        found[engine.name] = (rows, counts, summary.suggested)
    assert differences(found["serial"][0], found["processes"][0], tolerance=1e-5) == []
    assert found["serial"][1:] == found["processes"][1:]
    rows, counts, suggested = found["serial"]
    assert counts[:4] == (9, 6, 1, 1)
    assert len(rows["photos"]) == 7
    assert len(rows["paths"]) == 8
    assert len(rows["faces"]) == counts[5] >= 13
    assert len(rows["appearances"]) == suggested >= 5
    assert len(rows["refusals"]) == 1


def test_rescan_gives_the_same_rows_with_every_engine(stock: Path, tmp_path: Path, story_settings: Settings) -> None:
    found = []
    for engine in (SERIAL, PROCESSES):
        with Club.open_copy(stock, tmp_path / engine.name, story_settings) as club:
            n_before = len(club.rows()["appearances"])
            club.enrol(4)
            club.enrol(5)
            seen = club.archive.rescan(CLUB, engine)
            found.append((club.rows(), seen))
            assert len(club.rows()["appearances"]) == n_before + seen.suggested
    assert differences(found[0][0], found[1][0], tolerance=1e-5) == []
    assert found[0][1] == found[1][1]
    assert found[0][1].photos == 6
    assert found[0][1].suggested >= 2


def _below(cell: object, folder: Path) -> object:
    return cell.removeprefix(bytes(folder)) if isinstance(cell, bytes) else cell
