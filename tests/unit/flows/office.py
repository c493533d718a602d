"""A desk where consents are given and taken back, without any photo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from countenance.core.consent import Consent
from countenance.flows import consent
from countenance.flows.consent import Desk, Granted
from countenance.flows.enrol import ConsentForm
from countenance.settings import ClearSettings, Settings
from countenance.store import consents, subjects
from countenance.store.subjects import Subject
from tests.unit.store.world import EVIDENCE, World

PUBLISH, FIND = "publication", "find-my-photos"


@dataclass
class Office:
    """A desk whose clock a test moves, and one collection."""

    world: World
    desk: Desk
    club: str
    now: datetime

    def person(self, name: str, *, minor: bool = False, **changes: object) -> str:
        with self.world.store.transaction() as tx:
            made = subjects.add(
                tx,
                self.world.keys,
                collection=self.club,
                name=name,
                minor=minor,
                at=self.now,
                **changes,  # type: ignore[arg-type]
            )
            subjects.set_pending(tx, made.id, pending_rescan=False)
            return made.id

    def form(self, *purposes: str, days: float = 30, **changes: object) -> ConsentForm:
        values: dict[str, object] = {
            "purposes": purposes or (PUBLISH,),
            "channels": ("website",),
            "from_at": self.now,
            "until_at": self.now + timedelta(days=days),
            "evidence_sha256": EVIDENCE,
            "evidence_name": "form.pdf",
        }
        return ConsentForm(**(values | changes))  # type: ignore[arg-type]

    def grant(self, subject: str, *purposes: str, days: float = 30, **changes: object) -> Granted:
        return consent.grant(self.desk, subject, self.form(*purposes, days=days, **changes), "Ms Reed")

    def signed_for(self, subject: str, days: float = 30, **changes: object) -> Granted:
        return self.grant(subject, days=days, guardian="Mrs Marlow", **changes)

    def states(self, subject: str) -> list[tuple[str, str]]:
        found = consent.listing(self.desk, subject=subject)
        return [(entry.stored.consent.purpose, entry.state.value) for entry in found]

    def subject(self, subject: str) -> Subject:
        with self.world.store.reading() as tx:
            return subjects.by_id(tx, self.world.keys, subject)

    def given(self) -> list[Consent]:
        with self.world.store.reading() as tx:
            return consents.of_collection(tx, self.world.keys, self.club)

    def merge(self, one: str, into: str) -> None:
        with self.world.raw() as raw:
            raw.execute("UPDATE subjects SET merged_into = ? WHERE id = ?", (into, one))


def open_office(world: World) -> Office:
    """An office in this world, at its moment."""
    made: list[Office] = []
    settings = Settings(extra_channels=("yearbook",), clear=ClearSettings(adult_age_years=18))
    desk = Desk(world.store, world.keys, settings, lambda: made[0].now)
    made.append(Office(world, desk, world.collection().id, world.now))
    return made[0]
