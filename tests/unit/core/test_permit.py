from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from countenance.core.consent import Consent
from countenance.core.permit import (
    IDENTITY_CHECKS,
    Act,
    Permit,
    permit_compare,
    permit_erase,
    permit_open_templates,
    permit_reference,
    permit_rekey,
    permit_review,
    permit_show,
    permit_show_me,
    permit_templates,
    permit_verify,
    renew_compare,
)
from countenance.errors import ConsentError, PermitError

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANNA = Consent("anna", "find-my-photos", ("website",), NOW - timedelta(days=1), NOW + timedelta(days=1), "ab" * 32)
ENDED = replace(ANNA, subject="ben", until_at=NOW)
WITHDRAWN = replace(ANNA, subject="cem", withdrawn_at=NOW)
PUBLISH = replace(ANNA, subject="dan", purpose="publication")


def test_nobody_else_makes_a_permit() -> None:
    with pytest.raises(PermitError):
        Permit(Act.COMPARE, "c", frozenset({"anna"}), NOW)
    with pytest.raises(PermitError):
        Permit(Act.COMPARE, "c", frozenset({"anna"}), NOW, object())


def test_a_permit_cannot_be_widened() -> None:
    permit = permit_compare("c", [ANNA], NOW)
    with pytest.raises(AttributeError):
        permit.subjects = frozenset({"ben"})  # type: ignore[misc]


def test_a_permit_cannot_be_copied_into_another_one() -> None:
    permit = permit_compare("c", [ANNA], NOW)
    with pytest.raises(PermitError):
        replace(permit, act=Act.SHOW, subjects=frozenset({"anyone"}))
    assert getattr(permit, "mint", None) is None


def test_search_under_a_case_is_no_reason_to_compare_new_photos() -> None:
    assert permit_compare("c", [replace(ANNA, purpose="case-search")], NOW).subjects == frozenset()


def test_a_permit_covers_its_act_collection_and_subjects_only() -> None:
    permit = permit_reference("c", ANNA, NOW)
    permit.require(Act.STORE_REFERENCE, "c", "anna")
    permit.require(Act.STORE_REFERENCE, "c")
    with pytest.raises(PermitError):
        permit.require(Act.STORE_REFERENCE, "c", "ben")
    with pytest.raises(PermitError):
        permit.require(Act.STORE_REFERENCE, "other", "anna")
    with pytest.raises(PermitError):
        permit.require(Act.SHOW, "c", "anna")


@pytest.mark.parametrize("consent", [ENDED, WITHDRAWN, replace(ANNA, from_at=NOW + timedelta(seconds=1))])
def test_no_reference_is_kept_without_a_consent_that_holds(consent: Consent) -> None:
    with pytest.raises(ConsentError):
        permit_reference("c", consent, NOW)


def test_faces_are_compared_with_those_whose_consent_holds() -> None:
    permit = permit_compare("c", [ANNA, ENDED, WITHDRAWN, PUBLISH], NOW)
    assert permit.subjects == {"anna", "dan"}
    assert permit.decided_at == NOW


def test_comparing_with_nobody_is_a_permit_for_nobody() -> None:
    permit = permit_compare("c", [], NOW)
    assert permit.subjects == frozenset()
    with pytest.raises(PermitError):
        permit.require(Act.COMPARE, "c", "anna")


@pytest.mark.parametrize("purpose", ["find-my-photos", "internal-tagging"])
def test_photos_are_shown_under_a_consent_for_finding(purpose: str) -> None:
    permit = permit_show("c", "anna", [ENDED, replace(ANNA, purpose=purpose)], NOW)
    permit.require(Act.SHOW, "c", "anna")
    assert permit.subjects == {"anna"}


@pytest.mark.parametrize("subject", ["ben", "cem", "dan", "nobody"])
def test_photos_are_not_shown_under_another_or_ended_consent(subject: str) -> None:
    with pytest.raises(ConsentError, match=subject):
        permit_show("c", subject, [ANNA, ENDED, WITHDRAWN, PUBLISH], NOW)


BASIS: dict[str, datetime | str | None] = {"reference": "R-1", "approver": "E. H.", "until_at": NOW + timedelta(days=1)}


def test_strangers_templates_are_never_kept_in_a_consent_collection() -> None:
    assert permit_templates("c", "consent", BASIS, NOW) is None


def test_a_release_collection_keeps_templates_while_its_basis_holds() -> None:
    permit = permit_templates("c", "release", BASIS, NOW)
    assert permit is not None
    permit.require(Act.STORE_TEMPLATE, "c")


def test_kept_templates_are_opened_while_the_basis_holds_and_in_release_collections_only() -> None:
    permit_open_templates("c", "release", BASIS, NOW).require(Act.OPEN_TEMPLATES, "c")
    with pytest.raises(ConsentError):
        permit_open_templates("c", "consent", BASIS, NOW)
    with pytest.raises(ConsentError):
        permit_open_templates("c", "release", {**BASIS, "until_at": NOW}, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"reference": ""},
        {"reference": None},
        {"approver": ""},
        {"until_at": None},
        {"until_at": "2030"},
        {"until_at": NOW},
    ],
)
def test_an_incomplete_or_ended_basis_is_refused(change: dict[str, datetime | str | None]) -> None:
    with pytest.raises(ConsentError, match="basis"):
        permit_templates("c", "release", {**BASIS, **change}, NOW)


def test_a_missing_basis_is_refused() -> None:
    with pytest.raises(ConsentError):
        permit_templates("c", "release", {}, NOW)


@pytest.mark.parametrize("purpose", ["find-my-photos", "internal-tagging", "publication"])
def test_faces_are_named_under_a_consent_to_be_compared(purpose: str) -> None:
    said = [replace(ANNA, purpose=purpose), ENDED, PUBLISH]
    permit = permit_review("c", {"anna", "dan"}, said, NOW)
    assert (permit.act, permit.decided_at) == (Act.REVIEW, NOW)
    assert permit.subjects == {"anna", "dan"}
    with pytest.raises(PermitError):
        permit.require(Act.SHOW, "c", "anna")
    assert permit_review("c", {"anna"}, said, NOW).subjects == {"anna"}
    assert permit_review("c", (), said, NOW).subjects == frozenset()


@pytest.mark.parametrize("subject", ["ben", "cem", "eve", "nobody"])
def test_nobody_is_named_without_a_consent_that_holds(subject: str) -> None:
    searched = replace(ANNA, subject="eve", purpose="case-search")
    with pytest.raises(ConsentError, match=f"No consent of subject {subject} allows naming"):
        permit_review("c", {subject, "anna"}, [ANNA, ENDED, WITHDRAWN, searched], NOW)


def test_somebody_who_must_not_appear_is_named_to_be_kept_out() -> None:
    permit = permit_review("c", {"cem"}, [WITHDRAWN], NOW, {"cem", "dan"})
    assert permit.subjects == {"cem"}
    with pytest.raises(ConsentError):
        permit_review("c", {"cem"}, [WITHDRAWN], NOW, {"dan"})


@pytest.mark.parametrize("check", IDENTITY_CHECKS)
def test_people_are_shown_what_is_held_on_them_without_any_consent(check: str) -> None:
    permit = permit_show_me("c", ["anna", "anna again"], check, NOW)
    permit.require(Act.SHOW, "c", "anna")
    permit.require(Act.SHOW, "c", "anna again")
    assert permit.decided_at == NOW
    with pytest.raises(PermitError):
        permit.require(Act.SHOW, "c", "ben")
    with pytest.raises(PermitError):
        permit.require(Act.VERIFY, "c", "anna")


@pytest.mark.parametrize("check", ["", "passport", "Account"])
def test_nobody_is_shown_anything_unchecked(check: str) -> None:
    with pytest.raises(PermitError, match="without a check") as refused:
        permit_show_me("c", ["anna"], check, NOW)
    assert "met-in-person" in refused.value.advice


def test_a_face_is_compared_with_one_persons_own_references_only() -> None:
    permit = permit_verify("c", ["anna"], 2, NOW)
    permit.require(Act.VERIFY, "c", "anna")
    assert permit.decided_at == NOW
    for act, collection, subject in (
        (Act.VERIFY, "c", "ben"),
        (Act.VERIFY, "other", "anna"),
        (Act.COMPARE, "c", "anna"),
        (Act.SHOW, "c", "anna"),
    ):
        with pytest.raises(PermitError):
            permit.require(act, collection, subject)


def test_without_a_reference_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(PermitError, match=r"nothing|anything"):
        permit_verify("c", ["anna"], 0, NOW)


def test_erasing_opens_what_is_kept_of_these_people_and_needs_no_consent() -> None:
    permit = permit_erase("c", ["s"], NOW)
    permit.require(Act.ERASE, "c", "s")
    for act, place, subject in ((Act.ERASE, "d", "s"), (Act.ERASE, "c", "t"), (Act.COMPARE, "c", "s")):
        with pytest.raises(PermitError):
            permit.require(act, place, subject)


def test_a_new_key_is_given_to_one_collection_and_nothing_else_is_done_under_its_permit() -> None:
    permit = permit_rekey("c", NOW)
    permit.require(Act.REKEY, "c")
    for act, place, subject in ((Act.REKEY, "d", None), (Act.OPEN_TEMPLATES, "c", None), (Act.REKEY, "c", "s")):
        with pytest.raises(PermitError):
            permit.require(act, place, subject)


def test_a_permit_to_compare_is_decided_anew_for_those_who_changed() -> None:
    before = permit_compare("c", [ANNA, PUBLISH, replace(ANNA, subject="eva")], NOW)
    later = NOW + timedelta(hours=1)
    gone, back = replace(ANNA, withdrawn_at=NOW).term, replace(ANNA, subject="ben").term
    after = renew_compare(before, ["anna", "ben", "eva"], [gone, back], later)
    assert (after.act, after.collection, after.decided_at) == (Act.COMPARE, "c", later)
    assert after.subjects == {"ben", "dan"}


def test_nobody_slips_in_who_was_not_to_be_decided_on() -> None:
    before = permit_compare("c", [ANNA], NOW)
    assert renew_compare(before, ["anna"], [replace(ANNA, subject="eve").term], NOW).subjects == frozenset()


def test_only_a_permit_to_compare_is_renewed() -> None:
    with pytest.raises(PermitError):
        renew_compare(permit_erase("c", ["anna"], NOW), ["anna"], [ANNA.term], NOW)
