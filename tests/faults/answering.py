"""A child that looks for people without end and says what it found; it is killed while it does."""

from __future__ import annotations

import os
from itertools import cycle
from pathlib import Path

from countenance.archive import Archive
from countenance.settings import Settings
from countenance.store.keyfile import Master
from tests.drawn import CHEAP


def master() -> Master:
    """What opens the archive."""
    return Master.from_passphrase("correct horse", CHEAP)


def answer(folder: Path, people: tuple[str, ...], said: Path) -> None:
    """Find one person after the other; a line with the id of each is appended to ``said`` once the answer is there."""
    out = os.open(said, os.O_WRONLY | os.O_APPEND)
    with Archive.open(folder, master(), Settings()) as archive:
        for who in cycle(people):
            if archive.find(who):
                os.write(out, f"{who}\n".encode())
