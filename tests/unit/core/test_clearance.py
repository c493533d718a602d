"""The clearance rules, check by check and at every edge; the whole state table is in ``tests/promises``.

Photos, the checks 1 to 4 of a face, and the nouns; ``test_clearance_doubts.py`` has the checks 5 to 7.
"""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import timedelta

import pytest

from countenance.core.clearance import (
    Action,
    Claim,
    Counting,
    Decision,
    Face,
    FaceDecision,
    FaceState,
    Person,
    Photo,
    PhotoState,
    Verdict,
    decide,
)
from tests.unit.core.crowd import (
    GOOD,
    NOW,
    PEOPLE,
    POINTS,
    POLICY,
    YES,
    confirmed,
    decided,
    faces,
    rejected,
    suggested,
    told,
    with_margin,
)

# Photos ---------------------------------------------------------------------------------------------------------------


def test_nobody_in_a_photo_is_clear() -> None:
    assert decided(Photo(())) == Decision(Verdict.CLEAR, (), ())


def test_nobody_found_and_yet_somebody_there() -> None:
    assert decided(Photo((), signs_of_people=True)) == Decision(Verdict.REVIEW, ("signs-of-people",), ())
    assert decided(Photo((), damaged=True)) == Decision(Verdict.REVIEW, ("damaged",), ())
    both = decided(Photo((), signs_of_people=True, damaged=True))
    assert both == Decision(Verdict.REVIEW, ("damaged", "signs-of-people"), ())


def test_what_is_odd_about_a_photo_has_an_action_each() -> None:
    policy = replace(POLICY, actions={**POLICY.actions, PhotoState.DAMAGED: Action.BLOCK})
    assert decided(Photo((), damaged=True), policy).verdict == "blocked"
    assert decided(Photo((), signs_of_people=True), policy).verdict == "review"
    both = decided(Photo((), signs_of_people=True, damaged=True), policy)
    assert (both.verdict, both.reasons) == ("blocked", ("damaged", "signs-of-people"))


def test_reasons_come_gravest_first_then_by_name_and_once() -> None:
    decision = decided(
        Photo(faces((confirmed("ada"),), (confirmed("dan"),), (), (), (confirmed("zoe"),), (suggested("bea", 0.6),)))
    )
    assert decision.verdict is Verdict.BLOCKED
    assert decision.reasons == ("must-not-appear", "unconfirmed", "consent-missing", "unknown", "consented")
    assert decision.faces == (
        FaceDecision("f0", FaceState.CONSENTED, "ada", Action.PUBLISH),
        FaceDecision("f1", FaceState.CONSENT_MISSING, "dan", Action.REDACT),
        FaceDecision("f2", FaceState.UNKNOWN, None, Action.REDACT),
        FaceDecision("f3", FaceState.UNKNOWN, None, Action.REDACT),
        FaceDecision("f4", FaceState.MUST_NOT_APPEAR, "zoe", Action.BLOCK),
        FaceDecision("f5", FaceState.UNCONFIRMED, "bea", Action.ASK),
    )
    assert {type(reason) for reason in decision.reasons} == {FaceState}


@pytest.mark.parametrize("first", Action)
@pytest.mark.parametrize("second", Action)
def test_the_gravest_action_counts(first: Action, second: Action) -> None:
    order = ["publish", "redact", "ask", "block"]
    verdicts = ["clear", "redact", "review", "blocked"]
    policy = replace(POLICY, actions={**POLICY.actions, FaceState.CONSENTED: first, FaceState.CONSENT_MISSING: second})
    decision = decided(Photo(faces((confirmed("ada"),), (confirmed("dan"),))), policy)
    gravest = max(order.index(first), order.index(second))
    assert decision.verdict == verdicts[gravest]
    assert [face.action for face in decision.faces] == [first, second]
    expected = ["consented", "consent-missing"] if order.index(first) > order.index(second) else None
    expected = expected or (["consent-missing", "consented"])
    assert list(decision.reasons) == expected


def test_the_channel_and_the_moment_are_those_asked_for() -> None:
    photo = Photo(faces((confirmed("ada"),)))
    assert decided(photo).verdict == "clear"
    assert decided(photo, channel="press").faces[0].state == "not-for-this-channel"
    for moment, state in ((NOW - timedelta(days=2), "consent-missing"), (NOW + timedelta(days=1), "consent-expired")):
        assert decide(photo, PEOPLE, POLICY, POINTS, "website", moment).faces[0].state == state


def test_only_a_yes_to_publication_counts() -> None:
    for purpose in ("find-my-photos", "internal-tagging", "case-search"):
        people = {"ada": Person((replace(YES, purpose=purpose),))}
        decision = decide(Photo(faces((confirmed("ada"),))), people, POLICY, POINTS, "website", NOW)
        assert decision.faces == (FaceDecision("f0", FaceState.CONSENT_MISSING, "ada", Action.REDACT),)


# 1: a person said who it is -------------------------------------------------------------------------------------------


def test_a_name_stands_whatever_the_quality_and_the_score() -> None:
    assert told((confirmed("ada", -1.0),), quality=0.0) == [("consented", "ada")]
    never = replace(POLICY, counting=Counting.NEVER)
    assert told((confirmed("ada"), suggested("bea", 1.0)), policy=never) == [("consented", "ada")]
    assert told((confirmed("dan"), suggested("ada", 1.0))) == [("consent-missing", "dan")]


def test_a_name_stands_against_a_suggestion_of_who_must_not_appear() -> None:
    assert told((suggested("zoe", 0.99), confirmed("ada"))) == [("consented", "ada")]
    assert told((rejected("zoe"), confirmed("ada"))) == [("consented", "ada")]


def test_a_name_of_who_must_not_appear() -> None:
    assert told((confirmed("zoe"),), quality=0.0) == [("must-not-appear", "zoe")]


@pytest.mark.parametrize(
    "claims",
    [
        (confirmed("bea"), confirmed("ada")),
        (confirmed("ada"), confirmed("bea"), confirmed("cy")),
        (confirmed("ada"), rejected("ada")),
        (rejected("ada"), confirmed("ada")),
        (confirmed("ada"), confirmed("bea"), rejected("bea")),
    ],
)
def test_people_who_contradict_each_other(claims: tuple[Claim, ...]) -> None:
    assert told(claims) == [("unconfirmed", "ada")]


@pytest.mark.parametrize(
    "claims", [(confirmed("ada"), confirmed("zoe")), (confirmed("zoe"), rejected("zoe")), (confirmed("zoe"),)]
)
def test_one_word_is_enough_for_who_must_not_appear(claims: tuple[Claim, ...]) -> None:
    assert told(claims) == [("must-not-appear", "zoe")]
    others = {name: replace(person, must_not_appear=True) for name, person in PEOPLE.items()}
    both = decide(Photo(faces((confirmed("cy"), confirmed("ada")))), others, POLICY, POINTS, "website", NOW)
    assert both.faces[0].subject == "ada"


def test_ruling_out_somebody_else_changes_nothing() -> None:
    assert told((confirmed("ada"), rejected("bea"))) == [("consented", "ada")]
    for score in (0.95, 0.85, 0.3):
        assert told((suggested("ada", 0.9), rejected("bea", score))) == [("consented", "ada")]


# 2: who must not appear -----------------------------------------------------------------------------------------------


def test_the_weakest_suggestion_of_who_must_not_appear_counts() -> None:
    assert told((suggested("zoe", -0.2),)) == [("must-not-appear", "zoe")]
    assert told((suggested("zoe", 0.1),), quality=0.0) == [("must-not-appear", "zoe")]
    never = replace(POLICY, counting=Counting.NEVER)
    assert told((suggested("zoe", 0.9),), policy=never) == [("must-not-appear", "zoe")]


@pytest.mark.parametrize(
    ("second", "state", "subject"),
    [(0.875, "must-not-appear", "zoe"), (0.8125, "must-not-appear", "zoe"), (0.75, "consented", "ada")],
)
def test_a_lookalike_who_must_not_appear_counts_up_to_the_margin(second: float, state: str, subject: str) -> None:
    policy = with_margin(0.125)
    assert told((suggested("ada", 0.9375, "zoe", second),), policy=policy) == [(state, subject)]
    assert told((suggested("ada", 0.9375), suggested("zoe", second)), policy=policy) == [(state, subject)]
    assert told((suggested("ada", 0.9375, "zoe", second),), quality=0.0, policy=policy)[0][0] in {
        "must-not-appear",
        "too-poor-to-tell",
    }


def test_who_was_ruled_out_is_no_suspect() -> None:
    assert told((suggested("ada", 0.9, "zoe", 0.89), rejected("zoe"))) == [("consented", "ada")]
    assert told((rejected("zoe"),)) == [("unknown", None)]
    assert told((suggested("zoe", 0.9), rejected("zoe"))) == [("unknown", None)]


def test_the_best_guess_is_told_before_a_lookalike() -> None:
    people = {**PEOPLE, "ada": Person((), must_not_appear=True)}
    photo = Photo(faces((suggested("zoe", 0.9, "ada", 0.89),)))
    assert decide(photo, people, POLICY, POINTS, "website", NOW).faces[0].subject == "zoe"
    photo = Photo(faces((suggested("bea", 0.9, "zoe", 0.89), suggested("ada", 0.88))))
    assert decide(photo, people, POLICY, POINTS, "website", NOW).faces[0].subject == "ada"


# 3 and 4: quality, and nobody -----------------------------------------------------------------------------------------


def test_quality_counts_from_the_policys_number_on() -> None:
    assert told((suggested("ada", 0.9),), quality=20.0) == [("consented", "ada")]
    assert told((suggested("ada", 0.9),), quality=20.001) == [("consented", "ada")]
    assert told((suggested("ada", 0.9),), quality=19.999) == [("too-poor-to-tell", None)]
    assert told((), quality=19.999) == [("too-poor-to-tell", None)]
    assert told((), quality=20.0) == [("unknown", None)]


def test_a_match_counts_from_its_score_on() -> None:
    policy = replace(POLICY, counting=Counting.MATCH)
    assert told((suggested("ada", 0.5),), policy=policy) == [("consented", "ada")]
    assert told((suggested("ada", 0.4999),), policy=policy) == [("unknown", None)]
    assert told((rejected("ada", 0.9),), policy=policy) == [("unknown", None)]
    assert told((suggested("ada", 0.9), rejected("ada", 0.9)), policy=policy) == [("unknown", None)]


def test_a_word_that_nobody_knows_is_no_suggestion() -> None:
    assert told((Claim("ada", 0.9, "guessed"),)) == [("unknown", None)]
    assert told((Claim("ada", 0.9, "a"),)) == [("unknown", None)]
    assert told((Claim("ada", 0.9, "z"),)) == [("unknown", None)]


def test_the_best_suggestion_is_the_guess() -> None:
    assert told((suggested("cy", 0.6), suggested("ada", 0.9), suggested("bea", 0.7))) == [("consented", "ada")]
    assert told((suggested("ada", 0.9), rejected("ada"), suggested("bea", 0.85))) == [("consented", "bea")]


# The nouns ------------------------------------------------------------------------------------------------------------


NOUNS = [
    suggested("ada", 0.9),
    Face("f", GOOD),
    Photo(()),
    Person(()),
    POLICY,
    POINTS,
    FaceDecision("f", FaceState.UNKNOWN, None, Action.REDACT),
    Decision(Verdict.CLEAR, (), ()),
]


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: type(noun).__name__)
def test_facts_and_decisions_cannot_be_changed(noun: object) -> None:
    assert dataclasses.is_dataclass(noun)
    for field in dataclasses.fields(noun):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(noun, field.name, getattr(noun, field.name))
    assert not hasattr(noun, "__dict__")


def test_what_is_not_said_is_not_so() -> None:
    assert Face("f", GOOD) == Face("f", GOOD, ())
    assert Photo(()) == Photo((), signs_of_people=False, damaged=False)
    assert Person(()) == Person((), must_not_appear=False)
    assert Claim("ada", 0.9, "suggested") == Claim("ada", 0.9, "suggested", None, -1.0)
