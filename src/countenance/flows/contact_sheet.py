"""One HTML page with a picture of every appearance, cut from the photos at that moment and stored nowhere else.

The entry in the ledger and the note of the file come first, and the page gets its name only if the note still stands:
no page is written that erasing would not reach.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from countenance.core.permit import Act, Permit
from countenance.errors import ConflictError, CountenanceError, PhotoRefusedError
from countenance.flows.acts import log
from countenance.flows.consent import Desk
from countenance.flows.pages import render
from countenance.flows.points import points_of
from countenance.flows.registering import Delivery
from countenance.ingest.decoder import Decoder
from countenance.ingest.source import display_name, reopen
from countenance.ledger.event import Act as Logged
from countenance.ledger.event import Event
from countenance.redact.render import cut_out, encode_jpeg
from countenance.settings import Settings
from countenance.store import merges, written
from countenance.store.appearances import Appearance
from countenance.vision.packs import Pack

_INDEX = "index.html"
_MARGIN = 0.6
_LONGEST_PX = 220


@dataclass(frozen=True, slots=True)
class Card:
    """What the page shows of one appearance; ``picture`` is base64 JPEG, or empty with ``trouble`` saying why."""

    appearance: Appearance
    photo: str
    picture: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where a page goes and what it says.

    Attributes:
        folder: made when it does not exist.
        title: heading, usually the person's name.
        pack: its match score or the collection's own, and what is known of a better pack, are printed on the page.
    """

    folder: Path
    title: str
    pack: Pack


def write_contact_sheet(desk: Desk, permit: Permit, sheet: Sheet, found: Sequence[Appearance]) -> Path:
    """Write ``index.html`` into a folder and return its path.

    Args:
        desk: where, and who asks.
        permit: to show the subject of every appearance.
        sheet: where it goes and what it says.
        found: appearances, as ``flows.find`` gave them.

    Raises:
        PermitError: an appearance is not of the subject that the permit covers.
        ConflictError: the person is being erased, or was while the page was made; there is no page.
        CountenanceError: the folder cannot be written.
        NotFoundError: the person was erased.
        StoreError: it cannot be logged.
    """
    for row in found:
        permit.require(Act.SHOW, permit.collection, row.subject)
    folder, now = sheet.folder, desk.clock()
    with desk.store.reading() as tx:
        match = points_of(tx, permit.collection, sheet.pack).match
    with Decoder(desk.settings.decode) as decoder:
        cards = [_card(row, decoder, desk.settings) for row in found]
    page = render(
        "contact_sheet.html",
        title=sheet.title,
        cards=cards,
        made_at=now.strftime("%Y-%m-%d %H:%M UTC"),
        match=match,
        better=sheet.pack.better,
        n_photos=len({row.photo for row in found}),
        n_confirmed=sum(row.state == "confirmed" for row in found),
    )
    content = page.encode("utf-8", "backslashreplace")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Delivery(desk.keys) as delivery:
            path = _log(desk, permit, delivery, folder, len(found))
            # Faces are on it, so only its owner may read it.
            delivery.write(path, content, mode=0o600)
            with desk.store.transaction() as tx:
                is_there = delivery.finish(tx)
    except OSError as error:
        msg = f"The contact sheet cannot be written to {folder}: {error.strerror}."
        raise CountenanceError(msg, advice="Name a folder that this account may write.") from error
    if not is_there:
        msg = "Somebody on the contact sheet was erased while it was made, so there is none."
        raise ConflictError(msg, advice="Run this again; whoever was erased is not found any more.")
    return folder / _INDEX


def _log(desk: Desk, permit: Permit, delivery: Delivery, folder: Path, n_shown: int) -> bytes:
    """Note the act and the file that is about to be written; gives the path of the file."""
    now, path = desk.clock(), os.fsencode(folder.resolve() / _INDEX)
    with desk.store.transaction() as tx:
        people = tuple(each for subject in sorted(permit.subjects) for each in merges.members(tx, subject))
        file = written.WrittenFile(
            kind=written.CONTACT_SHEET,
            path=path,
            sha256=written.UNFINISHED,
            bytes=0,
            written_at=now,
            collection=permit.collection,
            subjects=people,
        )
        delivery.note(tx, file)
        event = Event(Logged.CONTACT_SHEET, desk.actor, permit.collection, people, {"shown": n_shown})
        log(tx, desk.keys, event, at=now)
    return path


def _card(row: Appearance, decoder: Decoder, settings: Settings) -> Card:
    place = Place(row.path, row.member, row.sha256, (row.width, row.height))
    picture, trouble = picture_of(place, row.box, decoder, settings)
    return Card(row, display_name(row.path, row.member or None), picture, trouble)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a photo lies: path, name inside an archive file or nothing, SHA-256 (32 bytes), (width, height)."""

    path: bytes
    member: bytes
    sha256: bytes
    size: tuple[int, int]


def picture_of(
    place: Place, box: tuple[float, float, float, float], decoder: Decoder, settings: Settings
) -> tuple[str, str]:
    """(base64 JPEG of a face with its surroundings, why there is none); one of the two is empty."""
    try:
        content = reopen(place.path, place.member or None, settings.decode.max_bytes)
        if hashlib.sha256(content).digest() != place.sha256:  # its faces would be shown under a wrong name
            return "", "Another file lies there now."
        pixels = decoder.decode(content).pixels
    except PhotoRefusedError as error:
        return "", error.message
    scale_x, scale_y = pixels.shape[1] / place.size[0], pixels.shape[0] / place.size[1]
    x, y, w, h = box
    crop = cut_out(pixels, (x * scale_x, y * scale_y, w * scale_x, h * scale_y), _MARGIN, _LONGEST_PX)
    return base64.b64encode(encode_jpeg(crop)).decode("ascii"), ""
