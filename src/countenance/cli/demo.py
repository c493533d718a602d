"""``countenance demo``: a school gala of people who do not exist, cleared for the school's website."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np

from countenance.archive import SETTINGS, Archive
from countenance.cli.clear import as_text
from countenance.cli.configure import TEMPLATE
from countenance.cli.frame import Frame, with_frame
from countenance.cli.progress import Progress
from countenance.core.arrays import Pixels
from countenance.core.geometry import overlap
from countenance.core.policy import DEFAULT_POLICY, parse_policy
from countenance.demo import gala
from countenance.demo.cast import CAST
from countenance.demo.gala import GUARDIAN, GUESTS, GalaPhoto, Guest, Story
from countenance.demo.scene import SceneFace
from countenance.errors import CalibrationError, ConflictError
from countenance.flows.calibrate import Wanted
from countenance.flows.clear import Request
from countenance.flows.clear_report import REPORT_HTML
from countenance.flows.enrol import ConsentForm
from countenance.flows.scope import Engine
from countenance.redact.render import encode_jpeg
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED
from countenance.store.keyfile import Master, write_key_file

MARKER = "drawn-by-countenance-demo"
COLLECTION, CHANNEL = "gala", "website"
PLACE = "https://school.example/gala"
FPIR = 0.05
_SAME_FACE = 0.35
_SINCE_SIGNED, _SINCE_ENDED, _YEAR = timedelta(days=200), timedelta(days=30), timedelta(days=365)


class _Clock:
    """The day of the story; it began some months ago."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC) - _SINCE_SIGNED

    def __call__(self) -> datetime:
        return self.now


@click.command("demo")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("countenance-demo"))
@click.option("--photos", "n_photos", type=click.IntRange(30, 10_000), default=120, show_default=True)
@with_frame
def command(frame: Frame, folder: Path, n_photos: int) -> None:
    """Draw a school gala of 24 people who do not exist in FOLDER, enrol 14 of them, clear the photos for a website.

    Nothing is downloaded and no real person is in it. Running it again makes the folder anew.
    """
    evening = list(gala.photos(n_photos))
    cores = len(os.sched_getaffinity(0))
    photos, out = _clean(folder) / "photos", folder / "cleared"
    where = _draw(evening, photos, cores, frame)
    settings, clock, key_file = frame.settings, _Clock(), folder / "demo.key"
    write_key_file(key_file)
    home = folder / "archive"
    with Archive.create(home, Master.from_key_file(key_file), settings, clock) as archive:
        (home / SETTINGS).write_text(TEMPLATE.format(pack=settings.pack), encoding="utf-8")
        archive.create_collection(COLLECTION)
        people = {}
        with Progress("Enrol", len(GUESTS), quiet=frame.as_json) as bar:
            for number, guest in enumerate(GUESTS, start=1):
                people[guest.name] = _enrol(archive, folder / "forms", guest, clock())
                bar.update(number, guest.name)
        clock.now = datetime.now(UTC)
        engine = Engine("processes", cores) if cores > 1 else Engine()
        request = Request(CHANNEL, out, parse_policy(DEFAULT_POLICY), "demo", dry_run=True)
        with Progress("Look", len(evening), quiet=frame.as_json) as bar:
            archive.clear(COLLECTION, [photos], request, engine, lambda step, done, _: bar.update(done, step.lower()))
        said = _look_at_suggestions(archive, people, {photos / name: faces for name, faces in where.items()})
        believed = _calibrate(archive)
        request = Request(CHANNEL, out, parse_policy(DEFAULT_POLICY), "demo", published_to=PLACE)
        with Progress("Clear", len(evening), quiet=frame.as_json) as bar:
            archive.clear(COLLECTION, [photos], request, engine, lambda step, done, _: bar.update(done, step.lower()))
        leaver = next(guest.name for guest in GUESTS if guest.story == Story.WITHDRAWN)
        archive.withdraw(people[leaver])
        clock.now = datetime.now(UTC)
        request = Request(CHANNEL, out, parse_policy(DEFAULT_POLICY), "demo")
        report = archive.clear(COLLECTION, [photos], request)
    stories = Counter(guest.story for guest in GUESTS)
    changed = sum(photo["changed"] for photo in report["photos"])
    again = [_program(), "--archive", str(home), "--key-file", str(key_file)]
    result = {
        "folder": str(folder),
        "photos": len(report["photos"]),
        "faces": sum(len(photo["faces"]) for photo in report["photos"]),
        "people": len(CAST),
        "enrolled": len(people),
        "counts": report["counts"],
        "looked_at": said,
        "calibrated": believed,
        "withdrawn": {"name": leaver, "changed": changed, "published_affected": len(report["published_affected"])},
        "subjects": people,
        "report": str(out / REPORT_HTML),
    }
    lines = [
        f"{result['photos']} drawn photos, {result['faces']} faces; {len(people)} of {len(CAST)} people are enrolled:",
        *(f"{count:6} {story}" for story, count in stories.items()),
        f"Of the suggestions on half of the photos a person confirmed {said[CONFIRMED]} and rejected {said[REJECTED]}.",
        believed,
        f"After {leaver} took it back, {changed} photos changed. The folder for the website now:",
        _first_lines(report, out),
        f"Go on with: {shlex.join(again)} take-down {shlex.quote(leaver)}",
        f"Report: {out / REPORT_HTML}",
    ]
    frame.print(result, "\n".join(lines))


def _first_lines(report: dict[str, Any], out: Path) -> str:
    """The counts; what every report says of packs and thresholds stands in the report itself."""
    return "\n".join(as_text(report, out).splitlines()[: len(report["counts"])])


def _program() -> str:
    """How to call this program: by its name where the shell finds it, else by the path it was called by."""
    return "countenance" if shutil.which("countenance") else sys.argv[0]


def _clean(folder: Path) -> Path:
    """The folder, empty: made anew if an earlier demo made it."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            msg = f"{folder} holds files that no demo made."
            raise ConflictError(msg, advice="Name another folder: countenance demo FOLDER")
        shutil.rmtree(folder)
    for part in (folder, folder / "photos", folder / "forms"):
        part.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("Everything in this folder may be deleted.\n", "utf-8")
    return folder


def _draw(evening: list[GalaPhoto], folder: Path, workers: int, frame: Frame) -> dict[str, dict[int, SceneFace]]:
    """Draw every photo, one process per core; gives the true faces by name and seat."""
    where = {}
    for part in {(folder / photo.name).parent for photo in evening}:
        part.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(workers, mp_context=context) as pool,
        Progress("Draw", len(evening), quiet=frame.as_json) as bar,
    ):
        drawn = pool.map(_draw_one, evening, [folder] * len(evening), chunksize=4)
        for number, (photo, faces) in enumerate(zip(evening, drawn, strict=True), start=1):
            where[photo.name] = faces
            bar.update(number, "photos")
    return where


def _draw_one(photo: GalaPhoto, folder: Path) -> dict[int, SceneFace]:
    pixels, faces = photo.draw()
    _write(folder / photo.name, pixels)
    return faces


def _look_at_suggestions(
    archive: Archive, people: dict[str, str], where: Mapping[Path, Mapping[int, SceneFace]]
) -> dict[str, int]:
    """Say of every suggestion on half of the photos whether it is right, as a person would who knows them all."""
    half, decisions = set(sorted(where)[::2]), dict[str, str]()
    for guest in GUESTS:
        for row in archive.find(people[guest.name], state=SUGGESTED):
            path = Path(os.fsdecode(row.path))
            if path in half:
                true = where[path].get(guest.seat)
                right = true is not None and overlap(np.array([row.box]), np.array([true.box]))[0, 0] > _SAME_FACE
                decisions[row.id] = CONFIRMED if right else REJECTED
    archive.decide_each(COLLECTION, decisions, "demo")
    counts = Counter(decisions.values())
    return {state: counts[state] for state in (CONFIRMED, REJECTED)}


def _calibrate(archive: Archive) -> str:
    """Measure from which score the machine is believed about the other half; a small gala says too little for that."""
    try:
        made = archive.calibrate(COLLECTION, Wanted(FPIR))
    except CalibrationError as error:
        return f"{error.message} So whom no person named waits for one."
    return (
        f"About the other half the machine is believed from a score of {made.certain:.4f} on: set for at most {FPIR:g} "
        f"of all searches among {made.meant_for} people to bring somebody falsely."
    )


def _write(path: Path, pixels: Pixels) -> None:
    path.write_bytes(encode_jpeg(pixels))


def _enrol(archive: Archive, forms: Path, guest: Guest, now: datetime) -> str:
    """Enrol a guest as the story goes; gives the subject's id."""
    portrait, evidence = forms / f"{guest.name}.jpg", forms / f"{guest.name}.txt"
    _write(portrait, gala.portrait_of(guest))
    signer = GUARDIAN if guest.story == Story.MINOR else guest.name
    evidence.write_text(f"{signer} signed for {guest.name}. These people are drawn.\n", "utf-8")
    channels = ("print",) if guest.story == Story.PRINT_ONLY else (CHANNEL, "print")

    def form(*purposes: str, until: datetime = now + _YEAR) -> ConsentForm:
        return ConsentForm(
            purposes,
            channels,
            now,
            until,
            hashlib.sha256(evidence.read_bytes()).hexdigest(),
            evidence.name,
            guardian=GUARDIAN if guest.story == Story.MINOR else None,
            born_on=(now - 12 * _YEAR).date() if guest.story == Story.MINOR else None,
        )

    photos = [(portrait.name, portrait.read_bytes())]
    if guest.story == Story.MUST_NOT_APPEAR:
        why = "A court order; this line is sealed and no report shows it."
        return archive.enrol(
            COLLECTION, guest.name, photos, form("internal-tagging"), "demo", must_not_appear=why
        ).subject
    if guest.story == Story.EXPIRED:
        subject = archive.enrol(COLLECTION, guest.name, photos, form("find-my-photos"), "demo").subject
        archive.grant(subject, form("publication", until=now + _SINCE_SIGNED - _SINCE_ENDED), "demo")
        return subject
    return archive.enrol(COLLECTION, guest.name, photos, form("find-my-photos", "publication"), "demo").subject
