"""The clearance policy: what it says when nothing is said, and every way in which it cannot be used."""

from __future__ import annotations

import tomllib

import pytest

from countenance.core.clearance import Action, Counting, FaceState, PhotoState
from countenance.core.policy import DEFAULT_POLICY, parse_policy
from countenance.errors import UsageError

STATES: list[FaceState | PhotoState] = [*FaceState, *PhotoState]
SHIPPED = {
    "consented": "publish",
    "consent-missing": "redact",
    "consent-expired": "redact",
    "not-for-this-channel": "redact",
    "withdrawn": "redact",
    "must-not-appear": "block",
    "unconfirmed": "ask",
    "unknown": "redact",
    "too-poor-to-tell": "redact",
    "signs-of-people": "ask",
    "damaged": "ask",
}


def test_the_shipped_policy() -> None:
    policy = parse_policy("")
    assert policy.actions == SHIPPED
    assert {type(state) for state in policy.actions} == {FaceState, PhotoState}
    assert {type(action) for action in policy.actions.values()} == {Action}
    assert (policy.counting, policy.usable_quality, policy.lookalike_margin) == (Counting.CERTAIN, 20.0, 0.02)
    assert type(policy.usable_quality) is float
    assert parse_policy(DEFAULT_POLICY) == policy


def test_the_shipped_text_says_something_of_every_state() -> None:
    assert set(tomllib.loads(DEFAULT_POLICY)["actions"]) == set(STATES)


@pytest.mark.parametrize("state", STATES)
def test_a_policy_changes_what_it_says_and_nothing_else(state: FaceState | PhotoState) -> None:
    policy = parse_policy(f'[actions]\n{state} = "block"')
    assert policy.actions == {**SHIPPED, state: "block"}
    assert (policy.counting, policy.usable_quality, policy.lookalike_margin) == (Counting.CERTAIN, 20.0, 0.02)


@pytest.mark.parametrize("word", ["certain", "match", "never"])
def test_which_suggestions_count(word: str) -> None:
    policy = parse_policy(f'[recognition]\nsuggestions = "{word}"')
    assert policy.counting is Counting(word)
    assert (policy.actions, policy.usable_quality, policy.lookalike_margin) == (SHIPPED, 20.0, 0.02)


@pytest.mark.parametrize(("name", "most"), [("usable_quality", 100), ("lookalike_margin", 0.05)])
def test_numbers_and_their_ends(name: str, most: float) -> None:
    for value in ("0", "0.025", str(most), f"{most:.3f}"):
        policy = parse_policy(f"[recognition]\n{name} = {value}")
        numbers = {"usable_quality": policy.usable_quality, "lookalike_margin": policy.lookalike_margin}
        assert numbers == {"usable_quality": 20.0, "lookalike_margin": 0.02, name: float(value)}
        assert type(numbers[name]) is float
    for value in ("-0.001", f"{most + 0.001:.3f}", "nan", "inf", "true", "false", '"1"', "[1]"):
        with pytest.raises(UsageError, match=f"{name} must be a number between 0 and {most}, not "):
            parse_policy(f"[recognition]\n{name} = {value}")


@pytest.mark.parametrize("state", [state for state in STATES if state != "consented"])
def test_only_who_said_yes_may_be_published(state: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_policy(f'[actions]\n{state} = "publish"')
    assert str(refused.value) == (
        f"The clearance policy cannot be used: {state} must not be published; choose redact, ask or block."
    )
    assert refused.value.advice == "Correct that line and run it again."


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ["redact", "ask", "block"])
def test_everything_else_is_the_organisations_choice(state: str, action: str) -> None:
    text = f'[actions]\n{state} = "{action}"'
    if action == "redact" and state in {"signs-of-people", "damaged"}:
        with pytest.raises(UsageError, match=f"{state} is about a whole photo; choose ask or block"):
            parse_policy(text)
    else:
        assert parse_policy(text).actions == {**SHIPPED, state: action}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[actions", "it is not TOML: "),
        ("[action]", "'action' is none of its tables (actions, recognition)"),
        ('actions = "block"', "'actions' is none of its tables (actions, recognition)"),
        ("[[recognition]]", "'recognition' is none of its tables (actions, recognition)"),
        ('[recognition]\n[other]\nunknown = "ask"', "'other' is none of its tables (actions, recognition)"),
        ('[actions]\nunkown = "ask"', "[actions] has no 'unkown'; it has consented, consent-missing, consent-expired"),
        ("[recognition]\nquality = 3", "[recognition] has no 'quality'; it has suggestions, usable_quality, lookalike"),
        ('[actions]\nsuggestions = "match"', "[actions] has no 'suggestions'"),
        ('[actions]\nunknown = "blur"', "unknown = 'blur' is none of publish, redact, ask, block"),
        ("[actions]\nconsented = 1", "consented = 1 is none of publish, redact, ask, block"),
        ('[actions]\nconsented = ["publish"]', "consented = ['publish'] is none of publish"),
        ('[recognition]\nsuggestions = "always"', "suggestions = 'always' is none of certain, match, never"),
        ("[recognition]\nsuggestions = 0.7", "suggestions = 0.7 is none of certain, match, never"),
        ('[recognition]\nsuggestions = "match"\nusable_quality = 101', "usable_quality must be"),
        ('[actions]\nconsented = "ask"\nunknown = "publish"', "unknown must not be published"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_policy(text)
    assert str(refused.value).startswith(f"The clearance policy cannot be used: {says}")
    assert str(refused.value).endswith(".")


def test_the_first_problem_is_the_one_that_is_told() -> None:
    with pytest.raises(UsageError, match=r"unknown = 'x' is none of [a-z, ]+\.$"):
        parse_policy('[actions]\nunknown = "x"\nwithdrawn = "y"\n[other]')
