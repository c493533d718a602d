from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.core.arrays import Landmarks
from countenance.errors import ConflictError, DamagedError, NotFoundError, StoreError
from countenance.store import collections, faces, photos, points
from countenance.store.photos import PhotoCounts, Refusal
from tests.unit.store.world import PACK, World, new_faces, new_photo

ODD_PATHS = [b"/a\nb/\xff\xfe.jpg", b"/" + b"x" * 4_000, "/straße/日本.jpg".encode(), b"", b"s3://bucket/key?v=1"]


def test_what_goes_in_comes_out(world: World) -> None:
    club = world.collection()
    new = new_photo(1, n_faces=3, status="partial")
    with world.store.transaction() as tx:
        photo = photos.add_photo(tx, club.id, new, at=world.now)
        photos.add_path(tx, photo, b"/one.zip", b"in/side.jpg", at=world.now)
    with world.store.reading() as tx:
        found = photos.by_id(tx, photo)
    for name in (
        "sha256",
        "n_bytes",
        "width",
        "height",
        "format",
        "orientation",
        "taken_at",
        "status",
        "n_faces",
        "pack",
    ):
        assert getattr(found, name) == getattr(new, name), name
    assert (found.collection, found.ingested_at) == (club.id, world.now)
    assert (found.path, found.member) == (b"/one.zip", b"in/side.jpg")


def test_known_photos_are_known_in_their_collection_only(world: World) -> None:
    club, other = world.collection(), world.collection("other")
    with world.store.transaction() as tx:
        ids = photos.add_photos(tx, club.id, [new_photo(seed) for seed in range(1_200)], at=world.now)
        wanted = [new_photo(seed).sha256 for seed in range(-1, 1_201)]
        found = photos.known(tx, club.id, wanted)
        assert len(found) == len(set(ids)) == 1_200
        assert found[new_photo(7).sha256] == photos.KnownPhoto(ids[7], "indexed", PACK)
        assert photos.known(tx, other.id, wanted) == {}
        assert photos.known(tx, club.id, []) == {}


def test_the_same_bytes_twice_are_a_conflict(world: World) -> None:
    club, other = world.collection(), world.collection("other")
    world.photo(club.id, 1)
    world.photo(other.id, 1)
    with pytest.raises(ConflictError):
        world.photo(club.id, 1)


@pytest.mark.parametrize(
    "changes",
    [{"sha256": b"short"}, {"width": 0}, {"height": -1}, {"n_bytes": -1}, {"orientation": 9}, {"status": "refused"}],
    ids=str,
)
def test_impossible_photos_are_refused(world: World, changes: dict[str, Any]) -> None:
    club = world.collection()
    with pytest.raises(StoreError), world.store.transaction() as tx:
        photos.add_photo(tx, club.id, replace(new_photo(1), **changes), at=world.now)


def test_a_photo_of_no_collection_is_refused(world: World) -> None:
    with pytest.raises(StoreError, match="FOREIGN KEY"), world.store.transaction() as tx:
        photos.add_photo(tx, "nowhere", new_photo(1), at=world.now)


def test_paths_are_bytes_kept_once_and_the_newest_comes_first(world: World) -> None:
    photo, _ = world.photo(world.collection().id)
    with world.store.transaction() as tx:
        for _ in range(2):
            photos.add_paths(tx, [(photo, path, b"\xff") for path in ODD_PATHS], at=world.now)
        photos.add_paths(tx, [], at=world.now)
        found = photos.paths_of(tx, photo)
        assert photos.by_id(tx, photo).path == ODD_PATHS[-1]
    assert found == [*((path, b"\xff") for path in reversed(ODD_PATHS)), (b"/photos/1.jpg", b"")]


def test_a_photo_without_path_is_still_listed(world: World) -> None:
    club = world.collection()
    with world.store.transaction() as tx:
        photo = photos.add_photo(tx, club.id, new_photo(1), at=world.now)
        assert [(found.id, found.path) for found in photos.each(tx, club.id)] == [(photo, b"")]


def test_pages_give_every_photo_once_in_order(world: World) -> None:
    club, other = world.collection(), world.collection("other")
    with world.store.transaction() as tx:
        ids = photos.add_photos(tx, club.id, [new_photo(seed) for seed in range(23)], at=world.now)
        photos.add_photos(tx, other.id, [new_photo(seed) for seed in range(5)], at=world.now)
        photos.add_paths(tx, [(photo, b"/x", b"") for photo in ids], at=world.now)
        photos.add_paths(tx, [(photo, b"/y", b"") for photo in ids], at=world.now)
    collected: list[str] = []
    with world.store.reading() as tx:
        while batch := photos.page(tx, club.id, after=collected[-1] if collected else "", most=5):
            assert len(batch) <= 5
            collected += [photo.id for photo in batch]
        assert {photo.path for photo in photos.each(tx, club.id)} == {b"/y"}
    assert collected == sorted(ids)


def test_refusals_are_rows_replaced_on_retry_and_gone_on_success(world: World) -> None:
    club, other = world.collection(), world.collection("other")
    first = Refusal(b"/bad\n.jpg", b"", None, "unreadable", "Permission denied.", world.now)
    inside = Refusal(b"/bad\n.jpg", b"member", bytes(32), "not-an-image", "It is text.", world.now)
    again = replace(first, sha256=bytes(32), reason="too-many-pixels", refused_at=world.now + timedelta(1))
    with world.store.transaction() as tx:
        photos.add_refusals(tx, club.id, [first, inside])
        photos.add_refusals(tx, other.id, [first])
        photos.add_refusals(tx, other.id, [])
        assert photos.refused_of(tx, club.id) == [first, inside]
        photos.add_refusal(tx, club.id, again)
        assert photos.refused_of(tx, club.id) == [again, inside]
        assert photos.counts(tx, club.id).refused == {"too-many-pixels": 1, "not-an-image": 1}
        photos.clear_refusal(tx, club.id, first.path)
        photos.clear_refusals(tx, club.id, [])
        assert photos.refused_of(tx, club.id) == [inside]
        assert photos.refused_of(tx, other.id) == [first]


def test_counts_add_up(world: World) -> None:
    club = world.collection()
    new = [new_photo(1, n_faces=3), new_photo(2), new_photo(3, n_faces=4, status="partial")]
    with world.store.transaction() as tx:
        assert photos.counts(tx, club.id) == PhotoCounts(0, 0, 0, {})
        photos.add_photos(tx, club.id, new, at=world.now)
        assert photos.counts(tx, club.id) == PhotoCounts(2, 1, 7, {})
        (listed,) = collections.list_all(tx)
    assert (listed.n_photos, listed.n_faces, listed.n_subjects, listed.n_refused) == (3, 7, 0, 0)


def test_faces_come_back_bit_for_bit(world: World) -> None:
    club = world.collection()
    photo, ids = world.photo(club.id, 5, n_faces=3)
    new = new_faces(3, 5)
    with world.store.reading() as tx:
        found = faces.of_photo(tx, photo)
        assert faces.by_id(tx, ids[1]).box == found[1].box
        assert faces.count(tx, club.id) == 3
    assert [face.id for face in found] == ids == [f"{photo}-{ordinal}" for ordinal in range(3)]
    assert np.array_equal(np.array([face.box for face in found], np.float32), new.boxes)
    assert np.array_equal(np.array([face.landmarks for face in found]), new.landmarks)
    assert np.array_equal(np.array([face.confidence for face in found], np.float32), new.confidences)
    assert np.array_equal(np.array([face.quality for face in found], np.float32), new.qualities)
    assert {(face.photo, face.pack) for face in found} == {(photo, PACK)}


def test_faces_are_walked_photo_by_photo(world: World) -> None:
    club, other = world.collection(), world.collection("other")
    made = {photo: ids for photo, ids in (world.photo(club.id, seed, n_faces=seed % 4) for seed in range(9)) if ids}
    world.photo(other.id, 1)
    with world.store.reading() as tx:
        walked = {photo: [face.id for face in found] for photo, found in faces.each_photo(tx, club.id)}
        assert list(walked) == sorted(made)
        last = sorted(made)[-2]
        assert [photo for photo, _ in faces.each_photo(tx, club.id, after=last)] == sorted(made)[-1:]
    assert walked == made


def test_more_faces_can_follow_under_later_ordinals(world: World) -> None:
    photo, _ = world.photo(world.collection().id, n_faces=2)
    with world.store.transaction() as tx:
        assert faces.add_faces(tx, photo, new_faces(1), first_ordinal=2) == [f"{photo}-2"]
        assert faces.add_faces(tx, photo, new_faces(0)) == []
    with pytest.raises(ConflictError), world.store.transaction() as tx:
        faces.add_faces(tx, photo, new_faces(1))


def test_impossible_faces_are_refused(world: World) -> None:
    photo, _ = world.photo(world.collection().id, n_faces=0)
    good = new_faces(2)
    bad = [
        replace(good, confidences=good.confidences[:1]),
        replace(good, boxes=good.boxes[:, :3]),
        replace(good, landmarks=good.landmarks[:, :4]),
        replace(good, boxes=good.boxes * np.float32(0)),
        replace(good, qualities=good.qualities * np.float32(np.nan)),
    ]
    for new in bad:
        with pytest.raises(StoreError), world.store.transaction() as tx:
            faces.add_faces(tx, photo, new)
    with world.store.transaction() as tx:
        assert faces.of_photo(tx, photo) == []
        assert len(faces.add_faces(tx, photo, good)) == 2


def test_what_is_not_there_is_said(world: World) -> None:
    with world.store.reading() as tx:
        for search in (photos.by_id, faces.by_id, collections.by_id, collections.by_name):
            with pytest.raises(NotFoundError):
                search(tx, "nothing")


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=10, max_size=10))
def test_landmarks_come_back(values: list[float]) -> None:
    landmarks: Landmarks = np.array(values, np.float32).reshape(5, 2)
    assert np.array_equal(points.from_blob(points.to_blob(landmarks)), landmarks)


def test_landmarks_of_other_shapes_are_refused() -> None:
    with pytest.raises(StoreError):
        points.to_blob(np.zeros((4, 2), np.float32))
    with pytest.raises(DamagedError):
        points.from_blob(hashlib.sha256().digest())


def test_collections_have_names_and_keys(world: World) -> None:
    club, studio = world.collection("club"), world.collection("a studio", release_days=3)
    assert club.release is None
    assert studio.release is not None
    assert len(world.keys.collection_key(club.id)) == 32
    with world.store.reading() as tx:
        assert collections.by_name(tx, "club") == collections.by_id(tx, club.id) == club
        assert collections.by_name(tx, "a studio") == studio
        assert [counts.collection.name for counts in collections.list_all(tx)] == ["a studio", "club"]
    with pytest.raises(ConflictError, match="club"):
        world.collection("club")
    with pytest.raises(StoreError, match="name"):
        world.collection(" ")
