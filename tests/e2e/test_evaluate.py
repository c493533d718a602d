"""``countenance evaluate`` as a process: on drawn people, and on the photos of the test set."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from tests.drawn import portrait
from tests.terminal import Terminal

SEATS = range(12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two portraits each of twelve drawn people, a file that is no photo, and trials of both kinds."""
    made = tmp_path_factory.mktemp("evaluate")
    (made / "photos").mkdir()
    lines = []
    for seat in SEATS:
        for picture in range(2):
            (made / "photos" / f"{seat}-{picture}.jpg").write_bytes(portrait(seat, picture, 200))
        lines.append(f"{seat}-0.jpg,{seat}-1.jpg,1,P{seat},P{seat}")
        lines += [f"{seat}-0.jpg,{other}-1.jpg,0,P{seat},P{other}" for other in SEATS if other != seat]
    (made / "photos" / "broken.jpg").write_bytes(b"no photo")
    lines.append("broken.jpg,0-0.jpg,0,P99,P0")
    (made / "pairs.csv").write_text("\n".join(["a,b,mated,a_subject,b_subject", *lines]) + "\n")
    entries = [
        f"{seat}-{picture}.jpg,P{seat},{('reference', 'probe')[picture]}" for seat in SEATS for picture in range(2)
    ]
    (made / "list.csv").write_text("\n".join(["photo,subject,role", *entries]) + "\n")
    (made / "people.csv").write_text("subject,house\n" + "".join(f"P{seat},{'ab'[seat % 2]}\n" for seat in SEATS))
    return made


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_pack_is_judged_on_any_folder(folder: Path, models: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    here, before = Terminal(tmp_path / "work", models), files(folder)
    words: list[str | Path] = [
        "--people",
        folder / "people.csv",
        "--group",
        "house",
        "--photos",
        folder / "photos",
        "--json",
    ]
    answer = here("evaluate", folder / "pairs.csv", "--out", "report", *words)
    assert answer.code == 3, "one photo could not be used, and everything else was done"
    told = answer.json
    assert told["ok"] is True
    assert told["pairs"] == {"mated": 12, "non_mated": 133}
    assert told["photos"]["failed"] in ({"not-an-image": 1}, {"other-file": 1})
    assert told["photos"]["not_used"][0]["photo"] == "broken.jpg"
    assert told["fte"] == pytest.approx(1 / 25)
    assert list(told["fnmr"]) == ["0.1"]
    assert set(told["groups"]["house"]["groups"]) == {"a", "b"}
    assert told["groups"]["house"]["groups"]["a"]["fnmr"] is None, "six people are too few"
    assert files(folder) == before
    assert files(tmp_path / "work") == {f"report/{name}" for name in told["files"]}
    assert set(told["files"]) == {"evaluation.html", "evaluation.json", "det.png", "det.svg"}


def test_a_list_is_judged_with_and_without_workers(folder: Path, models: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    here = Terminal(tmp_path / "work", models)
    told = []
    for number, engine in enumerate((["--engine", "serial"], ["--workers", "2"])):
        words: list[str | Path] = ["--out", f"report-{number}", "--photos", folder / "photos", *engine, "--json"]
        found = here("evaluate", folder / "list.csv", *words).done
        told.append({name: found[name] for name in ("pairs", "fte", "photos")} | found["identification"])
        assert found["auc"] > 0.9
    assert told[0]["searches"] == {"mated": 12, "non_mated": 12, "left_out": True}
    assert told[0]["rank_1"] == told[1]["rank_1"]
    assert told[0]["pairs"] == told[1]["pairs"] == {"mated": 12, "non_mated": 132}
    text = here("evaluate", folder / "list.csv", "--out", "again", "--photos", folder / "photos")
    assert text.code == 0
    assert "rank 1 " in text.out
    assert "too few non-mated searches to say; it takes 30, there are 12" in text.out


@pytest.mark.shared
def test_the_default_pack_on_studio_photos(shared: Path, models: Path, tmp_path: Path) -> None:
    """Adults who gave their consent, serious and smiling: hard to get wrong, and forty are too few to prove it."""
    with (shared / "photos" / "london" / "labels.csv").open(encoding="utf-8") as file:
        names = sorted({row["identity"] for row in csv.DictReader(file)})[:40]
    chance = random.Random(1)  # noqa: S311 - no secret
    lines = [f"london/{who}_neutral.jpg,london/{who}_smiling.jpg,1" for who in names]
    lines += ["london/{}_neutral.jpg,london/{}_smiling.jpg,0".format(*chance.sample(names, 2)) for _ in range(400)]
    (tmp_path / "pairs.csv").write_text("\n".join(["a,b,mated", *dict.fromkeys(lines)]) + "\n")
    answer = Terminal(tmp_path, models)(
        "evaluate", "pairs.csv", "--photos", shared / "photos", "--out", "report", "--json"
    )
    told = answer.done
    assert told["fte"] == 0.0
    assert told["auc"] > 0.9999
    assert told["fnmr"]["0.01"]["value"] == 0.0
    assert told["fnmr"]["0.01"]["high"] < 0.1, "and forty people cannot show that it is never wrong"
    assert told["photos"]["poor"] == []
    assert json.loads((tmp_path / "report" / "evaluation.json").read_text("utf-8")) == told
