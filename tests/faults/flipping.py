"""A finished archive in which single bits are flipped, what it answers, and what the scrub says of it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from countenance.archive import DATABASE, Archive
from countenance.archive.scrubbing import scrub
from countenance.errors import CountenanceError
from countenance.flows.enrol import ConsentForm
from countenance.settings import Settings
from countenance.store import walfile
from countenance.vision.cache import write_atomically
from tests import pretend
from tests.drawn import CLUB, EVIDENCE, Clock, name_of
from tests.pretend import Party, photo

RIGHT, REFUSED, WRONG = "right", "refused", "wrong"


@dataclass(frozen=True)
class Grounds:
    """Where flips are made: the archive, and two copies to begin again from."""

    work: Path
    closed: Path
    killed: Path

    def restore(self, store: str) -> None:
        """Everything as it was; the store ``log`` is that of a program that was killed."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.killed if store == "log" else self.closed, self.work)

    def open(self) -> Archive:
        """The archive."""
        settings = Settings(batch_photos=2, cache_dir=self.work / "cache")
        return Archive.open(self.work / "archive", pretend._master(), settings, Clock())

    def files(self, store: str) -> list[Path]:
        """The files of one kind of store."""
        archive = self.work / "archive"
        places = {
            "database": [archive / DATABASE],
            "log": [walfile.log_of(archive / DATABASE)],
            "sums": [archive / f"{DATABASE}-sums"],
            "keys": [archive / "keys" / "keys.sqlite"],
            "key sum": [archive / "keys" / "keys.sums"],
            "epoch key": [archive / "keys" / "epoch.key"],
            "master record": [archive / "keys" / "master.json"],
            "mirror": [archive / "ledger" / "entries.jsonl"],
            "checkpoint": [archive / "ledger" / "checkpoint"],
            "written files": [path for path in sorted((self.work / "out").rglob("*.jpg")) if "thumb" not in path.name],
            "converted models": sorted((self.work / "cache" / "networks").iterdir()),
        }
        return places[store]


STORES = (
    "database",
    "log",
    "sums",
    "keys",
    "key sum",
    "epoch key",
    "master record",
    "mirror",
    "checkpoint",
    "written files",
    "converted models",
)


def make_grounds(folder: Path, patch: pytest.MonkeyPatch) -> Grounds:
    """An archive with people, photos, labels, cleared copies and a contact sheet; closed, and as after a kill."""
    grounds = Grounds(folder / "work", folder / "closed", folder / "killed")
    grounds.work.mkdir(parents=True)
    settings = Settings(batch_photos=2, cache_dir=grounds.work / "cache")
    network = settings.cache_dir / "networks" / "embedder-0123456789abcdef-1.onnx"
    write_atomically(network, random.Random(5).randbytes(2_000))  # noqa: S311 - noise, not a secret
    write_atomically(network.with_suffix(".sha256"), hashlib.sha256(network.read_bytes()).hexdigest().encode())
    with Party.make(grounds.work, settings).pretend(patch) as party:
        for seat in range(3):
            party.enrol(seat)
            now = party.clock.now
            form = ConsentForm(("find-my-photos",), ("website",), now, now + timedelta(days=30), EVIDENCE, "form.pdf")
            party.archive.grant(name_of(seat), form, "office")
        party.put(a=photo(0), b=photo(0, 1), c=photo(1, 5), d=photo(2, 6))
        party.archive.ingest(CLUB, [party.photos])
        party.clear()
    shutil.copytree(grounds.work, grounds.closed)
    with grounds.open() as archive:
        archive._store.truncate_log()
        for seat in range(3):
            archive.must_not_appear(name_of(seat), "asked for it")
        archive.withdraw(name_of(2))
        shutil.copytree(grounds.work, grounds.killed, ignore=shutil.ignore_patterns("*-shm"))
    return grounds


def flip(path: Path, chance: random.Random) -> int:
    """Flip one bit somewhere, as a disk would: nothing else of the file changes; gives which."""
    content = bytearray(path.read_bytes())
    live = len(content)
    if path.name.endswith("-wal"):  # what stands behind the last commit is nothing
        live = min(live, walfile.HEADER_BYTES + walfile.examine(path).n_frames * (walfile.FRAME_BYTES + 4_096))
    place = chance.randrange(live * 8)
    content[place // 8] ^= 1 << place % 8
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    path.write_bytes(content)
    os.utime(path, ns=times)
    return place


def _plain(rows: object) -> object:
    if isinstance(rows, list | tuple):
        return [_plain(row) for row in rows]
    return dataclasses.asdict(rows) if dataclasses.is_dataclass(rows) and not isinstance(rows, type) else rows


def questions(grounds: Grounds) -> dict[str, Callable[[Archive], Any]]:
    """What an archive is asked; each by itself, so that an error of one hides nothing of another."""
    return {
        "collections": lambda archive: archive.collections(),
        "people": lambda archive: archive.subjects(CLUB),
        "consents": lambda archive: archive.consents(),
        "renewals": lambda archive: archive.renewals(archive.consents(), timedelta(days=400)),
        "hidden": lambda archive: [archive.why_hidden(name_of(seat)) for seat in range(3)],
        "labels": lambda archive: [archive.label_history(CLUB), archive.review_counts(CLUB)],
        "published": lambda archive: [archive.published_showing(name_of(seat)) for seat in range(3)],
        "find": lambda archive: [archive.find(name_of(seat)) for seat in range(3)],
        "clear": lambda archive: _cleared(archive, grounds),
        "ledger": lambda archive: archive.verify_ledger().findings,
    }


def _cleared(archive: Archive, grounds: Grounds) -> object:
    party = Party(archive, Clock(), grounds.work)
    done = party.clear()
    return [pretend.verdicts(done), {name: content.hex() for name, content in pretend.released(party.out).items()}]


def answers(grounds: Grounds) -> dict[str, object]:
    """Every answer; where there is none, the error."""
    found: dict[str, object] = {}
    with contextlib.suppress(CountenanceError):
        grounds.open().close()  # what one opening refuses, the next one must not take for granted
    try:
        archive = grounds.open()
    except CountenanceError as error:
        return dict.fromkeys(questions(grounds), error)
    with archive:
        for name, ask in questions(grounds).items():
            try:
                found[name] = _plain(ask(archive))
            except CountenanceError as error:
                found[name] = error
    return found


def outcome_of(found: dict[str, object], right: dict[str, object]) -> tuple[str, str]:
    """``right``, ``refused`` or ``wrong``, and the question of the worst."""
    worst = (RIGHT, "")
    for name, answer in found.items():
        if isinstance(answer, CountenanceError) and str(answer) == str(right[name]):
            continue
        if isinstance(answer, CountenanceError):
            worst = worst if worst[0] == WRONG else (REFUSED, name)
        elif answer != right[name] and not (name == "ledger" and answer):
            return WRONG, name
    return worst


def scrub_finds(grounds: Grounds) -> list[str]:
    """The stores that the scrub calls damaged."""
    return [each.store for each in scrub(grounds.work / "archive", grounds.open) if not each.good]
