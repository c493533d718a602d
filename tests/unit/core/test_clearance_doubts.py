"""The clearance rules for faces that may be somebody: checks 5 to 7, and what is no number."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations

import pytest

from countenance.core.clearance import (
    Claim,
    Counting,
    Face,
    OperatingPoints,
    Photo,
    decide,
)
from tests.unit.core.crowd import (
    GOOD,
    NOW,
    PEOPLE,
    POLICY,
    confirmed,
    decided,
    faces,
    rejected,
    suggested,
    told,
    with_margin,
)

# 5: too close to call -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("margin", "second", "state"),
    [
        (0.125, 0.875, "unconfirmed"),
        (0.125, 0.8125, "unconfirmed"),
        (0.125, 0.8124, "consented"),
        (0.125, 0.3125, "consented"),
        (0.0, 0.9375, "unconfirmed"),
        (0.0, 0.9374, "consented"),
        (0.0, 0.95, "unconfirmed"),
        (2.0, -1.0, "unconfirmed"),
    ],
)
def test_two_people_for_one_face(margin: float, second: float, state: str) -> None:
    policy = with_margin(margin)
    assert told((suggested("ada", 0.9375, "bea", second),), policy=policy) == [(state, "ada")]
    if second < 0.9375:
        assert told((suggested("ada", 0.9375), suggested("bea", second)), policy=policy) == [(state, "ada")]
        assert told((suggested("bea", second), suggested("ada", 0.9375)), policy=policy) == [(state, "ada")]


def test_a_tie_is_nobodys_whatever_the_margin() -> None:
    for margin in (0.0, 0.125):
        tie = (suggested("ada", 0.9), suggested("bea", 0.9))
        assert told(tie, policy=with_margin(margin)) == [("unconfirmed", "bea")]
        assert told(tie[::-1], policy=with_margin(margin)) == [("unconfirmed", "bea")]


def test_a_rival_is_somebody_else_and_has_a_score() -> None:
    assert told((suggested("ada", 0.9, "ada", 0.9),)) == [("consented", "ada")]
    assert told((suggested("ada", 0.9, None, 0.9),)) == [("consented", "ada")]
    assert told((suggested("ada", 0.9, "bea", 0.89), rejected("bea"))) == [("consented", "ada")]
    unknown_score = Claim("ada", 0.9, "suggested", "bea")
    assert told((unknown_score,), policy=with_margin(1.8)) == [("consented", "ada")]
    assert told((unknown_score,), policy=with_margin(1.95)) == [("unconfirmed", "ada")]


def test_lookalikes_count_only_above_the_match() -> None:
    assert told((suggested("ada", 0.49, "bea", 0.48),)) == [("unknown", None)]


@pytest.mark.parametrize(
    ("margin", "second", "states"),
    [
        (0.125, 0.9375, ("unconfirmed", "unconfirmed")),
        (0.125, 0.875, ("unconfirmed", "unconfirmed")),
        (0.125, 0.8125, ("unconfirmed", "unconfirmed")),
        (0.125, 0.8124, ("consented", "unknown")),
        (0.125, 0.3, ("consented", "unknown")),
        (0.0, 0.9375, ("unconfirmed", "unconfirmed")),
        (0.0, 0.9374, ("consented", "unknown")),
    ],
)
def test_two_faces_for_one_person(margin: float, second: float, states: tuple[str, str]) -> None:
    for order in (1, -1):
        claims = [(suggested("ada", 0.9375),), (suggested("ada", second),)][::order]
        assert [state for state, _ in told(*claims, policy=with_margin(margin))] == list(states)[::order]


# 6: nobody is in a photo twice ----------------------------------------------------------------------------------------


def test_a_face_behind_a_named_one_is_not_that_person() -> None:
    for order in (1, -1):
        claims = [(confirmed("ada"),), (suggested("ada", 0.99),)][::order]
        assert told(*claims) == [("consented", "ada"), ("unknown", None)][::order]


def test_a_face_named_as_somebody_else_is_no_competitor() -> None:
    assert told((suggested("ada", 0.9), confirmed("bea")), (suggested("ada", 0.85),)) == [
        ("consented", "bea"),
        ("consented", "ada"),
    ]


def test_a_face_ruled_out_is_no_competitor() -> None:
    assert told((suggested("ada", 0.9), rejected("ada")), (suggested("ada", 0.85),)) == [
        ("unknown", None),
        ("consented", "ada"),
    ]


def test_a_face_of_somebody_else_is_no_competitor() -> None:
    assert told((suggested("bea", 0.95),), (suggested("ada", 0.85),), ()) == [
        ("consented", "bea"),
        ("consented", "ada"),
        ("unknown", None),
    ]


def test_every_other_face_is_looked_at() -> None:
    states = [("consented", "ada"), ("unknown", None), ("unknown", None)]
    best, second, third = (suggested("ada", 1.0),), (suggested("ada", 0.85),), (suggested("ada", 0.7),)
    for turn in permutations(range(3)):
        claims = [best, second, third]
        assert told(*[claims[n] for n in turn]) == [states[n] for n in turn]
    # Behind a name, wherever that face stands.
    for turn in permutations(range(3)):
        named: list[tuple[Claim, ...]] = [(confirmed("ada"),), second, ()]
        assert told(*[named[n] for n in turn]) == [states[n] for n in turn]


def test_too_close_to_call_comes_before_twice_in_a_photo() -> None:
    assert told((confirmed("ada"),), (suggested("ada", 0.9, "bea", 0.89),))[1] == ("unconfirmed", "ada")
    assert told((suggested("ada", 0.99),), (suggested("ada", 0.7, "bea", 0.69),))[1] == ("unconfirmed", "ada")


def test_a_poor_face_competes_too() -> None:
    sharp, poor = Face("a", GOOD, (suggested("ada", 0.85),)), Face("b", 5.0, (suggested("ada", 0.84),))
    states = [face.state for face in decided(Photo((sharp, poor))).faces]
    assert states == ["unconfirmed", "too-poor-to-tell"]


def test_two_names_for_one_person_both_stand() -> None:
    assert told((confirmed("ada"),), (confirmed("ada"),)) == [("consented", "ada"), ("consented", "ada")]


@pytest.mark.parametrize(
    ("rival", "score", "state"),
    [
        ("zoe", 0.88, ("must-not-appear", "zoe")),
        ("zoe", 0.5, ("must-not-appear", "zoe")),
        ("zoe", 0.4999, ("unknown", None)),
        ("bea", 0.88, ("unknown", None)),
        (None, 0.88, ("unknown", None)),
    ],
)
def test_whoever_came_second_to_a_rejected_guess_may_have_to_stay_hidden(
    rival: str | None, score: float, state: tuple[str, str | None]
) -> None:
    said = replace(rejected("ada"), rival=rival, rival_score=score)
    assert told((said,)) == [state]
    assert told((said, suggested("bea", 0.9))) == [state if state[0] == "must-not-appear" else ("consented", "bea")]
    assert told((said, rejected("zoe"))) == [("unknown", None)]


# 7: what counts unseen ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counting", "score", "state"),
    [
        ("certain", 0.81, "consented"),
        ("certain", 0.8, "consented"),
        ("certain", 0.7999, "unconfirmed"),
        ("certain", 0.5, "unconfirmed"),
        ("match", 0.8, "consented"),
        ("match", 0.5, "consented"),
        ("never", 1.0, "unconfirmed"),
    ],
)
def test_from_which_score_a_suggestion_counts(counting: str, score: float, state: str) -> None:
    policy = replace(POLICY, counting=Counting(counting))
    assert told((suggested("ada", score),), policy=policy) == [(state, "ada")]


def test_a_certain_score_below_the_match_does_not_count() -> None:
    points = OperatingPoints(match=0.5, certain=0.3, calibrated=True)
    decision = decide(Photo(faces((suggested("ada", 0.4),))), PEOPLE, POLICY, points, "website", NOW)
    assert decision.faces[0].state == "unknown"


# 9: what was not measured ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (suggested("ada", 1.0), "unconfirmed"),
        (confirmed("ada"), "consented"),
        (suggested("dan", 1.0), "consent-missing"),
        (suggested("zoe", 0.6), "must-not-appear"),
        (suggested("ada", 0.4), "unknown"),
    ],
)
@pytest.mark.parametrize("counting", ["match", "certain"])
def test_a_machine_that_nobody_measured_hides_and_does_not_show(said: Claim, state: str, counting: str) -> None:
    points = OperatingPoints(match=0.5, certain=0.8, calibrated=False)
    policy = replace(POLICY, counting=Counting(counting))
    decision = decide(Photo(faces((said,))), PEOPLE, policy, points, "website", NOW)
    assert decision.faces[0].state == state


# What is no number, and what the nouns are ----------------------------------------------------------------------------


@pytest.mark.parametrize("counting", Counting)
def test_what_is_no_number_is_never_clear(counting: Counting) -> None:
    policy = replace(POLICY, counting=counting)
    assert told((suggested("ada", math.nan),), policy=policy) == [("unknown", None)]
    assert told((suggested("ada", 0.9),), quality=math.nan, policy=policy) == [("too-poor-to-tell", None)]
    assert told((suggested("ada", 0.9, "bea", math.nan),), policy=policy) == [("unconfirmed", "ada")]
    assert told((suggested("ada", 0.9, "zoe", math.nan),), policy=policy) == [("must-not-appear", "zoe")]
    assert told((suggested("ada", 0.9),), policy=replace(policy, lookalike_margin=math.nan))[0][0] == "unconfirmed"
    for match, certain in ((math.nan, 0.8), (0.5, math.nan), (math.nan, math.nan)):
        points = OperatingPoints(match, certain, calibrated=True)
        decision = decide(Photo(faces((suggested("ada", 0.9),))), PEOPLE, policy, points, "website", NOW)
        if counting != "match" or math.isnan(points.match):
            assert decision.verdict in {"redact", "review"}
