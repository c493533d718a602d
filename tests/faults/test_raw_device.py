"""Erasing on a real file system, whose raw device is read afterwards: old epoch keys and plain templates are gone.

The archive lies on ext4 in an image file, so freed blocks are read as well, which no file shows any more.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from countenance.flows import erase
from countenance.flows.erase import Office
from countenance.settings import Settings
from countenance.store import written
from countenance.store.keys import KeyStore
from tests.conftest import NO_DEVICE
from tests.promises.byte_scan import Needles
from tests.unit.store.world import World, open_world, vectors

N_STAYING, DIM = 3, 128
IMAGE_BYTES = 48 << 20
PROGRAMS = ("mkfs.ext4", "mount", "umount", "sync")


@dataclass(frozen=True)
class Device:
    image: Path
    folder: Path

    def content(self) -> bytes:
        """Every block, as it is on the device."""
        run("sync")
        run("umount", self.folder)
        return self.image.read_bytes()


def run(program: str, *arguments: str | Path) -> None:
    found = shutil.which(program, path=f"{os.defpath}:/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError(program)
    subprocess.run([found, *arguments], check=True, capture_output=True, timeout=60)  # noqa: S603


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    """A mounted file system; the test is skipped where nobody lets us have one."""
    made = Device(tmp_path / "image", tmp_path / "mounted")
    made.folder.mkdir()
    made.image.touch()
    os.truncate(made.image, IMAGE_BYTES)
    try:
        run("mkfs.ext4", "-q", "-F", made.image)
        run("mount", "-o", "loop", made.image, made.folder)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(NO_DEVICE)
    yield made
    if os.path.ismount(made.folder):
        run("umount", made.folder)


@pytest.fixture
def old_keys(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every epoch key that was given up: as it was in memory, and wrapped, as it stood in its slot."""
    seen = list[bytes]()
    really = KeyStore.rotate_epoch

    def noting(keys: KeyStore) -> int:
        seen.extend([bytes(keys._epoch), *(slot.wrapped for slot in keys._file.slots())])
        return really(keys)

    monkeypatch.setattr(KeyStore, "rotate_epoch", noting)
    return seen


def name_of(number: int) -> str:
    return f"Person Number {number} of the Album"


def enrolled(world: World, home: str, number: int) -> str:
    """Somebody with three references and a file about them."""
    subject = world.subject(home, name_of(number)).id
    consent = world.granted(subject)
    with world.store.transaction() as tx:
        for template in vectors(3, number, DIM):
            world.reference(tx, home, subject, consent, template)
        path = world.folder / "written" / f"{number}.html"
        content = f"<p>{name_of(number)}</p>".encode() * 200
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        digest = hashlib.sha256(content).digest()
        file_of = written.WrittenFile(
            written.REPORT, bytes(path), digest, len(content), world.now, home, None, (subject,)
        )
        written.put(tx, file_of)
    return subject


@pytest.mark.parametrize("n_erased", [2, pytest.param(20, marks=pytest.mark.long)])
def test_nothing_of_erased_people_is_on_the_raw_device(device: Device, old_keys: list[bytes], n_erased: int) -> None:
    world = open_world(device.folder)
    home = world.collection().id
    people = [enrolled(world, home, number) for number in range(n_erased + N_STAYING)]
    turn = world.keys.rotation_of(home, DIM)
    control = vectors(1, 9_999, DIM)[0]
    (device.folder / "control").write_bytes(control.tobytes())
    office = Office(world.store, world.keys, Settings(), lambda: world.now, "office", device.folder)

    for subject in people[:n_erased]:
        assert erase.erase_subjects(office, [subject])[0].receipt
    (in_force,) = (slot.wrapped for slot in world.keys._file.slots())
    world.store.close()
    world.keys.close()
    content = device.content()

    assert len(set(old_keys)) >= 2 * 2 * n_erased  # two rotations for each, the key in memory and in its slot
    assert [key for key in set(old_keys) if key in content] == []
    templates = Needles(np.concatenate([vectors(3, number, DIM) for number in range(n_erased + N_STAYING)]), turn)
    assert templates.found_in(content) == set()
    assert [number for number in range(n_erased) if name_of(number).encode() in content] == []
    # The same search finds what is there: the key in force, a template in a file, the people who stay.
    assert in_force in content
    assert Needles([control]).found_in(content) == {"0 plain float32"}
    assert all(name_of(number).encode() in content for number in range(n_erased, n_erased + N_STAYING))


def test_a_file_that_is_only_unlinked_stays_on_the_device(device: Device) -> None:
    """Why files are overwritten first: this is what the other test would find."""
    path = device.folder / "report.html"
    path.write_bytes(name_of(1).encode() * 500)
    run("sync")
    path.unlink()

    assert name_of(1).encode() in device.content()
