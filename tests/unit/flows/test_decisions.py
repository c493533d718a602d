from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from countenance.core.clearance import Action, FaceState, PhotoState, Policy, Verdict
from countenance.core.policy import DEFAULT_POLICY, parse_policy
from countenance.flows.decisions import Decided, Judgement
from countenance.store import looks, photos
from tests.drawn import name_of
from tests.pretend import Guest, Party, photo

ANN, BOB, CY, STRANGER = 0, 1, 2, 9
POLICY = parse_policy(DEFAULT_POLICY)


def judge(party: Party, policy: Policy = POLICY, channel: str = "website", eye: str = "") -> Judgement:
    return Judgement(party.scope, policy, channel, eye or party.eye.id)


def look_at(party: Party, **pictures: bytes) -> list[str]:
    """Ids of photos that were looked at for clearing, by name."""
    party.put(**pictures)
    party.clear(dry_run=True)
    with party.archive._store.reading() as tx:
        rows = photos.page(tx, party.scope.collection.id, most=99)
        by_path = {photos.paths_of(tx, row.id)[0][0]: row.id for row in rows}
    return [by_path[bytes(party.photos / f"{name}.jpg")] for name in pictures]


def decide(party: Party, judgement: Judgement, *ids: str, days: float = 0, channel: str | None = None) -> list[Decided]:
    with party.archive._store.reading() as tx:
        return judgement.decide(tx, ids, party.clock.now + timedelta(days=days), channel)


def test_photos_are_decided_in_the_order_given(party: Party) -> None:
    ids = look_at(party, ann=photo(ANN), both=photo(ANN, STRANGER), signs=photo(signs=True))
    wanted = [ids[2], ids[0], ids[1], ids[0]]
    found = decide(party, judge(party), *wanted)
    assert [each.photo.id for each in found] == wanted
    assert [each.decision.verdict for each in found] == [Verdict.REVIEW, Verdict.CLEAR, Verdict.REDACT, Verdict.CLEAR]
    assert found[0].decision.reasons == (PhotoState.SIGNS_OF_PEOPLE,)


def test_what_is_hidden_and_what_is_shown(party: Party) -> None:
    ids = look_at(party, group=photo(STRANGER, ANN, CY), doubt=photo(STRANGER, Guest(ANN, 0.95)))
    group, doubt = decide(party, judge(party), *ids)
    ann = party.archive.subject(name_of(ANN)).id
    assert group.hidden == (0, 2)
    assert group.shown == {group.faces[1].id: ann}
    assert doubt.decision.verdict == Verdict.REVIEW
    assert (doubt.hidden, doubt.shown) == ((), {}), "what is not released hides and shows nobody"


def test_the_channel_and_the_day_count(party: Party) -> None:
    (photo_id,) = look_at(party, both=photo(ANN, CY))
    judgement = judge(party)

    def states(days: float = 0, channel: str | None = None) -> list[str]:
        (found,) = decide(party, judgement, photo_id, days=days, channel=channel)
        return [face.state for face in found.decision.faces]

    assert states() == [FaceState.CONSENTED, FaceState.NOT_FOR_THIS_CHANNEL]
    assert states(channel="print") == [FaceState.NOT_FOR_THIS_CHANNEL, FaceState.CONSENTED]
    assert states(days=31) == [FaceState.CONSENT_EXPIRED] * 2
    assert states(days=-1) == [FaceState.CONSENT_MISSING] * 2
    assert judgement.n_loads == 1


def test_people_are_never_older_than_the_question(party: Party) -> None:
    (photo_id,) = look_at(party, ann=photo(ANN))
    judgement = judge(party)

    def state() -> str:
        return decide(party, judgement, photo_id)[0].decision.faces[0].state

    assert state() == FaceState.CONSENTED
    party.archive.withdraw(name_of(ANN))
    assert state() == FaceState.WITHDRAWN
    party.grant(ANN)
    assert state() == FaceState.CONSENTED
    party.archive.must_not_appear(name_of(ANN), "a reason")
    assert state() == FaceState.MUST_NOT_APPEAR
    party.archive.must_not_appear(name_of(ANN), None)
    assert state() == FaceState.CONSENTED


def test_merged_people_are_one(party: Party) -> None:
    """What either of the two said counts for both, and so does that one of them must not appear."""
    (photo_id,) = look_at(party, ann=photo(ANN))
    judgement = judge(party)
    party.enrol(5)
    party.archive.merge(name_of(5), name_of(ANN), "Mr Smith")
    (found,) = decide(party, judgement, photo_id)
    kept = party.archive.subject(name_of(5)).id
    assert [(face.state, face.subject) for face in found.decision.faces] == [(FaceState.CONSENTED, kept)]
    party.archive.must_not_appear(name_of(5), "a reason")
    assert decide(party, judgement, photo_id)[0].decision.verdict == Verdict.BLOCKED


def test_the_fingerprint_differs_exactly_when_the_file_would(party: Party) -> None:
    one, two = look_at(party, one=photo(ANN, STRANGER), two=photo(ANN, BOB, mark="2"))

    def mark(judgement: Judgement, wanted: str = one, days: float = 0) -> str:
        return decide(party, judgement, wanted, days=days)[0].fingerprint

    usual = mark(judge(party))
    assert usual == mark(judge(party))
    assert usual != mark(judge(party), two)
    assert usual != mark(judge(party, channel="print"))
    assert usual != mark(judge(party, eye="better@2"))
    assert usual != mark(judge(party), days=31), "Ann is hidden as well"
    asking = replace(POLICY, actions={**POLICY.actions, FaceState.UNKNOWN: Action.ASK})
    assert usual != mark(judge(party, asking))
    other = replace(POLICY, actions={**POLICY.actions, FaceState.WITHDRAWN: Action.ASK}, usable_quality=10)
    assert usual == mark(judge(party, other)), "nobody in it is concerned"
    assert usual == mark(judge(party), days=3)

    clear = party.scope.settings.clear
    for change in ({"style": "pixelate"}, {"margin": 0.3}, {"jpeg_quality": 80}, {"keep": ()}, {"shape": "box"}):
        settings = replace(party.scope.settings, clear=replace(clear, **change))
        changed = Judgement(replace(party.scope, settings=settings), POLICY, "website", party.eye.id)
        assert mark(changed) != usual, change


def test_another_name_for_a_face_that_is_shown_anyway_changes_no_file(party: Party) -> None:
    (photo_id,) = look_at(party, ann=photo(ANN))
    judgement = judge(party)
    (before,) = decide(party, judgement, photo_id)
    party.archive.split(name_of(ANN), [before.faces[0].id], "Mr Smith", to=name_of(BOB))
    (after,) = decide(party, judgement, photo_id)
    assert after.shown != before.shown
    assert after.fingerprint == before.fingerprint


def test_signs_of_people_say_nothing_once_there_are_faces(party: Party) -> None:
    (photo_id,) = look_at(party, ann=photo(ANN))
    with party.archive._store.transaction() as tx:
        looks.note(tx, photo_id, party.eye.id, signs_of_people=True, at=party.clock.now)
    assert decide(party, judge(party), photo_id)[0].decision.verdict == Verdict.CLEAR
