"""P6: a permit to search is for one collection, for probes that another person approved, under a case that is open.

10,000 cases that are in order each give a permit, and with one flaw each give none; no other permit opens the search.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from countenance.core import permit as permits
from countenance.core.case import Approval, Asked, Budget, Case, ProbeSet, Search, fingerprint_of
from countenance.core.permit import permit_search, permit_search_enrolled
from countenance.errors import CaseError, PermitError
from countenance.flows import probe_search
from tests.house.source import PACKAGE, called, modules
from tests.pretend import Guest, template_of
from tests.searching import LEE, OKORO, REED, SOUGHT, STUDIO, Bureau
from tests.unit.core.test_case import BASIS, BUDGET, NOW, REFUSED, consent

N_TRIES = 10_000


# Permits alone -------------------------------------------------------------------------------------------------------


def _drawn(chance: random.Random) -> tuple[Case, Asked]:
    """A case that is in order, and a search that it allows, unlike any other."""
    rows = np.array([[chance.random(), chance.random()]], dtype=np.float32)
    held = ProbeSet(f"{chance.getrandbits(256):064x}", fingerprint_of(rows), chance.randint(1, 4))
    names = chance.sample([REED, OKORO, LEE, "Mx Diaz", "Dr Wu"], 4)
    case = Case(
        f"{chance.getrandbits(96):024x}",
        "missing-person",
        frozenset({"here", "there"}),
        names[0],
        NOW - timedelta(days=chance.randint(1, 20)),
        NOW + timedelta(hours=chance.randint(1, 200)),
        handed_in_by=frozenset({names[0], names[1]}),
        approvals=(Approval(names[2], held.digest, NOW - timedelta(minutes=chance.randint(1, 600))),),
        searches=(_made(chance, held.digest, names[3]),),
    )
    return case, Asked(chance.choice(["here", "there"]), chance.choice(names), held, None, chance.randint(0, 8))


def _made(chance: random.Random, digest: str, actor: str) -> Search:
    at = NOW - timedelta(hours=chance.randint(1, 20))
    n_probes, until = chance.randint(1, 6), at + timedelta(days=30)
    return Search("s", "here", actor, at, digest, n_probes, 0, urgent=False, keep_until_at=until)


def _respelled(chance: random.Random, name: str) -> str:
    return chance.choice([name, name.upper(), f" {name}", name.replace(" ", "  "), name.casefold() + "\t"])


FLAWS: dict[str, Callable[[random.Random, Case, Asked], tuple[Case, Asked]]] = {
    "another collection": lambda _, case, asked: (case, replace(asked, collection="elsewhere")),
    "a case of others": lambda _, case, asked: (replace(case, collections=frozenset({"elsewhere"})), asked),
    "closed": lambda chance, case, asked: (replace(case, closed_at=NOW - timedelta(days=chance.random())), asked),
    "expired": lambda chance, case, asked: (replace(case, expires_at=NOW - timedelta(days=chance.random())), asked),
    "not approved": lambda _, case, asked: (replace(case, approvals=()), asked),
    "self-approved": lambda chance, case, asked: (
        replace(
            case,
            approvals=(
                replace(case.approvals[0], by=_respelled(chance, chance.choice([case.requester, *case.handed_in_by]))),
            ),
        ),
        asked,
    ),
    "other probes": lambda chance, case, asked: (
        case,
        replace(asked, probes=replace(asked.probes, digest=f"{chance.getrandbits(256):064x}")),
    ),
    "no probes": lambda _, case, asked: (case, replace(asked, probes=replace(asked.probes, n_probes=0))),
    "the case's budget": lambda chance, case, asked: (
        replace(case, searches=(replace(case.searches[0], n_probes=chance.randint(10, 99)),)),
        asked,
    ),
    "the day's budget": lambda chance, case, asked: (case, replace(asked, spent_today=chance.randint(20, 99))),
    "urgent without reason": lambda _, case, asked: (
        replace(case, approvals=()),
        replace(asked, urgent_reason=" "),
    ),
    "an urgent one left": lambda chance, case, asked: (
        replace(
            case,
            approvals=(),
            searches=(replace(case.searches[0], urgent=True, at=NOW - timedelta(hours=chance.randint(49, 99))),),
        ),
        replace(asked, urgent_reason="a reason"),
    ),
}


def _n_permits(case: Case, asked: Asked) -> int:
    """How many of the two makers of permits to search say yes."""
    n_given = 0
    for given in ([], [consent()]):
        with suppress(CaseError):
            if given:
                permit_search_enrolled(case, asked, BUDGET, given, NOW)
            else:
                permit_search(case, asked, BUDGET, "release", BASIS, NOW)
            n_given += 1
    return n_given


def test_ten_thousand_tries_without_a_valid_case_give_no_permit() -> None:
    chance, n_permits, tried = random.Random(6), 0, dict.fromkeys(FLAWS, 0)  # noqa: S311
    for n in range(N_TRIES):
        case, asked = _drawn(chance)
        permit_search(case, asked, BUDGET, "release", BASIS, NOW)  # the control: in order, it is allowed
        flaw = list(FLAWS)[n % len(FLAWS)]
        n_permits += _n_permits(*FLAWS[flaw](chance, case, asked))
        tried[flaw] += 1
    assert n_permits == 0
    assert sum(tried.values()) == N_TRIES
    assert min(tried.values()) > N_TRIES // 15


def test_every_flaw_that_the_rule_knows_is_tried_on_the_rule() -> None:
    assert len(REFUSED) >= len(FLAWS)


# Functions that open templates ---------------------------------------------------------------------------------------

OPENERS = {
    "each_face_template": {"flows/face_index.py", "flows/calibrate.py"},
    "references_of_collection": {"flows/gallery.py", "flows/probe_search.py", "flows/calibrate.py"},
    "references_to_verify": {"flows/identity.py"},
    "open_to_erase": {"erase/plan.py"},
    "permit_search": {"flows/case_search.py"},
    "permit_search_enrolled": {"flows/case_search.py"},
    "permit_open_templates": {"flows/calibrate.py"},
}
"""Functions that open templates or allow it, and the only modules of the package that call them.

Whoever adds one says here how it cannot be used to search. The index of faces takes the caller's permit, and only a
search under a case has one to give; calibrating gives numbers for a whole collection, and neither a face nor a score.
"""


@pytest.mark.parametrize("name", OPENERS)
def test_templates_are_opened_in_known_places_only(name: str) -> None:
    found = {
        module.inner
        for module in modules(PACKAGE)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and called(node) == name
    }
    assert found == OPENERS[name]


def test_no_other_permit_opens_the_search(bureau: Bureau, opened: list[str]) -> None:
    """Every maker of permits that is not for searching, and permits to search with something else or elsewhere."""
    now, scope = bureau.party.clock.now, bureau.archive._scope(STUDIO)
    place = scope.collection.id
    rows = template_of(Guest(SOUGHT, 1.0))[None, :]
    release: dict[str, datetime | str | None] = {"reference": "r", "approver": "a", "until_at": now + timedelta(days=1)}
    held = ProbeSet("d" * 64, fingerprint_of(rows), 1)
    case = Case("c", "safeguarding", frozenset({place, "x"}), REED, now, now + timedelta(days=1))
    case = replace(case, approvals=(Approval(OKORO, held.digest, now),))
    search_there = permit_search(case, Asked("x", REED, held), Budget(9, 9), "release", release, now)
    other = replace(held, fingerprint=fingerprint_of(rows * np.float32(0.5)))
    search_other = permit_search(case, Asked(place, REED, other), Budget(9, 9), "release", release, now)
    kept = permits.permit_templates(place, "release", release, now)
    assert kept is not None
    wrong = [
        kept,
        permits.permit_open_templates(place, "release", release, now),
        permits.permit_compare(place, [], now),
        permits.permit_erase(place, ["s"], now),
        permits.permit_rekey(place, now),
        permits.permit_verify(place, ["s"], 1, now),
        permits.permit_show_me(place, ["s"], "account", now),
        permits.permit_probes(replace(case, id=place), now),
        search_there,
        search_other,
    ]
    with scope.store.reading() as tx:
        for each in wrong:
            for search in (probe_search.search, probe_search.search_enrolled):
                with pytest.raises(PermitError):
                    search(tx, scope, each, rows, at_least=-1, most=99)
        assert opened == []
        right = permit_search(case, Asked(place, REED, held), Budget(9, 9), "release", release, now)
        assert len(probe_search.search(tx, scope, right, rows, at_least=-1, most=99)) == 3
