"""The drawn scenes as files, and the command line over them in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from countenance.demo.cast import CAST
from countenance.demo.person import person
from countenance.demo.scene import SceneFace, draw_scene
from countenance.flows.enrol import ConsentForm
from tests.drawn import EVIDENCE, SCENES, portrait, scenes

COUNTENANCE = (sys.executable, "-c", "from countenance.cli.main import main; main()")
SOURCES = Path(__file__).resolve().parent.parent / "src"
COLLECTION = "gala"
_SCENE_PX = (640, 427)


def write_gala(folder: Path) -> Path:
    """Write the scenes of ``tests.drawn`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in scenes().items():
        (folder / name).write_bytes(content)
    return folder


def guests_of(name: str) -> dict[int, SceneFace]:
    """The true faces of one of these scenes, by place in the cast."""
    seats = SCENES[name]
    drawn = draw_scene([person(CAST[seat]) for seat in seats], list(SCENES).index(name), *_SCENE_PX)
    return dict(zip(seats, drawn.faces, strict=True))


def write_portraits(folder: Path, count: int, size_px: int = 160) -> Path:
    """Draw ``count`` small portraits, no two alike, for tests that need many photos and little work."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        content = portrait(number % len(CAST), number // len(CAST), size_px)
        (folder / f"portrait-{number:03d}.jpg").write_bytes(content)
    return folder


def consent_form(
    now: datetime,
    purposes: tuple[str, ...] = ("find-my-photos",),
    channels: tuple[str, ...] = ("website",),
    days: float = 30,
    guardian: str | None = None,
) -> ConsentForm:
    """A consent that holds from ``now`` for some days."""
    return ConsentForm(purposes, channels, now, now + timedelta(days=days), EVIDENCE, "form.txt", guardian)


def environment(models: Path, archive: Path, **more: str) -> dict[str, str]:
    """Environment of a command: these sources, this model cache, this archive and its key file beside it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COUNTENANCE_")}
    return kept | {
        "PYTHONPATH": str(SOURCES),
        "COUNTENANCE_CACHE": str(models),
        "COUNTENANCE_DEVICE": "cpu",
        "COUNTENANCE_ARCHIVE": str(archive),
        "COUNTENANCE_KEY_FILE": str(key_file_of(archive)),
        "COUNTENANCE_ACTOR": "office",
        **more,
    }


def key_file_of(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.key")


def run_command(
    words: Sequence[str | Path], env: Mapping[str, str], program: Sequence[str] = COUNTENANCE, timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    command = [*program, *map(str, words)]
    return subprocess.run(  # noqa: S603 - our own program
        command, env=dict(env), capture_output=True, text=True, check=False, timeout=timeout_s, stdin=subprocess.DEVNULL
    )
