from __future__ import annotations

from pathlib import Path

import pytest

from countenance.core.arrays import Pixels
from countenance.demo.draw import Portrait, draw_portrait
from countenance.demo.person import person
from countenance.settings import Settings
from countenance.vision.install import install
from countenance.vision.packs import Pack, load_pack


@pytest.fixture(scope="session")
def vision_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One cache for all tests of vision, so that networks are converted once."""
    return Settings(cache_dir=tmp_path_factory.mktemp("cache"), device="cpu")


@pytest.fixture(scope="session")
def default_pack(vision_settings: Settings) -> Pack:
    return load_pack("default", vision_settings)


@pytest.fixture(scope="session")
def recommended_pack(vision_settings: Settings, shared: Path) -> Pack:
    return install("recommended", vision_settings, folder=shared / "weights")


@pytest.fixture(scope="session")
def portraits() -> list[Portrait]:
    """Eight people who do not exist."""
    return [draw_portrait(person(seed), 1, 320) for seed in range(8)]


@pytest.fixture(scope="session")
def portrait(portraits: list[Portrait]) -> Pixels:
    return portraits[0].pixels
