"""Where saved indexes lie, and under which secret each collection's are sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from countenance.store.keys import KeyStore

FOLDER: Final = "index"
"""Below the archive's folder."""
PEOPLE, FACES = "people", "faces"


def index_file(archive: Path, collection: str, of: str) -> Path:
    """The file of one index of a collection: of its enrolled people, or of all faces."""
    return archive / FOLDER / f"{collection}-{of}.idx"


def index_files(archive: Path, collection: str) -> list[Path]:
    """Every file of a collection's indexes that is there, unfinished ones too."""
    return sorted((archive / FOLDER).glob(f"{collection}-*"))


def forget(keys: KeyStore, collection: str) -> None:
    """Destroy what is saved of a collection's indexes; no copy of it opens any more after ``rotate_epoch``."""
    keys.drop_secret(secret_of(collection))
    for path in index_files(keys.folder.parent, collection):
        path.unlink(missing_ok=True)


def secret_of(collection: str) -> str:
    """Name of the secret that a collection's saved indexes are sealed under."""
    return f"index:{collection}"
