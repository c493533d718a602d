"""``countenance demo``: the whole line on people who do not exist."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import numpy as np

from countenance.archive import SETTINGS, Archive
from countenance.cli.configure import TEMPLATE
from countenance.cli.frame import Frame, with_frame
from countenance.cli.progress import Progress
from countenance.demo.cast import CAST
from countenance.demo.draw import draw_portrait
from countenance.demo.person import person
from countenance.demo.scene import draw_scene
from countenance.errors import ConflictError
from countenance.flows.enrol import ConsentForm
from countenance.redact.render import encode_jpeg
from countenance.store.keyfile import Master, write_key_file

MARKER = "drawn-by-countenance-demo"
COLLECTION = "gala"
N_PEOPLE, N_SCENES, N_ENROLLED = 12, 12, 5
WIDTH_PX, HEIGHT_PX = 1600, 1067
NAMES = ("Ada Fern", "Bo Lind", "Cleo Marsh", "Dara Moor", "Eli Stone")


@click.command("demo")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("countenance-demo"))
@with_frame
def command(frame: Frame, folder: Path) -> None:
    """Draw a gala of people who do not exist in FOLDER, ingest it, enrol some of them, find them.

    Nothing is downloaded and no real person is in it. Running it again makes the folder anew.
    """
    photos, forms = _clean(folder) / "photos", folder / "forms"
    key_file, home = folder / "demo.key", folder / "archive"
    with Progress("Draw", N_SCENES + N_ENROLLED, quiet=frame.as_json) as bar:
        guests = []
        for number, (name, pixels, who) in enumerate(_scenes(), start=1):
            _write(photos / name, pixels)
            guests.append(who)
            bar.update(number, "scenes")
        for seat in range(N_ENROLLED):
            _write(forms / f"{NAMES[seat]}.jpg", draw_portrait(person(CAST[seat]), 100).pixels)
            (forms / f"{NAMES[seat]}.txt").write_text(f"{NAMES[seat]} said yes. This is a drawn person.\n", "utf-8")
            bar.update(N_SCENES + seat + 1, "portraits")
    write_key_file(key_file)
    settings = frame.settings
    with Archive.create(home, Master.from_key_file(key_file), settings) as archive:
        (home / SETTINGS).write_text(TEMPLATE.format(pack=settings.pack), encoding="utf-8")
        archive.create_collection(COLLECTION)
        with Progress("Ingest", N_SCENES, quiet=frame.as_json) as bar:
            summary = archive.ingest(
                COLLECTION, [photos], saved=lambda part, _: bar.update(part.done, f"{part.faces} faces")
            )
        people = [_enrol(archive, forms, seat) for seat in range(N_ENROLLED)]
        seen = archive.rescan(COLLECTION)
        rows = []
        for seat, subject in enumerate(people):
            found = archive.find(subject)
            sheet = archive.contact_sheet(subject, found, folder / "found" / NAMES[seat])
            rows.append(
                {
                    "name": NAMES[seat],
                    "subject": subject,
                    "photos": len(found),
                    "drawn_in": sum(CAST[seat] in who for who in guests),
                    "contact_sheet": str(sheet),
                }
            )
    result = {
        "folder": str(folder),
        "photos": summary.new,
        "faces": summary.faces,
        "photos_per_second": round(summary.done / summary.seconds["total"], 1),
        "enrolled": len(people),
        "suggested": seen.suggested,
        "people": rows,
    }
    lines = [
        f"{summary.new} drawn photos with {summary.faces} faces; {len(people)} of {N_PEOPLE} people said yes.",
        f"{'NAME':14} {'DRAWN IN':>9} {'FOUND IN':>9}",
        *(f"{row['name']:14} {row['drawn_in']:9} {row['photos']:9}" for row in rows),
        "The others left no template: each was compared in memory and dropped.",
        f"Contact sheet: {rows[0]['contact_sheet']}",
        f'Go on with:    {_program()} --archive {home} --key-file {key_file} find "{NAMES[1]}"',
    ]
    frame.print(result, "\n".join(lines))


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


def _scenes() -> Iterator[tuple[str, np.ndarray[tuple[int, ...], np.dtype[np.uint8]], list[int]]]:
    """Name, pixels and the seeds of the people of every scene."""
    dice = np.random.default_rng(2_382)
    for number in range(N_SCENES):
        seats = dice.choice(N_PEOPLE, size=int(dice.integers(2, 7)), replace=False)
        seeds = [CAST[seat] for seat in seats]
        scene = draw_scene([person(seed) for seed in seeds], number, WIDTH_PX, HEIGHT_PX)
        yield f"gala-{number + 1:02}.jpg", scene.pixels, seeds


def _write(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.write_bytes(encode_jpeg(pixels))


def _enrol(archive: Archive, forms: Path, seat: int) -> str:
    name, now = NAMES[seat], datetime.now(UTC)
    evidence = forms / f"{name}.txt"
    form = ConsentForm(
        ("find-my-photos",),
        ("website",),
        now,
        now + timedelta(days=365),
        hashlib.sha256(evidence.read_bytes()).hexdigest(),
        evidence.name,
    )
    portrait = forms / f"{name}.jpg"
    return archive.enrol(COLLECTION, name, [(portrait.name, portrait.read_bytes())], form, "demo").subject
