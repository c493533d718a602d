from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countenance.core.permit import permit_compare, permit_show, permit_show_me
from countenance.errors import ConflictError, NotFoundError, PermitError, StoreError
from countenance.store import appearances, photos
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED, Appearance, Suggestion
from tests.unit.store.world import PACK, World


class Scene:
    """One collection, two people, one photo of three faces."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.collection = world.collection().id
        self.ann = world.subject(self.collection, "Ann").id
        self.bob = world.subject(self.collection, "Bob").id
        self.photo, self.faces = world.photo(self.collection, n_faces=3)

    def suggest(self, face: int, subject: str, score: float, *, pack: str = PACK) -> None:
        with self.world.store.transaction() as tx:
            guess = Suggestion(self.faces[face], subject, score)
            appearances.suggest(tx, [guess], made_by=f"pack {pack}", pack=pack, at=self.world.now)

    def decide(self, appearance: str, state: str) -> Appearance:
        with self.world.store.transaction() as tx:
            at = self.world.now + timedelta(hours=1)
            return appearances.decide(tx, appearance, state, actor="Mr Smith", at=at, note="by the shoes")

    def all(self) -> dict[tuple[int, str], Appearance]:
        with self.world.store.reading() as tx:
            found = appearances.of_photo(tx, self.photo)
        return {(self.faces.index(item.face), item.subject): item for item in found}


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def test_a_suggestion_says_who_made_it_and_where_it_is(scene: Scene) -> None:
    with scene.world.store.transaction() as tx:
        photos.add_path(tx, scene.photo, b"/second\xff.jpg", at=scene.world.now)
    scene.suggest(0, scene.ann, 0.75)
    (found,) = scene.all().values()
    assert (found.score, found.state, found.made_by, found.pack) == (0.75, SUGGESTED, f"pack {PACK}", PACK)
    assert (found.photo, found.path, found.member) == (scene.photo, b"/second\xff.jpg", b"")
    assert (found.width, found.height, len(found.sha256), len(found.box)) == (640, 480, 32, 4)
    assert found.made_at == scene.world.now


def test_suggesting_again_changes_the_score_and_not_the_id(scene: Scene) -> None:
    scene.suggest(0, scene.ann, 0.5)
    before = scene.all()[0, scene.ann]
    scene.suggest(0, scene.ann, 0.9, pack="newer")
    after = scene.all()[0, scene.ann]
    assert (after.id, after.score, after.pack, after.made_by) == (before.id, 0.9, "newer", "pack newer")


def test_a_rejected_pair_never_comes_back_through_suggest(scene: Scene) -> None:
    scene.suggest(0, scene.ann, 0.5)
    rejected = scene.decide(scene.all()[0, scene.ann].id, REJECTED)
    assert (rejected.state, rejected.made_by) == (REJECTED, "Mr Smith")
    for score in (0.4, 0.99):
        scene.suggest(0, scene.ann, score, pack="newer")
        assert scene.all() == {(0, scene.ann): rejected}
    scene.suggest(0, scene.bob, 0.6)
    assert scene.all()[0, scene.bob].state == SUGGESTED


def test_a_confirmed_face_is_nobody_elses(scene: Scene) -> None:
    scene.suggest(0, scene.ann, 0.5)
    scene.suggest(1, scene.ann, 0.5)
    scene.suggest(0, scene.bob, 0.6)
    scene.decide(scene.all()[0, scene.ann].id, CONFIRMED)
    with pytest.raises(ConflictError, match="somebody else"):
        scene.decide(scene.all()[0, scene.bob].id, CONFIRMED)
    scene.decide(scene.all()[1, scene.ann].id, CONFIRMED)
    scene.suggest(1, scene.bob, 0.99)
    assert (1, scene.bob) not in scene.all()
    scene.decide(scene.all()[1, scene.ann].id, REJECTED)
    scene.suggest(1, scene.bob, 0.99)
    assert (1, scene.bob) in scene.all()


def test_a_decision_can_be_changed_by_a_person_and_its_history_stays(scene: Scene) -> None:
    scene.suggest(0, scene.ann, 0.5)
    appearance = scene.all()[0, scene.ann].id
    for state in (CONFIRMED, CONFIRMED, REJECTED, CONFIRMED):
        assert scene.decide(appearance, state).state == state
    with scene.world.store.reading() as tx:
        history = appearances.history_of(tx, appearance)
    assert [(change.from_state, change.to_state) for change in history] == [
        (None, SUGGESTED),
        (SUGGESTED, CONFIRMED),
        (CONFIRMED, REJECTED),
        (REJECTED, CONFIRMED),
    ]
    assert [change.actor for change in history] == [f"pack {PACK}"] + ["Mr Smith"] * 3
    assert [change.note for change in history] == [None] + ["by the shoes"] * 3
    assert history[0].at == scene.world.now < history[1].at


def test_only_suggestions_are_taken_back(scene: Scene) -> None:
    for face in range(3):
        scene.suggest(face, scene.ann, 0.5)
    made = {face: scene.all()[face, scene.ann].id for face in range(3)}
    scene.decide(made[0], CONFIRMED)
    scene.decide(made[1], REJECTED)
    with scene.world.store.transaction() as tx:
        appearances.retract(tx, [*made.values(), "nothing"])
        appearances.retract(tx, [])
        assert [len(appearances.history_of(tx, made[face])) for face in range(3)] == [2, 2, 0]
    assert {pair: item.state for pair, item in scene.all().items()} == {
        (0, scene.ann): CONFIRMED,
        (1, scene.ann): REJECTED,
    }


def test_other_decisions_are_refused(scene: Scene) -> None:
    scene.suggest(0, scene.ann, 0.5)
    appearance = scene.all()[0, scene.ann].id
    with pytest.raises(StoreError, match="confirmed or rejected"):
        scene.decide(appearance, SUGGESTED)
    with pytest.raises(StoreError, match="who made it"), scene.world.store.transaction() as tx:
        appearances.decide(tx, appearance, CONFIRMED, actor=" ", at=scene.world.now)
    with pytest.raises(NotFoundError):
        scene.decide("nothing", CONFIRMED)
    with pytest.raises(StoreError, match="CHECK"):
        scene.suggest(0, scene.bob, 1.5)


def test_a_subjects_appearances_need_a_permit_to_show(scene: Scene) -> None:
    for face, score in ((0, 0.4), (1, 0.8), (2, 0.6)):
        scene.suggest(face, scene.ann, score)
    scene.suggest(0, scene.bob, 0.9)
    scene.decide(scene.all()[2, scene.ann].id, REJECTED)
    said = [scene.world.consent(scene.ann)]
    now = scene.world.now
    show = permit_show(scene.collection, scene.ann, said, now)
    with scene.world.store.reading() as tx:
        found = appearances.of_subject(tx, show, scene.collection, scene.ann)
        assert [item.score for item in found] == [0.8, 0.6, 0.4]
        wanted = appearances.of_subject(tx, show, scene.collection, scene.ann, states=[REJECTED])
        assert [item.score for item in wanted] == [0.6]
        assert appearances.counts(tx, scene.collection) == {SUGGESTED: 3, CONFIRMED: 0, REJECTED: 1}
        assert appearances.counts(tx, "other") == {SUGGESTED: 0, CONFIRMED: 0, REJECTED: 0}
        for permit, collection, subject in (
            (permit_compare(scene.collection, said, now), scene.collection, scene.ann),
            (show, scene.collection, scene.bob),
            (show, "other", scene.ann),
        ):
            with pytest.raises(PermitError):
                appearances.of_subject(tx, permit, collection, subject)
        elsewhere = permit_show("other", scene.ann, said, now)
        assert appearances.of_subject(tx, elsewhere, "other", scene.ann) == []


STEP = st.tuples(
    st.sampled_from(["suggest", CONFIRMED, REJECTED]), st.integers(0, 2), st.booleans(), st.floats(-1, 1, width=16)
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=14))
def test_peoples_decisions_are_law(scene: Scene, steps: list[tuple[str, int, bool, float]]) -> None:
    """Any order of guesses and decisions leaves what the last person said, as a plain dictionary would keep it."""
    with scene.world.raw() as raw:
        raw.execute("DELETE FROM appearance_history")
        raw.execute("DELETE FROM appearances")
    law: dict[tuple[int, str], str] = {}
    for verb, face, is_ann, score in steps:
        pair = (face, scene.ann if is_ann else scene.bob)
        other = (face, scene.bob if is_ann else scene.ann)
        if verb == "suggest":
            scene.suggest(*pair, score)
            if pair not in law and law.get(other) != CONFIRMED:
                law[pair] = SUGGESTED
        elif pair in law:
            if verb == CONFIRMED and law.get(other) == CONFIRMED:
                with pytest.raises(ConflictError):
                    scene.decide(scene.all()[pair].id, verb)
            else:
                scene.decide(scene.all()[pair].id, verb)
                law[pair] = verb
        assert {pair: item.state for pair, item in scene.all().items()} == law


def test_a_person_is_told_of_every_label_also_of_guesses_that_a_name_outdid(scene: Scene) -> None:
    scene.suggest(0, scene.ann, 0.7)
    scene.suggest(0, scene.bob, 0.6)
    scene.suggest(1, scene.ann, 0.5)
    scene.decide(scene.all()[0, scene.bob].id, CONFIRMED)
    permit = permit_show_me(scene.collection, [scene.ann], "account", scene.world.now)
    with scene.world.store.reading() as tx:
        held = appearances.held_of(tx, permit, scene.collection, [scene.ann])
        assert [row.face for row in held] == scene.faces[:2]
        assert {row.subject for row in held} == {scene.ann}
        assert [row.face for row in appearances.of_subject(tx, permit, scene.collection, scene.ann)] == scene.faces[1:2]
        with pytest.raises(PermitError):
            appearances.held_of(tx, permit, scene.collection, [scene.ann, scene.bob])


def test_how_often_somebody_was_second_best_for_others(scene: Scene) -> None:
    guesses = [
        Suggestion(scene.faces[0], scene.ann, 0.7, rival=scene.bob, rival_score=0.6),
        Suggestion(scene.faces[1], scene.ann, 0.7, rival=scene.bob, rival_score=0.5),
        Suggestion(scene.faces[2], scene.bob, 0.7),
    ]
    with scene.world.store.transaction() as tx:
        appearances.suggest(tx, guesses, made_by="machine", pack=PACK, at=scene.world.now)
        assert appearances.count_as_rival(tx, [scene.bob]) == 2
        assert appearances.count_as_rival(tx, [scene.ann]) == 0
        assert appearances.count_as_rival(tx, [scene.ann, scene.bob]) == 0, "not for faces of one's own"
