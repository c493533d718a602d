"""P3. Unknown is not clear: default-deny per face, per channel, per day.

The state table: face state x policy x photo x channel x date. What to expect stands here as a table written by hand,
one letter per date; it shares no line with the rules. Then the same promise for whatever facts come to mind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from countenance.core.clearance import (
    Action,
    Claim,
    Counting,
    Decision,
    Face,
    FaceState,
    OperatingPoints,
    Person,
    Photo,
    PhotoState,
    Policy,
    Verdict,
    decide,
)
from countenance.core.consent import Consent

TICK, DAY = timedelta(microseconds=1), timedelta(days=1)
BEGINS = datetime(2026, 3, 1, tzinfo=UTC)
ENDS = datetime(2027, 3, 1, tzinfo=UTC)
INSIDE = datetime(2026, 9, 1, tzinfo=UTC)

CHANNELS = {"covered": "website", "custom": "club-screen", "other": "press"}
DATES = {
    "before": BEGINS - TICK,
    "first moment": BEGINS,
    "inside": INSIDE,
    "last moment": ENDS - TICK,
    "end": ENDS,
    "after": ENDS + 400 * DAY,
    "after withdrawal": INSIDE,
    "in the future": INSIDE,
}
LETTERS = {
    "C": FaceState.CONSENTED,
    "M": FaceState.CONSENT_MISSING,
    "E": FaceState.CONSENT_EXPIRED,
    "N": FaceState.NOT_FOR_THIS_CHANNEL,
    "W": FaceState.WITHDRAWN,
    "X": FaceState.MUST_NOT_APPEAR,
    "S": FaceState.UNCONFIRMED,
    "U": FaceState.UNKNOWN,
    "P": FaceState.TOO_POOR_TO_TELL,
}
# For each face (named by its state inside its dates on the covered channel) and channel: a letter per date, in the
# order of DATES: before, first, inside, last, end, after, withdrawn the moment before, begins the moment after.
TABLE = {
    FaceState.CONSENTED: {"covered": "MCCCEEWM", "custom": "MCCCEEWM", "other": "MNNNEEWM"},
    FaceState.CONSENT_MISSING: {"covered": "MMMMMMMM", "custom": "MMMMMMMM", "other": "MMMMMMMM"},
    FaceState.CONSENT_EXPIRED: {"covered": "EEEEEEWM", "custom": "EEEEEEWM", "other": "EEEEEEWM"},
    FaceState.NOT_FOR_THIS_CHANNEL: {"covered": "MNNNEEWM", "custom": "MNNNEEWM", "other": "MNNNEEWM"},
    FaceState.WITHDRAWN: {"covered": "MWWWWWWM", "custom": "MWWWWWWM", "other": "MWWWWWWM"},
    FaceState.MUST_NOT_APPEAR: {"covered": "XXXXXXXX", "custom": "XXXXXXXX", "other": "XXXXXXXX"},
    FaceState.UNCONFIRMED: {"covered": "SSSSSSSS", "custom": "SSSSSSSS", "other": "SSSSSSSS"},
    FaceState.UNKNOWN: {"covered": "UUUUUUUU", "custom": "UUUUUUUU", "other": "UUUUUUUU"},
    FaceState.TOO_POOR_TO_TELL: {"covered": "PPPPPPPP", "custom": "PPPPPPPP", "other": "PPPPPPPP"},
}

ACTIONS: dict[FaceState | PhotoState, Action] = {
    FaceState.CONSENTED: Action.PUBLISH,
    FaceState.CONSENT_MISSING: Action.REDACT,
    FaceState.CONSENT_EXPIRED: Action.REDACT,
    FaceState.NOT_FOR_THIS_CHANNEL: Action.REDACT,
    FaceState.WITHDRAWN: Action.REDACT,
    FaceState.MUST_NOT_APPEAR: Action.BLOCK,
    FaceState.UNCONFIRMED: Action.ASK,
    FaceState.UNKNOWN: Action.REDACT,
    FaceState.TOO_POOR_TO_TELL: Action.REDACT,
    PhotoState.SIGNS_OF_PEOPLE: Action.ASK,
    PhotoState.DAMAGED: Action.ASK,
}
POLICY = Policy(ACTIONS, Counting.CERTAIN, usable_quality=20.0, lookalike_margin=0.02)
POINTS = OperatingPoints(match=0.5, certain=0.8, calibrated=True)
UNMEASURED = replace(POINTS, calibrated=False)
MILDEST_FIRST = ["publish", "redact", "ask", "block"]
BECOMES = {"publish": "clear", "redact": "redact", "ask": "review", "block": "blocked"}

SCORES = {FaceState.MUST_NOT_APPEAR: 0.3, FaceState.UNCONFIRMED: 0.7999, FaceState.UNKNOWN: 0.4999}
PHOTOS = ["alone", *(f"beside {state}" for state in FaceState), "damaged", "signs of people"]


def policies() -> Iterator[tuple[FaceState, Policy]]:
    """A policy for every state and every action that state may have; the other states are as shipped."""
    for state, action in product(FaceState, Action):
        if action != "publish" or state == "consented":
            yield state, replace(POLICY, actions={**ACTIONS, state: action})


def facts(kind: FaceState, subject: str, date: str) -> tuple[Face, Person]:
    """A face that is ``kind`` inside its dates on the covered channel, and the person whom it may be."""
    purpose = "find-my-photos" if kind == "consent-missing" else "publication"
    channels = ("intranet",) if kind == "not-for-this-channel" else ("website", "club-screen")
    consent = Consent(subject, purpose, channels, BEGINS, ENDS, "ab" * 32)
    if kind == "consent-expired":
        consent = replace(consent, from_at=BEGINS - 400 * DAY, until_at=BEGINS - 100 * DAY)
    if kind == "withdrawn":
        consent = replace(consent, withdrawn_at=BEGINS)
    if date == "after withdrawal":
        consent = replace(consent, withdrawn_at=INSIDE)
    if date == "in the future":
        consent = replace(consent, from_at=INSIDE + TICK, until_at=ENDS + 400 * DAY)
    face = Face(f"face of {subject}", 19.9 if kind == "too-poor-to-tell" else 20.0, ())
    face = replace(face, claims=(Claim(subject, SCORES.get(kind, 0.8), "suggested"),))
    return face, Person((consent,), must_not_appear=kind == "must-not-appear")


def expected(states: list[FaceState], odd: list[PhotoState], policy: Policy) -> tuple[str, set[str]]:
    """Verdict and reasons, by the words of the design alone."""
    found: list[FaceState | PhotoState] = [*states, *odd]
    actions = [str(policy.actions[state]) for state in found]
    return BECOMES[max(actions, key=MILDEST_FIRST.index)], {str(state) for state in found}


def test_every_cell_of_the_state_table() -> None:
    tested: Counter[tuple[str, ...]] = Counter()
    verdicts: Counter[str] = Counter()
    wrong = []
    for (kind, policy), photo, channel, (column, date) in product(policies(), PHOTOS, CHANNELS, enumerate(DATES)):
        kinds = [kind] + [other for other in FaceState if photo == f"beside {other}"]
        made = [facts(each, f"person {number}", date) for number, each in enumerate(kinds)]
        people = {f"person {number}": person for number, (_, person) in enumerate(made)}
        shown = Photo(tuple(face for face, _ in made), photo == "signs of people", photo == "damaged")
        decision = decide(shown, people, policy, POINTS, CHANNELS[channel], DATES[date])

        states = [LETTERS[TABLE[each][channel][column]] for each in kinds]
        odd = [state for state in PhotoState if photo == state.replace("-", " ")]
        verdict, reasons = expected(states, odd, policy)
        faces = [(state, policy.actions[state]) for state in states]
        got = (decision.verdict, set(decision.reasons), [(face.state, face.action) for face in decision.faces])
        cell = (kind, policy.actions[kind], photo, channel, date)
        if got != (verdict, reasons, faces):
            wrong.append((cell, got, (verdict, reasons, faces)))
        tested[cell] += 1
        verdicts[decision.verdict] += 1
    assert wrong == []
    n_policies, n_photos, n_channels, n_dates = 9 * 3 + 1, 1 + 9 + 2, 3, 8
    assert len(tested) == n_policies * n_photos * n_channels * n_dates == 8064
    assert set(tested.values()) == {1}
    assert set(verdicts) == {"clear", "redact", "review", "blocked"}


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(FaceState) == set(LETTERS.values())
    assert {(tuple(rows), *map(len, rows.values())) for rows in TABLE.values()} == {(tuple(CHANNELS), 8, 8, 8)}
    inside = list(DATES).index("inside")
    assert {state: LETTERS[rows["covered"][inside]] for state, rows in TABLE.items()} == {s: s for s in FaceState}


# Whatever the facts ---------------------------------------------------------------------------------------------------

SUBJECTS = ("ada", "bea", "cy")
moments = st.sampled_from([INSIDE, INSIDE, BEGINS - TICK, BEGINS, INSIDE + TICK, ENDS - TICK, ENDS])
numbers = st.sampled_from([-1.0, 0.3, 0.49, 0.5, 0.51, 0.6, 0.79, 0.8, 0.81, 0.9, 1.0])
scores = st.one_of(numbers, numbers, numbers, st.just(float("nan")))
YES = Consent("whoever", "publication", ("website",), BEGINS, ENDS, "ab" * 32)
EVERY_CONSENT = [
    replace(YES, purpose=purpose, channels=channels, from_at=from_at, until_at=until_at, withdrawn_at=withdrawn_at)
    for purpose in ("publication", "find-my-photos")
    for channels in (("website",), ("press",), ("press", "website"))
    for from_at, until_at in ((BEGINS, ENDS), (BEGINS, INSIDE), (INSIDE + TICK, ENDS))
    for withdrawn_at in (None, INSIDE, INSIDE + TICK)
]
consents = st.lists(st.sampled_from(EVERY_CONSENT), max_size=2).map(tuple)
anybody = st.builds(Person, consents, st.sampled_from([False, False, False, True]))
persons = st.one_of(st.just(Person((YES,))), anybody)  # people in whose way nothing stands are rare otherwise
crowds = st.fixed_dictionaries(dict.fromkeys(SUBJECTS, persons))
hidden_only = [Action.REDACT, Action.ASK, Action.BLOCK]


@st.composite
def photos(draw: st.DrawFn, score: st.SearchStrategy[float] = scores) -> Photo:
    claims = st.builds(
        Claim,
        st.sampled_from(SUBJECTS),
        score,
        st.sampled_from(["suggested", "suggested", "confirmed", "rejected"]),
        st.sampled_from([None, None, *SUBJECTS]),
        score,
    )
    plain = st.builds(Claim, st.sampled_from(SUBJECTS), st.just(0.9), st.sampled_from(["suggested", "confirmed"]))
    several = st.lists(claims, max_size=3, unique_by=lambda claim: claim.subject)
    said = st.one_of(st.tuples(plain), several.map(tuple))
    quality = st.sampled_from([90.0, 90.0, 20.0, 20.0, 19.9, float("nan")])
    made = draw(st.lists(st.builds(Face, st.just(""), quality, said), min_size=1, max_size=3))
    faces = tuple(replace(face, id=f"face {number}") for number, face in enumerate(made))
    rarely = st.sampled_from([False] * 9 + [True])
    return Photo(faces, draw(rarely), draw(rarely))


@st.composite
def any_policy(draw: st.DrawFn) -> Policy:
    actions: dict[FaceState | PhotoState, Action] = dict.fromkeys(FaceState, draw(st.sampled_from(hidden_only)))
    actions |= dict.fromkeys(PhotoState, draw(st.sampled_from([Action.ASK, Action.BLOCK])))
    actions[FaceState.CONSENTED] = draw(st.sampled_from([Action.PUBLISH, Action.PUBLISH, *hidden_only]))
    return Policy(actions, draw(st.sampled_from(Counting)), 20.0, draw(st.sampled_from([0.0, 0.02, 0.3])))


def may_be_shown(person: Person, moment: datetime) -> bool:
    """By the design's words: a yes to publication for the website that holds at that moment, and no reason to hide."""
    return not person.must_not_appear and any(
        yes.purpose == "publication"
        and "website" in yes.channels
        and yes.from_at <= moment < yes.until_at
        and not (yes.withdrawn_at and yes.withdrawn_at <= moment)
        for yes in person.consents
    )


def surely(face: Face, policy: Policy) -> set[str]:
    """Whom a face is by a person's word, or else by a machine that the policy believes."""
    words = {said: {claim.subject for claim in face.claims if claim.said == said} for said in ("confirmed", "rejected")}
    if words["confirmed"]:
        return words["confirmed"] - words["rejected"] if len(words["confirmed"]) == 1 else set()
    enough = {"certain": 0.8, "match": 0.5, "never": 2.0}[policy.counting]
    return {
        claim.subject
        for claim in face.claims
        if claim.said == "suggested" and claim.subject not in words["rejected"] and claim.score >= enough
        if face.quality >= 20.0
    }


Case = tuple[Photo, dict[str, Person], Policy, datetime]
cases = st.tuples(photos(), crowds, any_policy(), moments)


def decided(case: Case) -> Decision:
    photo, people, policy, moment = case
    return decide(photo, people, policy, POINTS, "website", moment)


def check_shown(case: Case, decision: Decision) -> None:
    photo, people, policy, moment = case
    assert [face.face for face in decision.faces] == [face.id for face in photo.faces]
    shown = [face for face in decision.faces if face.action == "publish"]
    by_id = {face.id: face for face in photo.faces}
    for face in shown:
        assert face.state == "consented"
        assert face.subject in surely(by_id[face.face], policy)
        assert may_be_shown(people[str(face.subject)], moment)
    odd = photo.damaged or photo.signs_of_people
    assert (decision.verdict == "clear") == (len(shown) == len(photo.faces) and not odd)
    said = [{claim.subject for claim in face.claims if claim.said == "confirmed"} for face in photo.faces]
    subjects = [face.subject for face, words in zip(decision.faces, said, strict=True) if face in shown and not words]
    assert len(subjects) == len(set(subjects)), "one person is shown twice, and no person said so"
    assert not set(subjects) & set().union(*said), "one person is shown twice, once against a person's word"


def test_a_face_is_shown_only_of_a_person_who_is_sure_and_said_yes() -> None:
    verdicts: set[Verdict] = set()

    @settings(max_examples=300)
    @given(cases)
    def whatever_the_facts(case: Case) -> None:
        decision = decided(case)
        check_shown(case, decision)
        verdicts.add(decision.verdict)

    whatever_the_facts()
    assert verdicts == set(Verdict)  # there is a face in every photo, and the facts reach everything


@given(cases, st.data())
def test_what_is_clear_stays_clear_without_some_of_its_faces(case: Case, data: st.DataObject) -> None:
    photo, people, policy, moment = case
    fewer = tuple(face for face in photo.faces if data.draw(st.booleans()))
    before, after = decided(case), decided((replace(photo, faces=fewer), people, policy, moment))
    assert (before.verdict, after.verdict) == ("clear", "clear") or before.verdict != "clear"


@given(cases, st.sampled_from(SUBJECTS))
def test_after_a_withdrawal_nobody_is_shown_who_was_not(case: Case, subject: str) -> None:
    photo, people, policy, moment = case
    gone = [replace(yes, withdrawn_at=min(yes.withdrawn_at or moment, moment)) for yes in people[subject].consents]
    withdrawn = people | {subject: replace(people[subject], consents=tuple(gone))}
    before, after = decided(case), decided((photo, withdrawn, policy, moment))
    for old, new in zip(before.faces, after.faces, strict=True):
        assert new.subject == old.subject
        assert new.action != "publish" or (old.action == "publish" and new.subject != subject)
        assert new.state == old.state or old.subject == subject


@given(st.tuples(photos(numbers), crowds, any_policy(), moments))
def test_the_order_of_faces_and_claims_says_nothing(case: Case) -> None:
    photo, people, policy, moment = case
    turned = tuple(replace(face, claims=face.claims[::-1]) for face in photo.faces[::-1])
    one, other = decided(case), decided((replace(photo, faces=turned), people, policy, moment))
    assert (one.verdict, one.reasons, one.faces) == (other.verdict, other.reasons, other.faces[::-1])


# Before anybody measured how often the machine is wrong ---------------------------------------------------------------


def unmeasured(case: Case) -> Decision:
    photo, people, policy, moment = case
    return decide(photo, people, policy, UNMEASURED, "website", moment)


@given(cases)
def test_without_a_calibration_nobody_is_shown_whom_no_person_named(case: Case) -> None:
    decision = unmeasured(case)
    check_shown(case, decision)
    named = {face.id for face in case[0].faces if any(claim.said == "confirmed" for claim in face.claims)}
    assert {face.face for face in decision.faces if face.action == "publish"} <= named


@given(cases)
def test_a_calibration_is_needed_to_show_and_never_to_hide(case: Case) -> None:
    before, after = decided(case).faces, unmeasured(case).faces
    for face, believed, doubted in zip(case[0].faces, before, after, strict=True):
        named = any(claim.said == "confirmed" for claim in face.claims)
        if believed.state == "consented" and not named:
            assert (doubted.state, doubted.subject) == ("unconfirmed", believed.subject)
        else:
            assert doubted == believed
