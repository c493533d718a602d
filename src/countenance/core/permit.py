"""Permits: the consent rules' yes for one act at one moment. Only this module makes them.

Every function that stores a template, compares one to many, or shows a person's photos takes a ``Permit``. Holding one
is proof that the rule below it said yes; there is no other way to get one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from countenance.core.case import Asked, Budget, Case, Refusal, State, search_refusal
from countenance.core.consent import CASE_SEARCH, COMPARING, FINDING, Consent, Term
from countenance.errors import CaseError, ConsentError, PermitError

_MINT: Final = object()


class Act(StrEnum):
    """What a permit allows."""

    STORE_REFERENCE = "store-reference"
    STORE_TEMPLATE = "store-template"
    OPEN_TEMPLATES = "open-templates"
    COMPARE = "compare"
    SHOW = "show"
    REVIEW = "review"
    VERIFY = "verify"
    ERASE = "erase"
    REKEY = "rekey"
    SEARCH = "search"
    HANDLE_PROBES = "handle-probes"


IDENTITY_CHECKS: Final = ("account", "selfie", "met-in-person")
"""How it may be checked that whoever asks is the person asked about; an identity document is none of them."""


@dataclass(frozen=True, slots=True)
class Permit:
    """A yes for one act, one collection, some subjects, one moment.

    Attributes:
        act: the only act it allows.
        collection: id of the only collection it holds in; for the probes of a case, id of that case.
        subjects: ids it covers; empty covers nobody.
        decided_at: aware UTC moment of the decision.
        probes: fingerprint of the only probes that may be searched with; empty for every other act.
    """

    act: Act
    collection: str
    subjects: frozenset[str]
    decided_at: datetime
    probes: str = field(default="", kw_only=True)
    mint: InitVar[object] = None  # not kept, so no permit can be copied into another one

    def __post_init__(self, mint: object) -> None:
        """Refuse every maker but this module."""
        if mint is not _MINT:
            msg = "Permits come from countenance.core.permit only."
            raise PermitError(msg)

    def require(self, act: Act, collection: str, subject: str | None = None) -> None:
        """Raise PermitError unless this permit covers the act, the collection and, if given, the subject."""
        if act is not self.act or collection != self.collection:
            msg = f"This permit is for {self.act} in another place, not for {act}."
            raise PermitError(msg)
        if subject is not None and subject not in self.subjects:
            msg = f"This permit does not cover subject {subject}."
            raise PermitError(msg)

    def require_probes(self, collection: str, fingerprint: str) -> None:
        """Raise PermitError unless this permit is to search the collection with exactly these probes."""
        self.require(Act.SEARCH, collection)
        if not self.probes or fingerprint != self.probes:
            msg = "This permit is for other probes."
            raise PermitError(msg)


def permit_reference(collection: str, consent: Consent, now: datetime) -> Permit:
    """Permit to keep reference templates of the consenting subject.

    Raises:
        ConsentError: the consent does not hold at ``now``.
    """
    if not consent.holds_at(now):
        msg = "There is no consent that holds today, so nobody is enrolled."
        raise ConsentError(msg)
    return Permit(Act.STORE_REFERENCE, collection, frozenset({consent.subject}), now, _MINT)


def permit_compare(collection: str, consents: Iterable[Consent | Term], now: datetime) -> Permit:
    """Permit to compare new faces with every subject of whom a consent for ``COMPARING`` holds at ``now``."""
    subjects = frozenset(
        consent.subject for consent in consents if consent.purpose in COMPARING and consent.holds_at(now)
    )
    return Permit(Act.COMPARE, collection, subjects, now, _MINT)


def renew_compare(before: Permit, changed: Collection[str], consents: Iterable[Term], now: datetime) -> Permit:
    """A permit to compare, decided anew for those whose consents changed.

    Args:
        before: permit to compare, decided at an earlier moment; no other consent began or ended since.
        changed: ids of the subjects to decide on again.
        consents: every consent of these, and of nobody else.
        now: aware UTC moment.

    Raises:
        PermitError: the permit before was for something else.
    """
    before.require(Act.COMPARE, before.collection)
    again = permit_compare(before.collection, consents, now).subjects & frozenset(changed)
    return Permit(Act.COMPARE, before.collection, (before.subjects - frozenset(changed)) | again, now, _MINT)


def permit_show(collection: str, subject: str, consents: Iterable[Consent], now: datetime) -> Permit:
    """Permit to list a subject's photos.

    Raises:
        ConsentError: no consent for finding holds at ``now``.
    """
    for consent in consents:
        if consent.subject == subject and consent.purpose in FINDING and consent.holds_at(now):
            return Permit(Act.SHOW, collection, frozenset({subject}), now, _MINT)
    msg = f"No consent of subject {subject} allows finding photos today ({' or '.join(sorted(FINDING))})."
    raise ConsentError(msg)


def permit_show_me(collection: str, subjects: Collection[str], check: str, now: datetime) -> Permit:
    """Permit to show people what is held on themselves: always, whatever became of their consents.

    Args:
        collection: id of the collection.
        subjects: every id of that one person.
        check: how it was made sure that it is this person who asks, one of ``IDENTITY_CHECKS``.
        now: aware UTC moment.

    Raises:
        PermitError: nothing was checked that counts.
    """
    if check not in IDENTITY_CHECKS:
        msg = "Nobody is shown what is held on a person without a check that it is this person who asks."
        raise PermitError(msg, advice=f"Check it in one of these ways: {', '.join(IDENTITY_CHECKS)}.")
    return Permit(Act.SHOW, collection, frozenset(subjects), now, _MINT)


def permit_verify(collection: str, subjects: Collection[str], n_references: int, now: datetime) -> Permit:
    """Permit to compare one face with one person's own references, because that person asks for their own data.

    No consent is asked for: whoever took every yes back may still be recognised once more in order to be shown what is
    left. Nobody else's references are opened.

    Args:
        collection: id of the collection.
        subjects: every id of that one person.
        n_references: how many references of this person are kept that can be compared with, at least 0.
        now: aware UTC moment.

    Raises:
        PermitError: there is no reference, so there is nothing to compare with.
    """
    if n_references < 1:
        msg = "No usable reference of this person is kept, so a selfie cannot be compared with anything."
        raise PermitError(msg, advice="Check who asks by their account or in person instead.")
    return Permit(Act.VERIFY, collection, frozenset(subjects), now, _MINT)


def permit_review(
    collection: str,
    subjects: Collection[str],
    consents: Iterable[Consent],
    now: datetime,
    must_not_appear: Collection[str] = (),
) -> Permit:
    """Permit to say of faces that they are these subjects. Saying "not this person" needs none: it takes away only.

    Args:
        collection: id of the collection.
        subjects: ids of those whose faces are to be named.
        consents: theirs, and others'.
        now: aware UTC moment.
        must_not_appear: ids of people whom the organisation has to keep out of what it publishes; they are named so
            that they can be kept out, whatever their consents say.

    Raises:
        ConsentError: of one of the subjects no consent for ``COMPARING`` holds at ``now``.
    """
    consenting = {each.subject for each in consents if each.purpose in COMPARING and each.holds_at(now)}
    refused = sorted({*subjects} - consenting - {*must_not_appear})
    if refused:
        msg = f"No consent of subject {refused[0]} allows naming faces today ({' or '.join(sorted(COMPARING))})."
        raise ConsentError(msg, advice="Record a consent first. Saying that a face is not this person needs none.")
    return Permit(Act.REVIEW, collection, frozenset(subjects), now, _MINT)


def permit_erase(collection: str, subjects: Collection[str], now: datetime) -> Permit:
    """Permit to open what is kept of these subjects so that its remains can be looked for. It needs no consent."""
    return Permit(Act.ERASE, collection, frozenset(subjects), now, _MINT)


def permit_rekey(collection: str, now: datetime) -> Permit:
    """Permit to open every template of a collection and to seal it again, turned anew; nothing is compared or shown."""
    return Permit(Act.REKEY, collection, frozenset(), now, _MINT)


def permit_templates(
    collection: str, basis: str, release: Mapping[str, datetime | str | None], now: datetime
) -> Permit | None:
    """Permit to keep templates of all faces: only in a ``release`` collection whose documented basis holds.

    Args:
        collection: id of the collection.
        basis: ``consent`` or ``release``.
        release: ``reference`` (text), ``approver`` (text) and ``until_at`` (aware UTC) of the documented basis.
        now: aware UTC moment.

    Returns:
        None in a ``consent`` collection (P1): templates are dropped after the comparison.

    Raises:
        ConsentError: the collection is of basis ``release`` and its basis is incomplete or has ended.
    """
    if basis != "release":
        return None
    _require_basis(basis, release, now)
    return Permit(Act.STORE_TEMPLATE, collection, frozenset(), now, _MINT)


def permit_open_templates(
    collection: str, basis: str, release: Mapping[str, datetime | str | None], now: datetime
) -> Permit:
    """Permit to open the kept templates of all faces of a ``release`` collection, while its documented basis holds.

    Args:
        collection: id of the collection.
        basis: ``consent`` or ``release``.
        release: as for ``permit_templates``.
        now: aware UTC moment.

    Raises:
        ConsentError: it is no release collection, or its basis is incomplete or has ended.
    """
    _require_basis(basis, release, now)
    return Permit(Act.OPEN_TEMPLATES, collection, frozenset(), now, _MINT)


def permit_probes(case: Case, now: datetime) -> Permit:
    """Permit to keep, open and show the probes of a case, as long as it is open.

    Raises:
        CaseError: it is closed or has expired.
    """
    state = case.state_at(now)
    if state is not State.OPEN:
        raise CaseError(state.value, f"This case is {state.value}, so its probes are not handled any more.")
    return Permit(Act.HANDLE_PROBES, case.id, frozenset(), now, _MINT)


def permit_search(
    case: Case,
    asked: Asked,
    budget: Budget,
    basis: str,
    release: Mapping[str, datetime | str | None],
    now: datetime,
) -> Permit:
    """Permit to search all faces of a ``release`` collection with the approved probes of a case (P6).

    Order of checks: those of ``core.case.search_refusal``, then the documented basis of the collection.

    Args:
        case: under which it is asked for.
        asked: collection, actor, probes.
        budget: of probes.
        basis: of that collection, ``consent`` or ``release``.
        release: as for ``permit_templates``.
        now: aware UTC moment.

    Raises:
        CaseError: the case does not allow it.
        ConsentError: it is no release collection, or its basis is incomplete or has ended.
    """
    _require_case(search_refusal(case, asked, budget, now))
    _require_basis(basis, release, now)
    return Permit(Act.SEARCH, asked.collection, frozenset(), now, _MINT, probes=asked.probes.fingerprint)


def permit_search_enrolled(
    case: Case, asked: Asked, budget: Budget, consents: Iterable[Consent], now: datetime
) -> Permit:
    """Permit to search, in a ``consent`` collection, the references of those who said yes to being searched for.

    Order of checks: those of ``core.case.search_refusal``, then the consents.

    Args:
        case: under which it is asked for.
        asked: collection, actor, probes.
        budget: of probes.
        consents: of the people of that collection.
        now: aware UTC moment.

    Raises:
        CaseError: the case does not allow it.
        ConsentError: no consent to ``case-search`` holds at ``now``.
    """
    _require_case(search_refusal(case, asked, budget, now))
    subjects = frozenset(each.subject for each in consents if each.purpose == CASE_SEARCH and each.holds_at(now))
    if not subjects:
        msg = "Nobody in this collection has said yes to being searched for under a case."
        raise ConsentError(msg, advice=f"Only consents to {CASE_SEARCH} count, and only while they hold.")
    return Permit(Act.SEARCH, asked.collection, subjects, now, _MINT, probes=asked.probes.fingerprint)


def _require_case(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise CaseError(refusal.reason, refusal.message, advice=refusal.advice)


def _require_basis(basis: str, release: Mapping[str, datetime | str | None], now: datetime) -> None:
    until_at = release.get("until_at")
    whole = basis == "release" and bool(release.get("reference")) and bool(release.get("approver"))
    if not whole or not isinstance(until_at, datetime) or until_at <= now:
        msg = "The documented basis of this release collection is incomplete or has ended."
        raise ConsentError(msg, advice="Renew the basis: reference, approver and an end date in the future.")
