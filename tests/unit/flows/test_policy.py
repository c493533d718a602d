"""The page that people read before they say yes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from countenance.core.consent import CHANNELS, PURPOSES
from countenance.errors import ConsentError, StoreError
from countenance.flows import policy
from countenance.settings import ClearSettings, Settings
from countenance.store import policies
from countenance.vision.packs import load_pack
from tests.unit.store.conftest import world  # noqa: F401 - a fixture
from tests.unit.store.world import World

PAGE = policy.draft(Settings())


def words(page: str) -> str:
    text = re.sub(r"(?s)<style>.*?</style>|<!--.*?-->|<[^>]+>", " ", page)
    return " ".join(text.replace("&#39;", "'").split())


def test_the_draft_names_every_purpose_and_every_channel() -> None:
    shown = words(PAGE)
    assert set(policy.PURPOSES_SAY) == set(PURPOSES)
    for purpose in PURPOSES:
        assert f"{purpose} {policy.PURPOSES_SAY[purpose]}" in shown
    assert ", ".join(CHANNELS) in shown


def test_the_draft_says_what_the_settings_say() -> None:
    own = Settings(extra_channels=("yearbook", "tv-1"), clear=ClearSettings(adult_age_years=16))
    shown = words(policy.draft(own))
    assert "internal, yearbook, tv-1." in shown
    assert "For anybody under 16 a parent" in shown
    assert "turns 16" in shown
    assert "18" not in shown
    assert "under 18" in words(PAGE)


@pytest.mark.parametrize("name", ["default", "recommended"])
def test_the_draft_says_what_the_models_were_made_from(name: str) -> None:
    pack = load_pack(name, Settings())
    shown = words(policy.draft(Settings(pack=name)))
    for part in (pack.detector, pack.embedder):
        assert part.licence.stated_training_data in shown


def test_a_page_can_be_drafted_without_the_pack() -> None:
    assert "What their makers say" not in words(policy.draft(Settings(pack="nosuch")))


def test_the_draft_keeps_the_promises_and_makes_no_others() -> None:
    shown = words(PAGE).lower()
    for said in (
        "a no has no disadvantage",
        "a rectangle and five points",
        "is not stored",
        "taking back your yes",
        "signed receipt",
        "biometric data",
        "supervisory authority",
        "we do not guess age, sex, origin, mood",
    ):
        assert said in shown
    assert not re.search(r"irreversib|anonymi|complian|100 ?%|unbreakable|guarantee", shown)


def test_the_draft_stands_alone() -> None:
    assert "http" not in PAGE
    assert "<script" not in PAGE
    assert not re.search(r"(src|href)=", PAGE)
    assert "{{" not in PAGE
    assert PAGE.startswith("<!doctype html>")


def test_what_only_the_organisation_knows_is_left_open() -> None:
    missing = policy.gaps(PAGE)
    assert "name and address of the organisation" in missing
    assert "number of days" in missing
    assert len(missing) == len(set(missing)) == PAGE.count("[[")
    filled = re.sub(r"\[\[.*?\]\]", "x", PAGE)
    assert policy.gaps(filled) == []


def test_gaps_are_found_over_several_lines_and_once_each() -> None:
    assert policy.gaps("[[a\n  b]] [c] [[d]] [[ d ]]") == ["a b", "d"]


def test_every_published_version_is_kept(world: World) -> None:  # noqa: F811 - the fixture
    (first,) = policy.versions(world.store)
    assert policy.require(world.store) == first
    later = world.now + timedelta(days=1)
    second = policy.publish(world.store, world.keys, PAGE, "Ms Reed", later)
    assert (second.version, second.page, second.published_by, second.published_at) == (2, PAGE, "Ms Reed", later)
    assert second.sha256 == hashlib.sha256(PAGE.encode()).digest()
    assert policy.versions(world.store) == [first, second]
    assert policy.require(world.store) == second


def test_the_same_text_again_is_the_same_version(world: World) -> None:  # noqa: F811 - the fixture
    (first,) = policy.versions(world.store)
    assert policy.publish(world.store, world.keys, first.page, "Ms Reed", world.now) == first
    policy.publish(world.store, world.keys, "New.", "Ms Reed", world.now)
    back = policy.publish(world.store, world.keys, first.page, "Ms Reed", world.now)
    assert back == replace(first, version=3, published_by="Ms Reed", published_at=world.now), (
        "an old text is news again"
    )


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_page_tells_nothing(world: World, text: str) -> None:  # noqa: F811 - the fixture
    with pytest.raises(StoreError, match="tells people nothing"):
        policy.publish(world.store, world.keys, text, "Ms Reed", world.now)
    assert len(policy.versions(world.store)) == 1


def test_nothing_published_is_a_refusal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811 - the fixture
    monkeypatch.setattr(policies, "current", lambda _: None)
    with pytest.raises(ConsentError, match="No policy page") as caught:
        policy.require(world.store)
    assert "countenance policy publish" in caught.value.advice
