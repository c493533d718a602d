"""Whatever people say and whenever they say it, the next clearing changes exactly the photos of which it is true.

A state machine lets people give, take back and outlive their consents, be hidden and be named, beside a model that
decides by the words of the design alone. Photos say who is in them (``tests.pretend``); all else is real.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from countenance.errors import ConsentError
from countenance.store import appearances, photos
from tests.drawn import CLUB, name_of
from tests.pretend import Guest, Party, changed, photo, released, seats_on, verdicts

SEATS = (0, 1, 2)
STRANGER = 9
CERTAIN, DOUBTFUL, UNLIKE = 0.98, 0.95, 0.6
BECOMES = {"publish": "clear", "redact": "redact", "ask": "review", "block": "blocked"}
MILDEST_FIRST = tuple(BECOMES)

seats = st.sampled_from(SEATS)
names = st.sampled_from(["a", "b", "c", "d"])
likeness = st.sampled_from([CERTAIN, CERTAIN, CERTAIN, DOUBTFUL, UNLIKE])
crowds = st.dictionaries(st.sampled_from([*SEATS, STRANGER]), likeness, max_size=3)
Crowd = tuple[tuple[int, float], ...]


@dataclass
class Yes:
    """One consent to publication, from its first moment on."""

    from_at: datetime
    until_at: datetime
    channel: str = "website"
    withdrawn: bool = False


class Withdrawals(RuleBasedStateMachine):
    stock: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="withdrawal-"))
        self.patch = pytest.MonkeyPatch()
        self.party = Party.open_copy(self.stock, self.folder).pretend(self.patch)
        now = self.party.clock.now
        month = timedelta(days=30)
        self.given: dict[int, list[Yes]] = {seat: [Yes(now, now + month)] for seat in (0, 1)}
        self.given[2] = [Yes(now, now + month, "print")]
        self.hidden: set[int] = set()
        self.source: dict[str, Crowd] = {}
        self.suggested: set[tuple[Crowd, int]] = set()
        self.said: dict[tuple[Crowd, int], str] = {}
        self.noted: dict[str, tuple[Crowd, tuple[str, ...]]] = {}

    def teardown(self) -> None:
        self.party.archive.close()
        self.patch.undo()
        shutil.rmtree(self.folder)

    # What people do -----------------------------------------------------------------------------------------------

    @initialize(first=crowds, second=crowds)
    def begin(self, first: dict[int, float], second: dict[int, float]) -> None:
        """There are two photos at least, and they were cleared once."""
        self.put("a", first)
        self.put("b", second)
        self.clear()

    @rule(name=names, crowd=crowds)
    def put(self, name: str, crowd: dict[int, float]) -> None:
        """A photo comes into the source, or takes the place of another."""
        self.source[name] = tuple(sorted(crowd.items()))
        self.party.put(**{name: photo(*(Guest(seat, score) for seat, score in self.source[name]))})

    @rule(name=names)
    def lose(self, name: str) -> None:
        """A photo leaves the source."""
        if self.source.pop(name, None) is not None:
            (self.party.photos / f"{name}.jpg").unlink()

    @rule(seat=seats, days=st.sampled_from([3, 30]))
    def grant(self, seat: int, days: int) -> None:
        """Somebody says yes."""
        self.party.grant(seat, days=days)
        now = self.party.clock.now
        self.given[seat].append(Yes(now, now + timedelta(days=days)))

    @rule(seat=seats)
    def withdraw(self, seat: int) -> None:
        """Somebody takes every yes back."""
        self.party.archive.withdraw(name_of(seat))
        for yes in self.given[seat]:
            yes.withdrawn = True

    @rule(days=st.sampled_from([1, 4, 31]))
    def wait(self, days: int) -> None:
        """Time passes."""
        self.party.clock.advance(days=days)

    @rule(seat=seats, hide=st.booleans())
    def must_not_appear(self, seat: int, hide: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Somebody must not appear, or may again."""
        self.party.archive.must_not_appear(name_of(seat), "a reason" if hide else None)
        (self.hidden.add if hide else self.hidden.discard)(seat)

    @rule(seat=seats, state=st.sampled_from(["confirmed", "rejected"]), data=st.data())
    def decide(self, seat: int, state: str, data: st.DataObject) -> None:
        """A person decides on one suggestion."""
        known = sorted(pair for pair in self.suggested if pair[1] == seat)
        if not known:
            return
        crowd, _ = data.draw(st.sampled_from(known))
        archive = self.party.archive
        subject = archive.subject(name_of(seat)).id
        with archive._store.reading() as tx:
            ids = [
                row.id
                for each in photos.page(tx, self.party.scope.collection.id)
                for row in appearances.of_photo(tx, each.id)
                if row.subject == subject and self.crowd_at(row.path) == crowd
            ]
        if not ids:
            return  # its photo is under no path that it once had
        try:
            archive.decide(CLUB, ids, state, "Mr Smith")
        except ConsentError:
            assert state == "confirmed"
            assert not self.holding(seat)
            return
        self.said[crowd, seat] = state

    def crowd_at(self, path: bytes) -> Crowd | None:
        return self.source.get(Path(path.decode()).stem)

    # What follows from it -------------------------------------------------------------------------------------------

    def holding(self, seat: int) -> set[str]:
        """Channels for which somebody says yes now."""
        now = self.party.clock.now
        return {yes.channel for yes in self.given[seat] if not yes.withdrawn and yes.from_at <= now < yes.until_at}

    def says_yes(self, seat: int) -> bool:
        return "website" in self.holding(seat)

    def action(self, crowd: Crowd, seat: int, score: float) -> str:
        """Publish only whom a person named, or the machine is certain of, and who says yes now."""
        said = self.said.get((crowd, seat))
        if (crowd, seat) not in self.suggested or said == "rejected":
            return "redact"
        if seat in self.hidden:
            return "block"
        if said != "confirmed" and score < CERTAIN:
            return "ask"
        return "publish" if self.says_yes(seat) else "redact"

    def actions(self, crowd: Crowd) -> tuple[str, ...]:
        return tuple(self.action(crowd, seat, score) for seat, score in crowd)

    @rule()
    def clear(self) -> None:
        """Clear, and compare with the model and with a folder that is new."""
        for crowd in self.source.values():
            self.suggested |= {
                (crowd, seat) for seat, score in crowd if score > UNLIKE and seat in SEATS and self.holding(seat)
            }
        wanted = {name: (crowd, self.actions(crowd)) for name, crowd in self.source.items()}
        result = self.party.clear()

        became = {
            f"{name}.jpg": BECOMES[max(actions, key=MILDEST_FIRST.index, default="publish")]
            for name, (_, actions) in wanted.items()
        }
        assert verdicts(result) == became
        other = {f"{name}.jpg" for name, row in wanted.items() if self.noted.get(name) != row}
        assert changed(result) == other
        gone = {name: row for name, row in self.noted.items() if name not in wanted}
        stays = {name: row for name, row in gone.items() if self.actions(row[0]) == row[1]}
        self.noted = wanted | {name: row for name, row in gone.items() if name in stays or not is_out(row[1])}

        out = {place: seats_on(self.party.out / place) for place in released(self.party.out)}
        assert out == {
            place: seen for name, row in (stays | wanted).items() for place, seen in file_of(name, row[1], row[0])
        }
        assert all(self.says_yes(seat) and seat not in self.hidden for seen in out.values() for seat in seen)
        fresh = self.folder / "fresh"
        self.party.clear(out=fresh)
        ours = released(self.party.out)
        for place, content in released(fresh).items():
            assert ours.pop(place) == content
        assert {Path(place).stem for place in ours} <= stays.keys()
        shutil.rmtree(fresh)


def is_out(actions: tuple[str, ...]) -> bool:
    return set(actions) <= {"publish", "redact"}


def file_of(name: str, actions: tuple[str, ...], crowd: Crowd) -> list[tuple[str, list[int]]]:
    """Where a photo is released and who can be seen there; nothing when it is not released."""
    if not is_out(actions):
        return []
    seen = [seat for (seat, _), action in zip(crowd, actions, strict=True) if action == "publish"]
    return [(f"{'redacted' if 'redact' in actions else 'clear'}/{name}.jpg", seen)]


@pytest.fixture(autouse=True)
def _stock(party_stock: Path) -> None:
    Withdrawals.stock = party_stock


TestWithdrawals = Withdrawals.TestCase
# A failure is told as it was found: making it smaller takes minutes here.
TestWithdrawals.settings = settings(max_examples=20, stateful_step_count=12, phases=[Phase.generate])
