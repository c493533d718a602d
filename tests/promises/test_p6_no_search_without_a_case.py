"""P6: nobody is searched for without an open case that a second person approved, on any route.

Every public method and the commands are tried on a whole archive in every state but the right one. A try fails when a
template was opened for it or a search was noted; a control shows that the same route finds somebody when the case is in
order. What permits alone give stands in ``test_p6_permits_to_search``.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from countenance.archive import Archive
from countenance.cli.frame import Frame
from countenance.cli.main import main
from countenance.core.case import Mark
from countenance.core.retention import Rule
from countenance.erase.plan import Target
from countenance.errors import CaseError, CountenanceError
from countenance.flows import calibrate
from countenance.flows.case import Wanted
from countenance.flows.clear import Request
from countenance.flows.enrol import ConsentForm
from countenance.flows.identity import Check
from countenance.settings import Settings
from countenance.store.erasures import SUBJECT
from tests.drawn import EVIDENCE, name_of
from tests.pretend import POLICY, _master
from tests.searching import LEE, NUMBER, OKORO, OTHER, REED, SOUGHT, STUDIO, Bureau, probe

N_TRIES = 10_000


# A whole archive -----------------------------------------------------------------------------------------------------


def _expired(bureau: Bureau) -> None:
    bureau.approved()
    bureau.party.clock.advance(days=31)


def _spent(bureau: Bureau) -> None:
    bureau.approved()
    for _ in range(10):
        bureau.search(by=LEE)


def _of_day(bureau: Bureau) -> None:
    for n in range(2):
        bureau.approved(f"before {n}")
        for _ in range(10):
            bureau.search(f"before {n}")
    bureau.approved()


def _closed(bureau: Bureau) -> None:
    bureau.approved()
    bureau.acting(REED).close_case(NUMBER)


def _another_probe(bureau: Bureau) -> None:
    bureau.approved()
    bureau.acting(LEE).add_probes(NUMBER, [probe(SOUGHT, "another")])


def _self_approved(bureau: Bureau) -> None:
    bureau.open()
    for actor in (REED, REED.upper(), f" {REED}"):
        with pytest.raises(CaseError):
            bureau.code(by=actor)
        with pytest.raises(CaseError):
            bureau.acting(actor).approve_case(NUMBER, "0000-0000")


def _foreign(bureau: Bureau) -> None:
    """The case is about another collection."""
    bureau.acting(REED).open_case(Wanted(NUMBER, "missing-person"), [OTHER], [probe()])
    bureau.approve()


STATES: dict[str, Callable[[Bureau], object]] = {
    "without a case": lambda _: None,
    "not approved": lambda bureau: bureau.open(),
    "self-approved": _self_approved,
    "expired": _expired,
    "closed": _closed,
    "the case's budget spent": _spent,
    "the day's budget spent": _of_day,
    "another probe": _another_probe,
    "another collection": _foreign,
}


@pytest.mark.parametrize("state", STATES)
def test_no_search_in_any_state_but_an_approved_one(bureau: Bureau, opened: list[str], state: str) -> None:
    STATES[state](bureau)
    opened.clear()
    for _ in range(12):
        for more in ({}, {"at_least": -1.0}, {"at_least": 0.0, "most": 100}):
            with pytest.raises(CountenanceError):
                bureau.acting(REED).search_case(NUMBER, STUDIO, **more)  # type: ignore[arg-type]
    assert opened == []


def test_the_same_route_finds_somebody_when_the_case_is_in_order(bureau: Bureau, opened: list[str]) -> None:
    bureau.approved()
    assert bureau.names(bureau.search()) == ["alone", "both", "third"]
    assert opened == ["each_face_template"]


# Every public method -------------------------------------------------------------------------------------------------

DESTROYING = ("erase", "erase_each", "erase_photo", "redact_and_erase", "destroy_collection", "run_retention", "rekey")
NOT_TRIED = {"open": "opens another archive", "create": "makes one", "close": "closes this one"}


def _given(bureau: Bureau, face: str, photo_id: str) -> dict[str, object]:
    """A plausible value for every parameter that a public method requires."""
    now, target = bureau.party.clock.now, bureau.party.folder / "tried"
    until = now + timedelta(days=20)
    form = ConsentForm(("case-search",), ("internal",), now, until, EVIDENCE, "form.pdf")
    return {
        "actor": REED,
        "approver": OKORO,
        "check": Check("account"),
        "code": "0000-0000",
        "collection": STUDIO,
        "decisions": {},
        "destroy": lambda _: None,
        "entries": [],
        "face": face,
        "faces": [face],
        "folder": target,
        "form": form,
        "found": [],
        "given": {},
        "hold": "0" * 24,
        "ids": [],
        "keep": name_of(0),
        "marks": {1: Mark.LEAD},
        "month": now.strftime("%Y-%m"),
        "n": 0,
        "name": "anybody",
        "names": [STUDIO],
        "no_face": [],
        "nobody": [],
        "number": NUMBER,
        "operation": "0" * 24,
        "other": name_of(1),
        "out": target,
        "page": "What we do.",
        "photo": photo_id,
        "photos": [probe()],
        "reason": None,
        "reference": "court 7",
        "reference_photos": [probe()],
        "request": Request("website", target, POLICY, REED),
        "role": "steward",
        "rule": Rule(),
        "sources": [bureau.party.photos / STUDIO],
        "state": "confirmed",
        "subjects": [],
        "target": Target(SUBJECT, "0" * 24, bureau.archive.collection(STUDIO).id),
        "until": until,
        "value": "x",
        "wanted": Wanted("another", "safeguarding"),
        "what": STUDIO,
        "who": name_of(0),
        "within": timedelta(days=3),
    }


def _otherwise(bureau: Bureau) -> dict[str, dict[str, object]]:
    """Where a method means something else by a parameter, or wants more of it."""
    return {
        "collection": {"name": STUDIO},
        "pack_of": {"collection": bureau.archive.collection(STUDIO)},
        "erasure": {"wanted": "0" * 24},
        "set_role": {"name": REED},
        "calibrate": {"collection": STUDIO, "wanted": calibrate.Wanted(0.01, 0.05)},
        "search_case": {"collection": STUDIO, "at_least": -1.0, "most": 100},
    }


def _required(name: str) -> list[str]:
    """Parameters without which a method is not called."""
    named = inspect.signature(getattr(Archive, name)).parameters.values()
    return [each.name for each in named if each.default is inspect.Parameter.empty and each.name != "self"]


@pytest.mark.parametrize("state", [each for each in STATES if "budget" not in each])
def test_no_public_method_searches(bureau: Bureau, opened: list[str], state: str) -> None:
    """Each with plausible values; whatever it does or refuses, it opens no template for a search and notes none."""
    STATES[state](bureau)
    query = "SELECT faces.id, photo_id FROM faces JOIN photos ON photos.id = photo_id WHERE collection_id = "
    studio = bureau.archive.collection(STUDIO).id
    (face, photo_id), *_ = bureau.rows(f"{query}'{studio}'")
    values, otherwise = _given(bureau, face, photo_id), _otherwise(bureau)
    before = bureau.rows("SELECT id FROM case_searches")
    public = {name for name in dir(Archive) if not name.startswith("_")} - NOT_TRIED.keys()
    opened.clear()
    done, refused = list[str](), list[str]()
    for name in sorted(public, key=lambda each: (each in DESTROYING, each)):
        if name in DESTROYING and state != "without a case":
            continue
        given = {each: values[each] for each in _required(name)} | otherwise.get(name, {})
        try:
            getattr(bureau.acting(REED), name)(**given)
            done.append(name)
        except CountenanceError:
            refused.append(name)
    assert opened == []
    assert bureau.rows("SELECT id FROM case_searches") == before
    assert {"search_case", "case_results", "write_candidates"} <= set(refused)
    assert len(done) > len(refused), refused


# Commands ------------------------------------------------------------------------------------------------------------

COMMANDS = (
    ("case", "search", NUMBER, "--collection", STUDIO),
    ("case", "search", NUMBER, "--collection", STUDIO, "--at-least", "-1", "--most", "100"),
    ("case", "show", NUMBER, "--candidates"),
    ("case", "review", NUMBER, "--lead", "1"),
)


@pytest.mark.parametrize("state", ["without a case", "not approved", "closed", "another probe", "another collection"])
def test_no_command_searches(
    bureau: Bureau, opened: list[str], state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    STATES[state](bureau)
    bureau.archive.close()
    opened.clear()
    monkeypatch.setattr(Frame, "master", lambda _: _master())
    for words in COMMANDS:
        with pytest.raises(SystemExit) as done:
            main([*words, "--actor", REED, "--archive", str(bureau.archive.folder), "--json"])
        assert done.value.code == 1
        told = json.loads(capsys.readouterr().out)
        assert told["ok"] is False
        assert "candidates" not in told
    assert opened == []
    bureau.party.archive = Archive.open(bureau.archive.folder, _master(), Settings(), bureau.party.clock)
