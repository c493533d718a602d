"""Who asks: make sure that it is the person whose data are asked for. Never by an identity document.

An account and a meeting are the operator's word. A selfie is decoded like any photo, compared with this one person's
references, and dropped; nothing of it is kept but yes or no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from countenance.core.arrays import Templates
from countenance.core.permit import permit_verify
from countenance.errors import IdentityError
from countenance.flows import enrol
from countenance.flows.scope import Scope
from countenance.flows.stages import Decode, Detect, Embed, Work
from countenance.ledger import log
from countenance.ledger.event import Act, Event
from countenance.run.stage import Stage
from countenance.store import references, templates

ACCOUNT, SELFIE, MET = "account", "selfie", "met-in-person"
ANOTHER = "Ask for another selfie: this person alone, well lit, facing the camera; or check who asks in another way."


@dataclass(frozen=True, slots=True)
class Check:
    """How it is checked who asks.

    Attributes:
        how: one of ``core.permit.IDENTITY_CHECKS``.
        selfie: content of the photo; None unless it is checked by one.
    """

    how: str
    selfie: bytes | None = None


def confirm(scope: Scope, ids: Sequence[str], check: Check) -> None:
    """Make sure, where it can be made sure here, that it is this person who asks; a comparison is logged (P7).

    Args:
        scope: the collection.
        ids: every id of the person.
        check: how.

    Raises:
        PermitError: there is nothing to compare a selfie with.
        IdentityError: it does not show this person.
        PhotoRefusedError: the selfie cannot be used.
    """
    if check.selfie is None:
        return
    same = _is_same(scope, ids, check.selfie)
    with scope.store.transaction() as tx:  # what was found is durable before anybody learns it
        facts = {"check": SELFIE, "result": "yes" if same else "no"}
        event = Event(Act.CHECK_IDENTITY, scope.actor, scope.collection.id, tuple(ids), facts)
        log.append(tx, scope.keys, event, at=scope.clock())
    if not same:
        msg = "The selfie does not show the person whose data are asked for."
        raise IdentityError(msg, advice=ANOTHER)


def _is_same(scope: Scope, ids: Sequence[str], selfie: bytes) -> bool:
    """Whether one face matches one of this person's references; no score leaves this function."""
    with scope.store.reading() as tx:
        kept = [each for one in ids for each in templates.references_of_subject(tx, one)]
    usable = sum(each.pack == scope.pack.id for each in kept)
    permit = permit_verify(scope.collection.id, ids, usable, scope.clock())
    probe = _template_of(scope, selfie)
    with scope.store.reading() as tx:
        own = references.references_to_verify(
            tx, scope.keys, permit, scope.collection.id, pack=scope.pack.id, dim=len(probe)
        )
    scores = own @ probe
    return bool(np.any(scores >= scope.pack.match))  # a score that is no number matches nobody


def _template_of(scope: Scope, selfie: bytes) -> Templates:
    """(d,) float32 of the one usable face of a selfie."""
    stages: list[Stage[Work]] = [
        Decode(scope.settings),
        Detect(scope.settings, scope.pack),
        Embed(scope.settings, scope.pack),
    ]
    ((work, face),) = enrol.analyse_only_faces([("The selfie", selfie)], stages, ANOTHER)
    return np.asarray(work.templates[face])
