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
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from warnings import catch_warnings

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from benchmarks.accuracy.stuffed import BYTES, PREVIEWS, TEXTS, pixels_of, stuff
from benchmarks.cleared import CHANNEL, files_below
from benchmarks.places import CHECKOUT, RESULTS, SHARED
from benchmarks.speed.ours import COLLECTION, Ours
from countenance.core.policy import DEFAULT_POLICY, parse_policy
from countenance.flows.clear import Request
from countenance.flows.scope import Engine
from countenance.measure.report import write_json
from countenance.redact.render import ICC_MARK, Kept, render_jpeg, srgb_profile

LEAST_BYTES, LEAST_BYTES_IN_PIXELS, PART_BYTES = 5, 8, 24
"""Shorter texts stand in compressed pixels by chance; they are looked for everywhere else."""
MARKS: Final = {
    "second JPEG": b"\xff\xd8\xff",
    "EXIF": b"Exif\0",
    "XMP": b"http://ns.adobe.com/xap",
    "XMP packet": b"<x:xmpmeta",
    "IPTC": b"Photoshop 3.0",
    "MPF, little-endian": b"MPF\0II*\0",
    "MPF, big-endian": b"MPF\0MM\0*",
    "Adobe": b"Adobe\0",
    "Ducky": b"Ducky",
    "FlashPix": b"FPXR\0",
    "PNG": b"\x89PNG\r",
    "WebP": b"WEBPVP8",
    "GIF": b"GIF89",
    "ISO media": b"ftyphei",
}
"""What no released file may hold behind its first two bytes."""
HEAD_MARKS: Final = {"EXIF": b"Exif", "MPF": b"MPF\0", "TIFF, little-endian": b"II*\0", "TIFF, big-endian": b"MM\0*"}
"""The same for what stands before the compressed pixels; four bytes turn up in those by chance."""
OUR_PROFILE: Final = ICC_MARK + srgb_profile()
_DIRECTORIES: Final = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_NO_PHOTOS: Final = {"report.json", "report.html", "countenance-clear.json"}
_BARE: Final = render_jpeg(np.zeros((16, 16, 3), dtype=np.uint8), 92, Kept())
"""A file of ours without a source: what stands in it is in every file, tables and all, and is nobody's."""


@dataclass(slots=True)
class Search:
    """What is looked for, and what was found."""

    texts: dict[bytes, str] = field(default_factory=dict)
    found: list[dict[str, str]] = field(default_factory=list)
    files: int = 0
    searched_bytes: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    _long: dict[int, list[bytes]] = field(default_factory=dict)
    _keys: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    def add(self, text: bytes, origin: str) -> None:
        """Look for these bytes too, unless they are too short to mean anything or stand in every file of ours."""
        if len(text) >= LEAST_BYTES and text not in _BARE and len(set(text)) > 2:  # noqa: PLR2004 - filling
            self.texts.setdefault(text, origin)

    def prepare(self) -> None:
        """Sort what was added, once all of it is."""
        for text in self.texts:
            if len(text) >= LEAST_BYTES_IN_PIXELS:
                self._long.setdefault(int.from_bytes(text[:8], "little"), []).append(text)
        self._keys = np.array(sorted(self._long), dtype=np.uint64)

    def look(self, path: Path, folder: Path) -> None:
        """Search one released file."""
        content = path.read_bytes()
        self.files += 1
        self.searched_bytes += len(content)
        rest = content.replace(OUR_PROFILE, b"")
        name = str(path.relative_to(folder))
        if not content.startswith(b"\xff\xd8\xff") or not content.endswith(b"\xff\xd9"):
            self._note("no JPEG from first to last byte", name, f"{len(content)} bytes")
        head = rest[2 : max(rest.find(b"\xff\xda"), 2)]
        for kind, mark in MARKS.items():
            if (at := rest.find(mark, 2)) >= 0:
                self._note(kind, name, f"at {at} of {len(rest)}")
        for kind, mark in HEAD_MARKS.items():
            if mark in head:
                self._note(kind, name, "before the pixels")
        for text, origin in self.texts.items():
            if len(text) < LEAST_BYTES_IN_PIXELS and text in head:
                self._note("text of a source", name, f"{text[:60]!r} of {origin}, before the pixels")
        for text in self.long_in(rest):
            self._note("text of a source", name, f"{text[:60]!r} of {self.texts[text]}")

    def long_in(self, content: bytes) -> list[bytes]:
        """Every text of at least eight bytes that stands somewhere in these bytes."""
        if len(content) < LEAST_BYTES_IN_PIXELS or not len(self._keys):
            return []
        windows = np.zeros(len(content) - 7, dtype=np.uint64)
        whole = np.frombuffer(content, dtype=np.uint8)
        for at in range(8):
            windows |= whole[at : at + len(windows)].astype(np.uint64) << np.uint64(8 * at)
        near = np.minimum(np.searchsorted(self._keys, windows), len(self._keys) - 1)
        hits = set(windows[self._keys[near] == windows].tolist())
        return [text for key in sorted(hits) for text in self._long[key] if text in content]

    def _note(self, kind: str, name: str, what: str) -> None:
        self.by_kind[kind] += 1
        self.found.append({"kind": kind, "file": name, "what": what})


def forms(plain: bytes) -> Iterable[bytes]:
    """A needle as it may be written: as it is, UTF-16 both ways, base64 at each offset."""
    yield plain
    if plain.isascii():
        for code in ("utf-16-le", "utf-16-be"):
            yield plain.decode("ascii").encode(code)
    for before in range(3):
        # Only the middle does not depend on what stands before and behind.
        whole = base64.b64encode(b"\0" * before + plain)
        yield whole[4 if before else 0 : len(whole) - 4]


def needles() -> dict[str, list[bytes]]:
    """Everything that was put into the stuffed files, in all its forms: texts, GPS, parts of embedded JPEGs."""
    found = {f"text {name}": list(forms(text.encode())) for name, text in TEXTS.items()}
    found |= {f"GPS {name}": list(forms(value)) for name, value in BYTES.items()}
    for name, preview in PREVIEWS.items():
        inner = pixels_of(preview)
        parts = [inner[at : at + PART_BYTES] for at in range(0, len(inner) - PART_BYTES, PART_BYTES)]
        found[f"JPEG {name}"] = parts + list(forms(inner))[1:]
    return found


def everything(stuffed: Mapping[str, bytes], sources: Mapping[str, list[Path]]) -> Search:
    """All that is to be looked for."""
    search = Search()
    for name, all_forms in needles().items():
        for form in all_forms:
            search.add(form, name)
    for part in (each for given in sources.values() for each in given):
        for path in files_below(part) if part.is_dir() else [part]:
            for text in texts_of(path):
                search.add(text.encode("utf-8", "replace"), path.name)
    # The search is searched: it must find everything where it was planted.
    search.prepare()
    if not all(search.long_in(content) for content in stuffed.values()):
        msg = "The search does not find what was planted."
        raise RuntimeError(msg)
    return search


def texts_of(path: Path) -> set[str]:
    """Texts of the metadata of one source, as far as Pillow reads them."""
    found: set[str] = set()
    try:
        with catch_warnings(action="ignore"), Image.open(path) as photo:
            exif = photo.getexif()
            values = [*exif.values(), *(v for each in _DIRECTORIES for v in exif.get_ifd(each).values())]
            values += list(photo.info.values())
    except (
        OSError,
        ValueError,
        SyntaxError,
        KeyError,
        TypeError,
        IndexError,
        OverflowError,
        Image.DecompressionBombError,
    ):
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
        search = everything(stuffed, sources)
        unplanted = [
            name
            for name, all_forms in needles().items()
            if not any(form in content for content in stuffed.values() for form in all_forms)
        ]
        for path in sorted(files_below(folder / "out")):
            if path.name not in _NO_PHOTOS:
                search.look(path, folder / "out")
    missed = []
    missed += [f"{len(search.found)} remains"] if search.found else []
    missed += [
        f"{n}: {row['accounted']} of {row['given']}" for n, row in accounts.items() if row["accounted"] != row["given"]
    ]
    missed += [f"{name} was never planted" for name in unplanted]
    missed += ["nothing was released"] if not search.files else []
    print(
        f"{search.files} released files and thumbnails, {search.searched_bytes} bytes, "
        f"{len(search.texts)} texts and parts looked for"
    )
    print(f"found: {dict(search.by_kind) or 'nothing'}")
    for row in search.found[:40]:
        print("  ", row)
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
