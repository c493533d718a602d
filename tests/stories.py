"""Fixtures of whole stories: a model cache, drawn photos, an archive of them. Each is made once per run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from countenance.core.permit import Act, Permit
from countenance.flows import enrol
from countenance.settings import Settings
from countenance.store import references, templates
from countenance.vision.cache import networks
from countenance.vision.packs import load_pack
from tests.drawn import CLUB, Club
from tests.gala import write_gala
from tests.pretend import Party, Pass, Seen
from tests.searching import Bureau


@pytest.fixture(scope="session")
def packs_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where model packs are converted, once for all tests of whole stories."""
    return tmp_path_factory.mktemp("packs")


@pytest.fixture(scope="session")
def story_settings(packs_cache: Path) -> Settings:
    """Settings for tests of whole stories: the default pack on the processor, small batches."""
    return Settings(cache_dir=packs_cache, device="cpu", batch_photos=2)


@pytest.fixture(scope="session")
def models(packs_cache: Path) -> Path:
    """The same folder with the default pack converted already, for tests that start commands."""
    wanted = Settings(cache_dir=packs_cache, device="cpu")
    pack = load_pack("default", wanted)
    for part in ("detector", "embedder"):
        networks(pack, wanted, part)
    return packs_cache


@pytest.fixture(scope="session")
def gala_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scenes of ``tests.gala``: two to four drawn people each."""
    return write_gala(tmp_path_factory.mktemp("gala"))


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory, story_settings: Settings) -> Path:
    """A closed archive of the drawn scenes with two of the cast enrolled; see ``tests.drawn.Club.open_copy``."""
    folder = tmp_path_factory.mktemp("stock")
    with Club.make(folder, story_settings) as made:
        made.ingest()
        made.enrol(0)
        made.enrol(1)
        made.archive.rescan(CLUB)
    return folder


@pytest.fixture
def club(stock: Path, tmp_path: Path, story_settings: Settings) -> Iterator[Club]:
    """A copy of that archive, open."""
    with Club.open_copy(stock, tmp_path, story_settings) as copy:
        yield copy


@pytest.fixture(scope="session")
def party_stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed archive of ``tests.pretend``: seats 0 and 1 said yes to the website, seat 2 to print."""
    folder = tmp_path_factory.mktemp("party")
    with Party.make(folder) as made:
        made.enrol(0)
        made.enrol(1)
        made.enrol(2, channels=("print",))
    return folder


@pytest.fixture
def party(party_stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Party]:
    """A copy of that archive, open, in which photos say who is in them."""
    with Party.open_copy(party_stock, tmp_path).pretend(monkeypatch) as copy:
        yield copy


@pytest.fixture
def bureau(party: Party, monkeypatch: pytest.MonkeyPatch) -> Bureau:
    """That archive with a release collection beside, in which people are searched for under cases."""
    for stage in ("Decode", "Detect"):
        monkeypatch.setattr(enrol, stage, lambda *_: Pass())
    monkeypatch.setattr(enrol, "Embed", lambda *_: Seen())
    return Bureau.set_up(party, monkeypatch)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the functions that opened templates for a search."""
    seen: list[str] = []

    def watch(where: ModuleType, name: str) -> None:
        original = getattr(where, name)

        def watched(tx: object, keys: object, permit: Permit, *args: object, **more: object) -> object:
            if permit.act is Act.SEARCH or name == "each_face_template":
                seen.append(name)
            return original(tx, keys, permit, *args, **more)

        monkeypatch.setattr(where, name, watched)

    watch(templates, "each_face_template")
    watch(references, "references_of_collection")
    return seen
