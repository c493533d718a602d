from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import cv2
import numpy as np
import pytest

from countenance.core.arrays import Boxes, Confidences, Landmarks, Pixels, Templates
from countenance.ingest.decoder import Decoder
from countenance.redact.check import Finding, check, likeness
from countenance.redact.fill import COLOUR, SAFE_STYLES, fill
from countenance.redact.plan import Region, attempts_for, mask_of, plan_regions
from countenance.redact.render import Kept, encode_jpeg, render_jpeg
from countenance.settings import ClearSettings, DecodeLimits
from tests.unit.redact.conftest import Eyes, Group

CLEAR = ClearSettings()
NOBODY = (np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32))

Fill = Callable[[Pixels, tuple[Region, ...]], Pixels]


@dataclass(frozen=True)
class Blind:
    """A judge that sees what it is told to see; everybody's template is another one."""

    seen: tuple[Boxes, Landmarks, Confidences] = NOBODY
    match: float = 0.9
    templates_of: dict[int, Templates] = field(default_factory=dict)

    def faces(self, pixels: Pixels) -> tuple[Boxes, Landmarks, Confidences]:
        assert pixels.ndim == 3
        return self.seen

    def templates(self, pixels: Pixels, landmarks: Landmarks) -> Templates:
        """Zeros, or what was given for this mean brightness."""
        none = np.zeros((len(landmarks), 3), dtype=np.float32)
        return self.templates_of.get(round(float(pixels.mean())), none)


def plan(group: Group, rows: tuple[int, ...] = (0, 1, 2), clear: ClearSettings = CLEAR) -> tuple[Region, ...]:
    return plan_regions(group.seen.boxes, group.seen.landmarks, rows, clear)


def decode(content: bytes) -> Pixels:
    """What our decoder gives, without starting it for every test; one test holds them equal."""
    return np.asarray(cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_COLOR_RGB), dtype=np.uint8)


def problems(
    group: Group,
    filled: Pixels,
    regions: tuple[Region, ...],
    judge: Eyes | Blind,
    clear: ClearSettings = CLEAR,
) -> set[tuple[int | None, str]]:
    content = render_jpeg(filled, clear.jpeg_quality, Kept())
    seen = group.seen
    found = check(group.pixels, content, decode(content), seen.boxes, seen.landmarks, regions, clear, judge)
    return {(finding.face, finding.problem) for finding in found}


# ---------------------------------------------------------------------------------------------- what is as it should be


@pytest.mark.parametrize("style", sorted(SAFE_STYLES))
@pytest.mark.parametrize("shape", ["ellipse", "box"])
def test_drawn_people_that_are_hidden_pass(group: Group, eyes: Eyes, style: str, shape: str) -> None:
    clear = replace(CLEAR, style=style, shape=shape)
    regions = plan(group, clear=clear)
    assert problems(group, fill(group.pixels, regions, style), regions, eyes, clear) == set()


@pytest.mark.parametrize("row", [0, 1, 2])
def test_those_who_are_shown_are_no_finding(group: Group, eyes: Eyes, row: int) -> None:
    regions = plan(group, (row,))
    filled = fill(group.pixels, regions, "solid")
    assert problems(group, filled, regions, eyes) == set()
    assert len(eyes.see(decode(encode_jpeg(filled, 92)))) == 2


def test_nothing_hidden_nothing_wrong(group: Group, eyes: Eyes) -> None:
    assert problems(group, group.pixels, (), eyes) == set()


@pytest.mark.parametrize("quality", [1, 30, 75, 92, 100])
def test_our_decoder_gives_the_same(group: Group, quality: int) -> None:
    content = render_jpeg(fill(group.pixels, plan(group), "solid"), quality, Kept())
    with Decoder(DecodeLimits()) as decoder:
        assert np.abs(decoder.decode(content).pixels.astype(int) - decode(content)).max() <= 1


@pytest.mark.parametrize("quality", [30, 75, 100])
def test_the_quality_of_the_file_does_not_matter(group: Group, quality: int) -> None:
    clear, regions = replace(CLEAR, jpeg_quality=quality), plan(group)
    assert problems(group, fill(group.pixels, regions, "solid"), regions, Blind(), clear) == set()


def test_regions_at_the_edge_of_the_photo_and_beside_each_other_pass(group: Group) -> None:
    for x, y in ((0, 0), (479, 319), (200, 100), (-500, 100)):
        marks = np.full((2, 5, 2), np.nan, dtype=np.float32)
        boxes = np.array([[x - 20, y - 25, 40, 50], [x + 5, y - 25, 40, 50]], dtype=np.float32)
        regions = plan_regions(boxes, marks, [0, 1], CLEAR)
        content = render_jpeg(fill(group.pixels, regions, "solid"), 92, Kept())
        assert check(group.pixels, content, decode(content), boxes, marks, regions, CLEAR, Blind()) == []


# ------------------------------------------------------------------------------------------------------------- sabotage


def mixed(alpha: float) -> Fill:
    def sabotaged(pixels: Pixels, regions: tuple[Region, ...]) -> Pixels:
        right = fill(pixels, regions, "solid")
        return np.asarray(np.rint(alpha * right.astype(float) + (1 - alpha) * pixels), dtype=np.uint8)

    return sabotaged


def moved(widths: float) -> Fill:
    def sabotaged(pixels: Pixels, regions: tuple[Region, ...]) -> Pixels:
        return fill(pixels, [replace(each, x=each.x + widths * 2 * each.across) for each in regions], "solid")

    return sabotaged


def smaller(share: float) -> Fill:
    def sabotaged(pixels: Pixels, regions: tuple[Region, ...]) -> Pixels:
        shrunk = [replace(each, across=each.across * share, along=each.along * share) for each in regions]
        return fill(pixels, shrunk, "solid")

    return sabotaged


def holed(pixels: Pixels, regions: tuple[Region, ...]) -> Pixels:
    filled = fill(pixels, regions, "solid")
    for region in regions:
        y, x = round(region.y), round(region.x)
        filled[y : y + 6, x : x + 6] = pixels[y : y + 6, x : x + 6]
    return filled


SABOTAGE = MappingProxyType(
    {
        "off by its own width": moved(1),
        "off by half its width": moved(0.5),
        "off by a twentieth": moved(0.05),
        "alpha 0.5": mixed(0.5),
        "alpha 0.9": mixed(0.9),
        "alpha 0.97": mixed(0.97),
        "skipped": mixed(0),
        "too small": smaller(0.9),
        "a hole": holed,
    }
)


@pytest.mark.parametrize("way", SABOTAGE)
def test_a_sabotaged_fill_is_caught_for_every_face_by_the_pixels_alone(group: Group, way: str) -> None:
    regions = plan(group)
    found = problems(group, SABOTAGE[way](group.pixels, regions), regions, Blind())
    assert found == {(row, "not-covered") for row in range(3)}


@pytest.mark.parametrize("way", ["off by its own width", "alpha 0.5", "skipped"])
@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_sabotaged_fill_of_one_face_is_caught(group: Group, eyes: Eyes, way: str, row: int) -> None:
    regions = plan(group, (row,))
    assert (row, "not-covered") in problems(group, SABOTAGE[way](group.pixels, regions), regions, eyes)


@pytest.mark.parametrize("way", ["off by its own width", "skipped"])
def test_networks_catch_a_face_that_was_left_without_looking_at_pixels(group: Group, eyes: Eyes, way: str) -> None:
    regions = plan(group)
    found = problems(group, SABOTAGE[way](group.pixels, regions), regions, eyes)
    assert "face-found" in {problem for _, problem in found}
    if way == "skipped":
        assert {(row, problem) for row in range(3) for problem in ("face-found", "recognised")} <= found


@pytest.mark.parametrize("style", ["emoji", "pixelate", "blur"])
@pytest.mark.parametrize("way", ["off by its own width", "alpha 0.5", "skipped"])
def test_sabotage_under_other_styles_is_caught_too(group: Group, style: str, way: str) -> None:
    clear, regions = replace(CLEAR, style=style), plan(group)
    found = problems(group, SABOTAGE[way](group.pixels, regions), regions, Blind(), clear)
    assert {(row, "not-covered") for row in range(3)} <= found


@pytest.mark.parametrize("style", ["pixelate", "blur"])
def test_styles_that_can_be_undone_are_compared_with_themselves(group: Group, style: str) -> None:
    clear, regions = replace(CLEAR, style=style), plan(group)
    found = problems(group, fill(group.pixels, regions, style), regions, Blind(), clear)
    assert "not-covered" not in {problem for _, problem in found}


def test_a_plan_that_misses_the_face_is_caught(group: Group) -> None:
    for regions in (
        tuple(replace(each, x=each.x + 2 * each.across) for each in plan(group)),
        tuple(replace(each, across=each.across / 3, along=each.along / 3) for each in plan(group)),
        tuple(replace(each, face=(each.face + 1) % 3) for each in plan(group)),
    ):
        found = problems(group, fill(group.pixels, regions, "solid"), regions, Blind())
        assert found == {(row, "not-covered") for row in range(3)}


def test_a_face_that_shows_through_an_unsafe_style_is_caught(group: Group) -> None:
    clear = replace(CLEAR, style="pixelate")
    regions = plan(group)
    assert problems(group, group.pixels, regions, Blind(), clear) >= {(row, "shows-through") for row in range(3)}
    box = group.seen.boxes[0]
    assert likeness(group.pixels, group.pixels, box) > 0.99
    assert likeness(group.pixels, mixed(0.5)(group.pixels, regions), box) > 0.9
    assert likeness(group.pixels, fill(group.pixels, regions, "solid"), box) == 0
    assert abs(likeness(group.pixels, fill(group.pixels, regions, "blur"), box)) < 0.5


# ----------------------------------------------------------------------------------------------- what the judge may say


def seen(*boxes: tuple[float, float, float, float], confidence: float = 0.95) -> Blind:
    rows = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    shares = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], dtype=np.float32)
    marks = rows[:, None, :2] + shares[None] * rows[:, None, 2:]
    return Blind((rows, marks, np.full(len(rows), confidence, dtype=np.float32)))


def hidden_one(group: Group, judge: Blind) -> set[tuple[int | None, str]]:
    regions = plan(group, (0,))
    return problems(group, fill(group.pixels, regions, "solid"), regions, judge)


def test_a_face_seen_in_a_fill_is_a_finding_however_weak(group: Group) -> None:
    x, y, w, h = (float(value) for value in group.seen.boxes[0])
    for box in ((x, y, w, h), (x + w / 3, y + h / 3, 8, 8), (x - w / 3, y, w, h)):
        assert hidden_one(group, seen(box, confidence=0.01)) == {(0, "face-found")}


def test_a_shown_face_is_none_even_where_a_fill_touches_it(group: Group) -> None:
    x, y, w, h = (float(value) for value in group.seen.boxes[1])
    assert hidden_one(group, seen((x, y, w, h), (x - 3, y - h / 4, w + 6, h * 1.25))) == set()
    top, width, height = (float(value) for value in group.seen.boxes[0][1:])
    region = plan(group, (0,))[0]
    beside = (region.x + region.across * 0.8, top, width, height)
    boxes = np.concatenate([group.seen.boxes, [beside]]).astype(np.float32)
    marks = np.concatenate([group.seen.landmarks, np.full((1, 5, 2), np.nan)]).astype(np.float32)
    content = render_jpeg(fill(group.pixels, [region], "solid"), 92, Kept())
    found = check(group.pixels, content, decode(content), boxes, marks, [region], CLEAR, seen(beside))
    assert found == []


def with_marks(judge: Blind, marks: Landmarks) -> Blind:
    boxes, _, confidences = judge.seen
    return Blind((boxes, np.broadcast_to(marks, (len(boxes), 5, 2)).astype(np.float32), confidences))


def test_a_face_is_in_a_fill_by_its_box_or_by_its_landmarks_alone(group: Group) -> None:
    region = plan(group, (0,))[0]
    x, y, w, h = (float(value) for value in group.seen.boxes[0])
    nowhere, inside = np.full((1, 5, 2), np.nan), np.full((1, 5, 2), (region.x, region.y))
    for box in ((x, y, w, h), (x + w / 3, y + h / 3, 8, 8)):
        assert hidden_one(group, with_marks(seen(box), nowhere)) == {(0, "face-found")}
    elsewhere = seen((2, 2, 12, 14), confidence=0.1)
    assert hidden_one(group, with_marks(elsewhere, nowhere)) == set()
    assert hidden_one(group, with_marks(elsewhere, inside)) == {(0, "face-found")}
    shown = seen(tuple(float(value) for value in group.seen.boxes[1]))  # type: ignore[arg-type]
    assert hidden_one(group, with_marks(shown, inside)) == set()


def test_a_face_where_a_hidden_one_was_is_a_finding_even_beside_the_fill(group: Group) -> None:
    (region,) = plan(group, (0,))
    slim = replace(region, across=region.across / 4)
    x, y, w, h = (float(value) for value in group.seen.boxes[0])
    judge = with_marks(seen((x, y, w, h)), np.full((1, 5, 2), np.nan))
    assert (0, "face-found") in problems(group, fill(group.pixels, [slim], "solid"), (slim,), judge)


def test_a_box_whose_middle_lies_in_a_fill_is_a_finding_though_most_of_it_does_not(group: Group) -> None:
    x, y, w, h = (float(value) for value in group.seen.boxes[0])
    nowhere = np.full((1, 5, 2), np.nan)
    wide = (x + w / 2 - 3 * w, y + h / 2 - h / 8, 6 * w, h / 4)
    assert hidden_one(group, with_marks(seen(wide, confidence=0.1), nowhere)) == {(0, "face-found")}
    beside = (wide[0], wide[1] - 2 * h, wide[2], wide[3])
    assert hidden_one(group, with_marks(seen(beside, confidence=0.1), nowhere)) == set()


def test_another_detectors_box_of_a_shown_face_is_that_face(group: Group) -> None:
    x, y, w, h = (float(value) for value in group.seen.boxes[1])
    half = (x + w / 4, y + h / 4, w / 2 + 1, h / 2 + 1)
    assert hidden_one(group, seen(half)) == set()


def test_a_face_that_nobody_knew_of_stops_the_file_when_it_is_sure(group: Group) -> None:
    empty = (2, 2, 12, 14)
    assert hidden_one(group, seen(empty, confidence=0.95)) == {(None, "new-face")}
    assert hidden_one(group, seen(empty, confidence=0.5)) == set()


def test_an_equal_template_is_recognised_and_so_is_one_that_is_no_number(group: Group) -> None:
    regions = plan(group, (0,))
    filled = fill(group.pixels, regions, "solid")
    original, written = (round(float(pixels.mean())) for pixels in (group.pixels, decode(encode_jpeg(filled, 92))))
    assert original != written
    face, other = np.array([[1, 0, 0]], dtype=np.float32), np.array([[0.85, 0.5, 0]], dtype=np.float32)
    for template, expected in ((face, {(0, "recognised")}), (other, set()), (face * np.nan, {(0, "recognised")})):
        judge = Blind(templates_of={original: face, written: template})
        assert problems(group, filled, regions, judge) == expected


def test_a_template_that_is_the_bare_fills_own_is_nobody(group: Group) -> None:
    regions = plan(group, (0,))
    filled = fill(group.pixels, regions, "solid")
    original, written = (round(float(pixels.mean())) for pixels in (group.pixels, decode(encode_jpeg(filled, 92))))
    face, grey = np.array([[1, 0, 0]], dtype=np.float32), np.array([[0.95, 0.3122, 0]], dtype=np.float32)
    judge = Blind(templates_of={original: face, written: grey, COLOUR[0]: grey})
    assert problems(group, filled, regions, judge) == set()
    assert problems(group, filled, regions, replace(judge, templates_of={original: face, written: grey})) == {
        (0, "recognised")
    }


# ------------------------------------------------------------------------------------------------------------ the bytes


def test_bytes_that_are_not_ours_and_another_size_are_findings(group: Group) -> None:
    regions = plan(group)
    content = render_jpeg(fill(group.pixels, regions, "solid"), 92, Kept())
    written, boxes, marks = decode(content), group.seen.boxes, group.seen.landmarks
    foreign = check(group.pixels, content + encode_jpeg(written), written, boxes, marks, regions, CLEAR, Blind())
    assert foreign == [Finding(None, "foreign-bytes")]
    size = check(group.pixels, content, written[1:], boxes, marks, regions, CLEAR, Blind())
    assert size == [Finding(None, "other-size")]
    unkept = check(group.pixels, content, written, boxes, marks, regions, replace(CLEAR, keep=()), Blind())
    assert unkept == [Finding(None, "foreign-bytes")]


def test_every_attempt_passes_on_drawn_people(group: Group, eyes: Eyes) -> None:
    for shape, grow in attempts_for(CLEAR):
        clear = replace(CLEAR, shape=shape)
        regions = plan_regions(group.seen.boxes, group.seen.landmarks, [0, 1, 2], clear, grow=grow)
        assert sum(int(mask_of(region, *group.pixels.shape[:2])[1].sum()) for region in regions) > 0
        assert problems(group, fill(group.pixels, regions, "solid"), regions, eyes, clear) == set()
