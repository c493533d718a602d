"""What is left in released files of what stood beside the pixels of their sources? Nothing may be.

    python -m benchmarks.accuracy.leaks [--badimages N] [--photos N]

Clears, in an archive in which nobody is enrolled, every file of ``../shared/badimages`` and ``../shared/photos`` and
files that this script stuffs: an EXIF thumbnail, MakerNotes, MPF, XMP with a preview, IPTC names, GPS, a profile with
words, comments, data behind the end, PNG and WebP and TIFF texts. Then every byte of everything that lies in the
folder of released files (the thumbnails of the report among it) is searched for:

- a second start of a JPEG, and the words with which metadata begin;
- every text of at least 5 characters that Pillow reads from the sources' metadata;
- the needles of the stuffed files as they are, in UTF-16 both ways and in base64 at each of its three offsets, and
  their embedded JPEGs, whole or in part.

A profile that says sRGB is ours and is allowed: ``countenance.redact.render.srgb_profile``, byte for byte. Every file
given must be accounted for: released, for review, blocked, or not used with a reason.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from warnings import catch_warnings, simplefilter

from PIL import ExifTags, Image

from benchmarks.accuracy.stuffed import NEEDLES, PREVIEWS, stuff
from benchmarks.cleared import CHANNEL, files_below
from benchmarks.places import CHECKOUT, RESULTS, SHARED
from benchmarks.speed.ours import COLLECTION, Ours
from countenance.core.policy import DEFAULT_POLICY, parse_policy
from countenance.flows.clear import Request
from countenance.flows.scope import Engine
from countenance.measure.report import write_json
from countenance.redact.render import ICC_MARK, srgb_profile

LEAST_CHARACTERS, PART_BYTES = 5, 24
MARKS: Final = {
    "second JPEG": b"\xff\xd8\xff",
    "EXIF": b"Exif",
    "XMP": b"http://ns.adobe.com/xap",
    "XMP packet": b"<x:xmpmeta",
    "IPTC": b"Photoshop 3.0",
    "MPF": b"MPF\0",
    "Adobe": b"Adobe",
    "Ducky": b"Ducky",
    "FlashPix": b"FPXR",
    "PNG": b"\x89PNG",
    "RIFF": b"RIFF",
    "TIFF little": b"II*\0",
    "TIFF big": b"MM\0*",
    "HEIF": b"ftyp",
}
"""Words that no released file may hold behind its first two bytes."""
OUR_PROFILE: Final = ICC_MARK + srgb_profile()
_DIRECTORIES: Final = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_OURS: Final = {b"sRGB", b"JFIF", b"ICC_PROFILE"}
"""Texts of sources that stand in every file we write: not theirs."""


@dataclass(slots=True)
class Search:
    """What is looked for, and what was found."""

    texts: dict[bytes, str] = field(default_factory=dict)
    found: list[dict[str, str]] = field(default_factory=list)
    files: int = 0
    searched_bytes: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)

    def add(self, text: bytes, origin: str) -> None:
        """Look for these bytes too, unless they are too short to mean anything or stand in every file of ours."""
        if len(text) >= LEAST_CHARACTERS and text not in _OURS and len(set(text)) > 2:  # noqa: PLR2004 - filling
            self.texts.setdefault(text, origin)

    def look(self, path: Path, folder: Path) -> None:
        """Search one released file."""
        content = path.read_bytes()
        self.files += 1
        self.searched_bytes += len(content)
        rest = content.replace(OUR_PROFILE, b"")
        name = str(path.relative_to(folder))
        for kind, mark in MARKS.items():
            if (at := rest.find(mark, 2 if content.startswith(b"\xff\xd8") else 0)) >= 0:
                self._note(kind, name, f"at {at} of {len(rest)}")
        for text, origin in self.texts.items():
            if text in rest:
                self._note("text of a source", name, f"{text[:60]!r} of {origin}")

    def _note(self, kind: str, name: str, what: str) -> None:
        self.by_kind[kind] += 1
        self.found.append({"kind": kind, "file": name, "what": what})


def forms(needle: str) -> Iterable[bytes]:
    """A needle as it may be written: UTF-8, UTF-16 both ways, base64 at each offset."""
    plain = needle.encode()
    yield plain
    for coded in (needle.encode("utf-16-le"), needle.encode("utf-16-be")):
        yield coded
    for before in range(3):
        # Only the middle does not depend on what stands before and behind.
        whole = base64.b64encode(b"\0" * before + plain)
        yield whole[4 if before else 0 : len(whole) - 4]


def texts_of(path: Path) -> set[str]:
    """Texts of the metadata of one source, as far as Pillow reads them."""
    found: set[str] = set()
    try:
        with catch_warnings(), Image.open(path) as photo:
            simplefilter("ignore")
            exif = photo.getexif()
            values = [*exif.values(), *(v for each in _DIRECTORIES for v in exif.get_ifd(each).values())]
            values += list(photo.info.values())
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, IndexError, OverflowError, Image.DecompressionBombError):
        return found  # a broken file; what can be read of it is read by its neighbours
    except (EOFError, AttributeError, ZeroDivisionError, RuntimeError):
        return found
    for value in values:
        if isinstance(value, bytes):
            found.update(_runs(value))
        elif isinstance(value, str):
            found.add(value.strip("\0 \r\n\t"))
    return found


def _runs(value: bytes) -> set[str]:
    """Printable runs of some bytes, at least 12 characters: shorter ones turn up by chance."""
    runs, now = set(), bytearray()
    for byte in value[:200_000] + b"\0":
        if 32 <= byte < 127:  # noqa: PLR2004 - printable ASCII
            now.append(byte)
            continue
        if len(now) >= 12:  # noqa: PLR2004
            runs.add(now.decode("ascii"))
        now.clear()
    return runs


def clear(folder: Path, sources: Mapping[str, list[Path]]) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """Clear all sources, each into a folder of its own; gives the reports and what became of the files given."""
    reports, accounts = {}, {}
    engine = Engine("processes", len(os.sched_getaffinity(0)))
    for name, given in sources.items():
        with Ours(folder / f"archive-{name}", "default") as ours:
            request = Request(CHANNEL, folder / "out" / name, parse_policy(DEFAULT_POLICY), "benchmark")
            since = perf_counter()
            report = ours.archive.clear(COLLECTION, list(map(str, given)), request, engine)
        n_files = sum(sum(1 for _ in files_below(each)) if each.is_dir() else 1 for each in given)
        account = {"given": n_files, **report["counts"], **{f"not used: {k}": v for k, v in report["refused"].items()}}
        account["accounted"] = len(report["photos"]) + len(report["not_photos"])
        account["released_files"] = sum(photo["output"] is not None for photo in report["photos"])
        account["check_failed"] = sum(
            any(reason.startswith("check:") for reason in photo["reasons"]) for photo in report["photos"]
        )
        reports[name], accounts[name] = report, account
        print(f"{name}: {account}, {perf_counter() - since:.0f} s", flush=True)
    return reports, accounts


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description="bytes of sources in released files")
    parser.add_argument("--badimages", type=int, help="only so many; nothing is written then")
    parser.add_argument("--photos", type=int, help="only so many; nothing is written then")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stuffed = stuff(folder / "stuffed")
        sources: dict[str, list[Path]] = {"stuffed": [folder / "stuffed"]}
        for each, most in (("badimages", given.badimages), ("photos", given.photos)):
            whole = SHARED / each
            sources[each] = [whole] if most is None else sorted(files_below(whole))[:: max(1, 3_200 // most)][:most]
        reports, accounts = clear(folder, sources)
        search = Search()
        for needle in NEEDLES.values():
            for form in forms(needle):
                search.add(form, f"needle {needle}")
        for preview in PREVIEWS.values():
            for at in range(0, len(preview) - PART_BYTES, PART_BYTES):
                search.add(preview[at : at + PART_BYTES], "an embedded JPEG")
        for each in sources.values():
            for path in (file for part in each for file in (files_below(part) if part.is_dir() else [part])):
                for text in texts_of(path):
                    search.add(text.encode(), path.name)
        # The script's own check: the needles must be there before they can be gone.
        planted = {name: NEEDLES[name].encode() in content or PREVIEWS.get(name, b"\0") in content for name, content in stuffed.items()}
        for path in sorted(files_below(folder / "out")):
            if path.suffix in {".jpg", ".jpeg", ".jpe", ".jfif"} or path.read_bytes()[:2] == b"\xff\xd8":
                search.look(path, folder / "out")
    missed = []
    missed += [f"{len(search.found)} remains"] if search.found else []
    missed += [f"{n}: {row['accounted']} of {row['given']}" for n, row in accounts.items() if row["accounted"] != row["given"]]
    missed += [f"needle {name} was never planted" for name, there in planted.items() if not there]
    missed += ["nothing was released"] if not search.files else []
    print(f"{search.files} released files and thumbnails, {search.searched_bytes} bytes, {len(search.texts)} texts and parts looked for")
    print(f"found: {dict(search.by_kind) or 'nothing'}")
    for each in search.found[:40]:
        print("  ", each)
    print(f"missed: {missed or 'nothing'}")
    if given.badimages is None and given.photos is None:
        result = {
            "accounts": accounts,
            "files": search.files,
            "searched_bytes": search.searched_bytes,
            "looked_for": len(search.texts),
            "found": search.found,
            "stuffed": {row["path"]: row["verdict"] for row in reports["stuffed"]["photos"]},
            "missed": missed,
        }
        write_json(RESULTS / "leaks.json", result, seed=0, checkout=CHECKOUT)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
