from __future__ import annotations

from countenance.store import looks
from tests.unit.store.world import World


def test_a_look_is_of_one_eye_and_the_last_one_counts(world: World) -> None:
    collection = world.collection().id
    one, two, three = (world.photo(collection, seed)[0] for seed in (1, 2, 3))
    with world.store.transaction() as tx:
        looks.note(tx, one, "eye@1", signs_of_people=True, at=world.now)
        looks.note(tx, two, "eye@1", signs_of_people=False, at=world.now)
    with world.store.reading() as tx:
        assert looks.of_photos(tx, [one, two, three], "eye@1") == {one: True, two: False}
        assert looks.of_photos(tx, [two], "eye@1") == {two: False}
        assert looks.of_photos(tx, [one, two], "eye@2") == {}
        assert looks.of_photos(tx, [], "eye@1") == {}
    with world.store.transaction() as tx:
        looks.note(tx, one, "eye@2", signs_of_people=False, at=world.now)
        assert looks.of_photos(tx, [one, two], "eye@1") == {two: False}
        assert looks.of_photos(tx, [one, two], "eye@2") == {one: False}


def test_more_photos_than_one_question_holds(world: World) -> None:
    photo = world.photo(world.collection().id)[0]
    with world.store.transaction() as tx:
        looks.note(tx, photo, "eye@1", signs_of_people=True, at=world.now)
        asked = [f"none-{number}" for number in range(1_200)]
        assert looks.of_photos(tx, [*asked, photo], "eye@1") == {photo: True}
