"""An organisation that searches under cases: a release collection of pretended photos, and people who act in it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from countenance.archive import DATABASE, Archive
from countenance.errors import CaseError
from countenance.flows import case_probes
from countenance.flows.case import Wanted
from countenance.flows.case_search import Outcome
from countenance.store.cases import StoredCase
from countenance.store.collections import Release
from countenance.store.probes import NewProbe
from tests.pretend import Guest, Party, _read, photo, template_of

STUDIO, OTHER = "studio", "other studio"
REED, OKORO, LEE = "Ms Reed", "Mr Okoro", "Ms Lee"
NUMBER = "2026-17"
SOUGHT, NEIGHBOUR = 20, 21
"""Seats of the person searched for, and of somebody who stands on one photo with that person."""


def reason_of(call: Callable[[], object]) -> str:
    """The word for counting with which the rules of cases refuse a call."""
    with pytest.raises(CaseError) as caught:
        call()
    return caught.value.reason


def probe(seat: int = SOUGHT, mark: str = "probe") -> tuple[str, bytes]:
    """A photo of one person, to be handed in."""
    return f"{mark}.jpg", photo(Guest(seat, 1.0), mark=mark)


def read_probes(_scope: object, photos: Sequence[tuple[str, bytes]]) -> list[NewProbe]:
    """What the photos say, without decoding them."""
    seats = [Guest(**_read(content)["faces"][0]) for _, content in photos]
    return [NewProbe(bytes([each.seat]) * 32, b"a picture", 90.0, template_of(each)) for each in seats]


@dataclass
class Bureau:
    """A party with a release collection in which the person searched for is on three photos."""

    party: Party

    @classmethod
    def set_up(cls, party: Party, patch: pytest.MonkeyPatch) -> Self:
        """Two collections with a documented basis, the first with photos."""
        patch.setattr(case_probes, "read_probes", read_probes)
        made = cls(party)
        basis = Release("contract 12", "The board", party.clock.now + timedelta(days=200))
        for name in (STUDIO, OTHER):
            party.archive.create_collection(name, basis)
        party.put_as({f"{STUDIO}/{name}.jpg": content for name, content in made.pictures().items()})
        party.archive.ingest(STUDIO, [party.photos / STUDIO])
        return made

    @staticmethod
    def pictures() -> dict[str, bytes]:
        """Three photos of the person searched for, and two of others."""
        return {
            "alone": photo(SOUGHT),
            "both": photo(Guest(SOUGHT, 0.97), NEIGHBOUR),
            "third": photo(Guest(SOUGHT, 0.96), mark="third"),
            "others": photo(NEIGHBOUR, 22),
            "nobody": photo(Guest(SOUGHT, 0.5), mark="too unlike"),
        }

    @property
    def archive(self) -> Archive:
        """The archive."""
        return self.party.archive

    def acting(self, actor: str) -> Archive:
        """The archive, with somebody at the keyboard."""
        self.archive.actor = actor
        return self.archive

    def open(self, number: str = NUMBER, *photos: tuple[str, bytes], **changes: object) -> StoredCase:
        """A case that Ms Reed asks for."""
        wanted = Wanted(number, "missing-person", **changes)  # type: ignore[arg-type]
        return self.acting(REED).open_case(wanted, [STUDIO], list(photos) or [probe()])

    def code(self, number: str = NUMBER, by: str = OKORO) -> str:
        """What stands on the page that shows the probes to somebody."""
        page = self.acting(by).show_probes(number, self.party.folder / "pages" / number)
        (code,) = re.findall(r'id="code">([0-9a-f-]+)<', page.read_text("utf-8"))
        return str(code)

    def approve(self, number: str = NUMBER, by: str = OKORO) -> StoredCase:
        """Somebody looks and approves."""
        code = self.code(number, by)
        return self.acting(by).approve_case(number, code)

    def approved(self, number: str = NUMBER, **changes: object) -> StoredCase:
        """A case that is open and approved."""
        self.open(number, **changes)
        return self.approve(number)

    def search(self, number: str = NUMBER, by: str = REED, **changes: object) -> Outcome:
        """Somebody searches."""
        return self.acting(by).search_case(number, **changes)  # type: ignore[arg-type]

    def rows(self, query: str) -> list[Any]:
        """Rows of the database, without our code."""
        with closing(sqlite3.connect(self.archive.folder / DATABASE)) as raw:
            return raw.execute(query).fetchall()

    def names(self, found: Outcome) -> list[str]:
        """Names of the photos of the candidates, best first."""
        return [Path(found.paths[each.found.photo or ""]).stem for each in found.results.candidates]
