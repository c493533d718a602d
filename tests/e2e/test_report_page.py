"""The clearing report in a real browser: its filters work without script, its pictures load, nothing sticks out.

The browser reads a copy of the page that may run one script, ours, which looks at what can be seen and writes it down.
The page itself allows none; that is shown first.
"""

from __future__ import annotations

import html
import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from benchmarks.screenshot import NO_BROWSER, ScreenshotError, browse, find_browser, main, take

from countenance.flows.clear_report import as_html
from tests.drawn import portrait

needs_browser = pytest.mark.skipif(find_browser() is None, reason=NO_BROWSER)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
LOOK = """
const seen = () => [...document.querySelectorAll(".card")].filter(card => card.offsetParent).map(
  card => card.querySelector("h3").firstChild.textContent);
const shown = selector => [...document.querySelectorAll(selector)].filter(each => each.getClientRects().length).length;
const found = {filters: {}, hints: {}, width: innerWidth};
for (const radio of document.querySelectorAll("input[type=radio]:enabled")) {
  radio.click();
  found.filters[radio.id] = seen();
  found.hints[radio.id] = shown(".hints > span");
  if (radio.id === "only-unused") found.list_of_unused = shown("#unused");
  if (radio.id === "only-clear") found.list_beside_clear = shown("#unused");
}
document.getElementById("only-all").click();
found.marks = shown(".mark");
document.getElementById("numbers").click();
found.marks_off = shown(".mark");
found.disabled = [...document.querySelectorAll("input:disabled")].map(each => each.id);
found.loaded = [...document.images].map(picture => picture.complete && picture.naturalWidth);
found.framed = [...document.images].map(picture => picture.clientWidth / picture.clientHeight);
found.links = [...document.querySelectorAll("h3 a")].map(each => each.href);
found.sticks_out = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const note = document.createElement("pre");
note.id = "found";
note.textContent = JSON.stringify(found);
document.body.append(note);
"""


def face(status: str, action: str, subject: str | None, left: float) -> dict[str, Any]:
    box = [left, 40.0, 80.0, 100.0]
    return {"status": status, "action": action, "subject": subject, "appearance": None, "box": box}


def entry(path: str, verdict: str, *faces: dict[str, Any], changed: bool = False) -> dict[str, Any]:
    output = {"clear": f"clear/{path}", "redact": f"redacted/{path}"}.get(verdict)
    return {
        "path": path,
        "verdict": verdict,
        "reasons": sorted({each["status"] for each in faces}),
        "faces": list(faces),
        "width": 320,
        "height": 320,
        "output": output,
        "thumbnail": f"thumbnails/{verdict}.jpg" if output else None,
        "before": "clear",
        "changed": changed,
    }


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A report with a photo or more of every verdict but ``review``, and the files it links to."""
    yes, stranger = face("consented", "publish", "ann", 20), face("unknown", "redact", None, 200)
    photos = [
        entry("a #1 100%?.jpg", "clear", yes),
        entry("none.jpg", "clear", changed=True),
        entry("day/both.jpg", "redact", yes, stranger),
        entry(f"{'long' * 40}.jpg", "blocked", face("must-not-appear", "block", "dan", 20), changed=True),
    ]
    for each in photos:
        for name in (each["output"], each["thumbnail"]):
            if name is not None:
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_bytes(portrait(0))
    copy: dict[str, Any] = {
        "id": "c1",
        "place": f"https://example.org/{'x' * 200}",
        "channel": "website",
        "path": "gone.jpg",
    }
    copy |= {"published_at": "2027-05-03T10:00:00+00:00", "faces": [{"status": "withdrawn", "subject": "ann"}]}
    report = {
        "channel": "website",
        "collection": "gala",
        "decided_at": "2027-05-04T10:00:00+00:00",
        "counts": {"clear": 2, "redact": 1, "review": 0, "blocked": 1},
        "photos": photos,
        "not_photos": [{"path": "notes.txt", "message": "This is no photo."}],
        "no_longer_in_source": [],
        "published": 0,
        "published_affected": [copy],
        "notes": {"points": "Points.", "better": "", "second_detector": None, "style": None},
    }
    made = tmp_path / "report.html"
    made.write_text(as_html(report, {"ann": "Ann Lee"}), "utf-8")
    return made


def looked_at(page: Path, width: int) -> dict[str, Any]:
    text, n_policies = POLICY.subn("", page.read_text("utf-8"))
    assert n_policies == 1
    copy = page.with_name("looked-at.html")
    copy.write_text(text.replace("</body>", f"<script>window.onload = () => {{{LOOK}}}</script></body>"), "utf-8")
    said = browse(copy, ["--dump-dom"], width)
    written = re.search(r'<pre id="found">(.*?)</pre>', said.stdout, re.DOTALL)
    assert written is not None, said.stderr
    found: dict[str, Any] = json.loads(html.unescape(written[1]))
    return found


@needs_browser
@pytest.mark.parametrize("width", [1280, 500])
def test_the_page_in_a_browser(page: Path, width: int) -> None:
    found = looked_at(page, width)
    odd, none, both, blocked = "a #1 100%?.jpg", "none.jpg", "both.jpg", f"{'long' * 40}.jpg"
    assert found["filters"] == {
        "only-all": [odd, none, both, blocked],
        "only-clear": [odd, none],
        "only-redact": [both],
        "only-blocked": [blocked],
        "only-unused": [],
        "only-changed": [none, blocked],
    }
    assert found["disabled"] == ["only-review"]
    assert set(found["hints"].values()) == {1}
    assert (found["list_of_unused"], found["list_beside_clear"]) == (1, 0)
    assert (found["marks"], found["marks_off"]) == (3, 0)
    assert found["loaded"] == [320, 320, 320]
    assert found["framed"] == pytest.approx([1.0, 1.0, 1.0], abs=0.02)
    assert found["links"][0].endswith("/clear/a%20%231%20100%25%3F.jpg")
    assert (found["width"], found["sticks_out"]) == (width, 0)


@needs_browser
def test_no_script_runs_on_the_page(page: Path) -> None:
    script = "<script>document.title = 'it ran'</script><img src='x' onerror=\"document.title = 'it ran'\">"
    page.write_text(page.read_text("utf-8").replace("</body>", f"{script}</body>"), "utf-8")
    assert "<title>it ran" not in browse(page, ["--dump-dom"]).stdout
    page.write_text(POLICY.sub("", page.read_text("utf-8")), "utf-8")
    assert "<title>it ran" in browse(page, ["--dump-dom"]).stdout  # the script is one that runs where it may


@needs_browser
def test_a_screenshot_has_the_size_asked_for_and_shows_the_page(page: Path, tmp_path: Path) -> None:
    light, dark = tmp_path / "shots" / "light.png", tmp_path / "shots" / "dark.png"
    take(page, light, 700, 500)
    take(page, dark, 700, 500, dark=True)
    assert [struct.unpack(">II", shot.read_bytes()[16:24]) for shot in (light, dark)] == [(700, 500)] * 2
    assert light.read_bytes() != dark.read_bytes()
    assert min(shot.stat().st_size for shot in (light, dark)) > 10_000


def test_no_picture_is_a_failure_that_says_why(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"an older picture")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([str(page), str(out)]) == 1
    assert "install the package `chromium`" in capsys.readouterr().err
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho it broke >&2\nexit 0\n")
    broken.chmod(0o755)
    with pytest.raises(ScreenshotError, match="it broke"):
        take(page, out)
    broken.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(ScreenshotError, match="ended with 3"):
        take(page, out)
    with pytest.raises(ScreenshotError, match="no page"):
        take(tmp_path / "nowhere.html", out)
    assert not out.exists()
