"""Evaluations: real photos through the real stages once, everything else on templates made by hand."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from countenance.errors import CountenanceError, UsageError
from countenance.flows import evaluate as flow
from countenance.flows.evaluate import Looked, Trials, evaluate, look, read_any
from countenance.flows.evaluate_report import CMC, DET, JSON, PAGE, largest_ratio, prepare, says, write
from countenance.measure.groups import People
from countenance.measure.lists import PROBE, REFERENCE, Entry
from countenance.measure.trials import Trial
from countenance.settings import Settings
from countenance.vision.packs import Pack, load_pack
from tests.drawn import portrait
from tests.unit.flows.pictures import nobody, small, tiny, together

N_PEOPLE, DIM = 24, 16


@pytest.fixture(scope="module")
def pack(story_settings: Settings) -> Pack:
    return load_pack("default", story_settings)


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory, story_settings: Settings, pack: Pack) -> Looked:
    folder = tmp_path_factory.mktemp("photos")
    (folder / "of").mkdir()
    outside = folder.parent / "outside.jpg"
    outside.write_bytes(small(0))
    photos = {
        "good.jpg": portrait(0),
        "of/Löwe.jpg": portrait(1),
        "poor.jpg": tiny(0),
        "two.jpg": together(0, 1),
        "nobody.jpg": nobody(),
        "broken.jpg": portrait(0)[:200],
        "text.jpg": b"hello",
    }
    for name, content in photos.items():
        (folder / name).write_bytes(content)
    seen: list[int] = []
    names = sorted([*photos, "gone.jpg", "../outside.jpg", str(outside), "."])
    found = look(names, folder, pack, replace(story_settings, batch_bytes=1), seen=seen.append)
    assert seen[-1] == len(names)
    assert found.templates.keys() | found.failed.keys() == set(names), "every photo is a template or a reason"
    return found


def test_a_photo_gives_one_template_of_its_largest_face(looked: Looked) -> None:
    assert set(looked.templates) == {"good.jpg", "of/Löwe.jpg", "poor.jpg", "two.jpg"}
    assert all(row.shape == (128,) for row in looked.templates.values())
    assert np.linalg.norm(looked.templates["good.jpg"]) == pytest.approx(1, abs=1e-5)
    assert looked.several == ["two.jpg"]


def test_whatever_cannot_be_used_has_a_reason(looked: Looked) -> None:
    reasons = {name: reason for name, (reason, _) in looked.failed.items()}
    assert reasons.pop("nobody.jpg") == "no-face"
    assert reasons.pop("broken.jpg") == "damaged"
    assert reasons.pop("text.jpg") in {"not-an-image", "other-file"}
    assert reasons.pop("gone.jpg") == "unreadable"
    assert reasons.pop(".") in {"outside-source", "unreadable", "not-a-regular-file"}
    assert set(reasons.values()) == {"outside-source"}, "nothing outside of the folder is read"
    assert all(message.endswith(".") for _, message in looked.failed.values())


def test_a_poor_face_is_told_with_its_reasons(looked: Looked) -> None:
    assert set(looked.poor) == {"poor.jpg"}
    quality, reasons = looked.poor["poor.jpg"]
    assert 0 < quality < 20
    assert reasons[0] == "small"


def people(noise: float = 0.25) -> dict[str, np.ndarray[Any, Any]]:
    """Two photos each of 24 people; how alike they are falls with ``noise``."""
    chance = np.random.default_rng(4)
    found = {}
    for number in range(N_PEOPLE):
        centre = chance.normal(size=DIM)
        for photo in range(2):
            row = centre + noise * chance.normal(size=DIM)
            found[f"{number:02}-{photo}.jpg"] = (row / np.linalg.norm(row)).astype(np.float32)
    return found


def pairs() -> Trials:
    names = [f"{number:02}" for number in range(N_PEOPLE)]
    made = [Trial(f"{who}-0.jpg", f"{who}-1.jpg", mated=True, a_subject=who, b_subject=who) for who in names]
    made += [
        Trial(f"{a}-{photo}.jpg", f"{b}-0.jpg", mated=False, a_subject=a, b_subject=b)
        for a in names
        for b in names
        for photo in range(2)
        if a != b
    ]
    return Trials("pairs.csv", pairs=tuple(made))


def listing(n_strangers: int = 12) -> Trials:
    made = []
    for number in range(N_PEOPLE):
        who = f"{number:02}"
        made += [] if number < n_strangers else [Entry(f"{who}-0.jpg", who, REFERENCE)]
        made.append(Entry(f"{who}-1.jpg", who, PROBE))
    return Trials("list.csv", entries=tuple(made))


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch, pack: Pack, story_settings: Settings, tmp_path: Path) -> Any:  # noqa: ANN401
    """Evaluate and report on templates made by hand."""

    def judged(given: Trials, *, lost: tuple[str, ...] = (), noise: float = 0.25, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
        rows = {name: row for name, row in people(noise).items() if name not in lost}
        failed = dict.fromkeys(lost, ("no-face", "No face was found in it."))
        wanted = Looked(rows, failed, poor={"00-0.jpg": (12.0, ("small", "cut-off"))}, several=["01-0.jpg"])
        monkeypatch.setattr(flow, "look", lambda *_: wanted)
        prepare(tmp_path / "out")
        report, scored = evaluate(given, tmp_path, pack, story_settings, **changes)
        return write(report, scored, tmp_path / "out")

    return judged


def test_pairs_are_rated_with_intervals_and_the_promised_fields(judge: Any, tmp_path: Path) -> None:  # noqa: ANN401
    told = judge(pairs(), lost=("03-1.jpg",))
    n_non_mated = 2 * N_PEOPLE * (N_PEOPLE - 1)
    assert told["pairs"] == {"mated": N_PEOPLE, "non_mated": n_non_mated}
    assert set(told["fnmr"]) == {"0.1", "0.01"}
    assert all(set(cell) == {"value", "low", "high", "threshold"} for cell in told["fnmr"].values())
    assert told["fte"] == pytest.approx(1 / (2 * N_PEOPLE))
    assert told["fte_interval"]["low"] <= told["fte"] <= told["fte_interval"]["high"]
    assert told["fnmr"]["0.01"]["value"] >= 1 / N_PEOPLE, "a photo without a template is a miss"
    assert 0.5 < told["auc"] < 1
    assert told["identification"] is None
    written = json.loads((tmp_path / "out" / JSON).read_text("utf-8"))
    assert written.pop("ok") is True
    assert written == json.loads(json.dumps(told))


def test_a_list_is_rated_as_searches_and_as_pairs(judge: Any, tmp_path: Path) -> None:  # noqa: ANN401
    told = judge(listing())
    found = told["identification"]
    assert found["searches"] == {"mated": 12, "non_mated": 12, "left_out": False}
    assert found["gallery"] == {"people": 12}
    assert found["fnir"] == {}, "12 searches show nothing about 1 in 10"
    assert found["rank_1"]["value"] == 1.0
    assert told["pairs"] == {"mated": 12, "non_mated": 12 * 23}
    assert (tmp_path / "out" / f"{CMC}.png").read_bytes()[:4] == b"\x89PNG"
    left_out = judge(listing(0))["identification"]
    assert left_out["searches"] == {"mated": 24, "non_mated": 24, "left_out": True}


TABLE = People(
    "subject", ("house",), {f"{number:02}": {"house": "red" if number % 2 else "blue & white"} for number in range(24)}
)


def test_groups_are_those_of_the_table(judge: Any) -> None:  # noqa: ANN401
    told = judge(pairs(), people=TABLE, noise=0.8)
    house = told["groups"]["house"]
    assert set(house["groups"]) == {"red", "blue & white"}
    assert house["groups"]["red"]["people"] == 12
    assert len(house["says"]) == 2
    assert told["largest_ratio"]["group"] == "house"


class Page(HTMLParser):
    """Tags, attributes and bold text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.bold: list[str] = []
        self._in_bold = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]
        self._in_bold = tag == "b"

    def handle_endtag(self, tag: str) -> None:
        self._in_bold &= tag != "b"

    def handle_data(self, data: str) -> None:
        self.bold += [data] if self._in_bold else []


def test_the_page_stands_alone_and_has_the_largest_gap_in_bold(judge: Any, tmp_path: Path) -> None:  # noqa: ANN401
    told = judge(pairs(), people=TABLE, noise=0.8, lost=("05-1.jpg",))
    text = (tmp_path / "out" / PAGE).read_text("utf-8")
    page = Page(text)
    assert "script" not in page.tags
    assert page.links
    assert all(link.startswith("data:image/svg+xml;base64,") for link in page.links)
    largest = told["largest_ratio"]
    bold = [sentence for sentence in told["groups"]["house"]["says"] if sentence in page.bold]
    assert bold == [told["groups"]["house"]["says"][["fnmr", "fmr"].index(largest["rate"])]]
    assert "blue &amp; white" in text
    assert "05-1.jpg" in text
    assert "small, cut off" in text
    assert "too few non-mated pairs to say: it takes 3000, there are 1104" in text
    assert (tmp_path / "out" / f"{DET}.svg").exists()
    for name in (PAGE, JSON):
        assert (tmp_path / "out" / name).stat().st_mode & 0o077 == 0, "it names photos"


def test_no_score_and_no_candidate_of_anybody_leaves(judge: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """P6: rates are told; who was alike to whom is not, so that no list is a search in disguise."""
    judge(listing())
    told = (tmp_path / "out" / JSON).read_text("utf-8") + (tmp_path / "out" / PAGE).read_text("utf-8")
    named = {name for name in people() if name in told}
    assert named <= {"00-0.jpg", "01-0.jpg"}, "photos are named for what is wrong with them only"
    assert not re.search(r'"(candidates|scores|mates)"', told)


def test_without_matplotlib_everything_but_the_plots_is_there(
    judge: Any,  # noqa: ANN401
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    told = judge(listing())
    assert told["files"] == [PAGE, JSON]
    assert "countenance[report]" in told["notes"]["plots"]
    text = (tmp_path / "out" / PAGE).read_text("utf-8")
    assert "countenance[report]" in text
    assert "<img" not in text
    assert not list((tmp_path / "out").glob("*.svg"))


def test_photos_that_are_nowhere_are_a_mistake_of_the_command(judge: Any) -> None:  # noqa: ANN401
    with pytest.raises(
        UsageError, match=r"None of the 48 photos that pairs\.csv names can be used: 48 no-face"
    ) as caught:
        judge(pairs(), lost=tuple(people()))
    assert "--photos" in caught.value.advice


def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CountenanceError, match="cannot be written"):
        prepare(tmp_path / "file")


def test_both_kinds_of_trials_are_known_by_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("photo,subject,role\na,Ann,reference\nb,Ann,probe\n")
    found = read_any(path)
    assert (len(found.entries), found.pairs) == (2, ())
    assert (found.people, found.subjects) == ({"a": 0, "b": 0}, {"a": "Ann", "b": "Ann"})
    path.write_text("a,b,mated\na,b,1\nb,c,0\n")
    found = read_any(path)
    assert found.people["a"] == found.people["b"] != found.people["c"]
    assert found.subjects == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no columns"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"x,y\n1,2\n", "no columns"),
        (b"a,b,mated\na,b,1\na,b,0\n", "contradict themselves"),
    ],
)
def test_trials_that_are_none_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_any(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_any(tmp_path / "none.csv")


def gap(value: float | None, highest: str = "red", *, overlap: bool = False) -> dict[str, Any]:
    return {"highest": highest, "lowest": "blue", "value": value, "overlap": overlap}


def test_a_gap_is_told_in_words() -> None:
    told = says({"ratios": {"fnmr": gap(2.5, overlap=True), "fmr": gap(None)}})
    assert told == [
        "FNMR: red has 2.50 times that of blue; the intervals overlap, so chance may explain it.",
        "FMR: highest for red; blue had no error, so no ratio says how much.",
    ]
    assert says({"ratios": {"fnmr": gap(1.0, "blue"), "fmr": None}}) == [
        "FNMR: the same in all groups.",
        "FMR: fewer than two groups are large enough to compare.",
    ]


def test_the_largest_gap_is_found_over_all_columns_and_rates() -> None:
    one = {"ratios": {"fnmr": gap(2.0), "fmr": gap(3.0)}}
    two = {"ratios": {"fnmr": gap(5.0), "fmr": None}}
    assert largest_ratio({"house": one, "year": two}) == {"group": "year", "rate": "fnmr", **gap(5.0)}
    apart, near = ({"ratios": {"fnmr": gap(None, overlap=overlap), "fmr": None}} for overlap in (False, True))
    assert largest_ratio({"house": one, "year": apart}) == {"group": "year", "rate": "fnmr", **gap(None)}
    assert largest_ratio({"house": one, "year": near}) == {"group": "house", "rate": "fmr", **gap(3.0)}
    assert largest_ratio({"house": {"ratios": {"fnmr": None, "fmr": gap(1.0, "blue")}}}) is None
