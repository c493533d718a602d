"""The master secret: a passphrase or a key file, and what the archive remembers in order to use it again."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from countenance.errors import DamagedError, KeyStoreError
from countenance.store.sealing import KEY_BYTES

_PREFIX = "countenance-key-1 "
_SALT_BYTES = 16
_WRAP_LABEL = b"countenance master wrap 1"
_LARGEST_KEY_FILE = 1_024


@dataclass(frozen=True, slots=True)
class PassphraseCost:
    """What one guess at a passphrase costs (argon2id).

    Attributes:
        iterations: passes over the memory, 1 to 100.
        memory_kib: memory in KiB, 8 times ``lanes`` to 4 GiB.
        lanes: threads, 1 to 64.

    Source:
        RFC 9106, section 4, second recommended option.
    """

    iterations: int = 3
    memory_kib: int = 65_536
    lanes: int = 4

    def is_sane(self) -> bool:
        """False for values that no archive of ours writes; a changed file must not exhaust the machine."""
        few = 1 <= self.iterations <= _MOST.iterations and 1 <= self.lanes <= _MOST.lanes
        return few and 8 * self.lanes <= self.memory_kib <= _MOST.memory_kib


_MOST = PassphraseCost(iterations=100, memory_kib=4 * 1024**2, lanes=64)


@dataclass(frozen=True, slots=True)
class MasterRecord:
    """What ``master.json`` says: nothing secret.

    Attributes:
        kind: ``passphrase`` or ``key-file``.
        salt: 16 bytes of chance, made with the archive.
        cost: argon2id parameters of a passphrase.
    """

    kind: str
    salt: bytes
    cost: PassphraseCost | None

    def as_json(self) -> str:
        """Text of ``master.json``."""
        cost = None if self.cost is None else asdict(self.cost)
        said = {"form": 1, "kind": self.kind, "salt": self.salt.hex(), "argon2id": cost}
        return json.dumps(said | {"check": _check(said)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read it again.

        Raises:
            DamagedError: the text is not such a record.
        """
        try:
            record: dict[str, Any] = json.loads(text)
            raw = record["argon2id"]
            cost = None if raw is None else PassphraseCost(**{name: int(value) for name, value in raw.items()})
            result = cls(kind=record["kind"], salt=bytes.fromhex(record["salt"]), cost=cost)
            known = record["form"] == 1 and (result.kind, cost is None) in {("passphrase", False), ("key-file", True)}
            # Not another text that says the same: a flipped bit is to be named, wherever it is.
            known = known and (record.keys() == _UNCHECKED or result.as_json() == text)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            msg = "The file master.json of this archive is damaged."
            raise DamagedError(msg) from error
        if not known or len(result.salt) != _SALT_BYTES or (cost is not None and not cost.is_sane()):
            msg = "The file master.json of this archive is damaged."
            raise DamagedError(msg)
        return result


def _check(said: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode("ascii")).hexdigest()


_UNCHECKED = {"form", "kind", "salt", "argon2id"}
"""What a record says that was written before there was a check."""


class Master:
    """The secret that opens a key store. Make one with ``from_passphrase`` or ``from_key_file``."""

    def __init__(self, kind: str, secret: bytes, cost: PassphraseCost | None) -> None:
        self.kind: Final = kind
        self._secret = bytearray(secret)
        self._cost = cost

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Master({self.kind})"

    @classmethod
    def from_passphrase(cls, passphrase: str, cost: PassphraseCost | None = None) -> Self:
        """A master from what a person types; ``cost`` matters only when a key store is created.

        Raises:
            KeyStoreError: the passphrase is empty.
        """
        if not passphrase.strip():
            msg = "The passphrase is empty."
            raise KeyStoreError(msg, advice="Choose a passphrase of several words, or use a key file.")
        # The same letters may reach us composed or not, depending on the keyboard and system.
        secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
        return cls("passphrase", secret, cost if cost is not None else PassphraseCost())

    @classmethod
    def from_key_file(cls, path: Path) -> Self:
        """A master from a file that ``write_key_file`` made.

        Raises:
            KeyStoreError: the file cannot be read or is no key file.
        """
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST_KEY_FILE)
        except OSError as error:
            msg = f"The key file {str(path)!r} cannot be read: {error.strerror}."
            raise KeyStoreError(msg) from error
        try:
            text = content.decode("ascii").strip()
            secret = bytes.fromhex(text.removeprefix(_PREFIX))
        except ValueError:
            text, secret = "", b""
        if not text.startswith(_PREFIX) or len(secret) != KEY_BYTES:
            msg = f"The file {str(path)!r} is not a Countenance key file."
            raise KeyStoreError(msg)
        return cls("key-file", secret, None)

    def new_record(self) -> MasterRecord:
        """A record with fresh salt, for a new key store."""
        return MasterRecord(kind=self.kind, salt=os.urandom(_SALT_BYTES), cost=self._cost)

    def wrapping_key(self, record: MasterRecord) -> bytearray:
        """The 32 bytes that wrap this archive's epoch key.

        Raises:
            KeyStoreError: the archive wants the other kind of master.
        """
        if record.kind != self.kind:
            wanted, given = record.kind.replace("-", " "), self.kind.replace("-", " ")
            msg = f"This archive opens with a {wanted}, and a {given} was given."
            raise KeyStoreError(msg)
        if record.cost is None:
            return bytearray(hmac.new(self._secret, _WRAP_LABEL + record.salt, hashlib.sha256).digest())
        cost = record.cost
        argon = Argon2id(
            salt=record.salt,
            length=KEY_BYTES,
            iterations=cost.iterations,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        )
        return bytearray(argon.derive(bytes(self._secret)))


def write_key_file(path: Path) -> None:
    """Make a key file with a fresh secret, readable by its owner only.

    Raises:
        KeyStoreError: the file exists already or cannot be written.
    """
    line = f"{_PREFIX}{os.urandom(KEY_BYTES).hex()}\n".encode("ascii")
    write_new(path, line)


def write_new(path: Path, content: bytes) -> None:
    """Write a file (0600) that did not exist, durably.

    Raises:
        KeyStoreError: it exists already or cannot be written; nothing is left behind.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        msg = f"The file {str(path)!r} exists already and is not overwritten."
        raise KeyStoreError(msg, advice="Use the existing key file, or name another one.") from error
    except OSError as error:
        msg = f"The file {str(path)!r} cannot be written: {error.strerror}."
        raise KeyStoreError(msg, advice="Check the folder and free disk space.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        msg = f"The file {str(path)!r} cannot be written: {error.strerror}."
        raise KeyStoreError(msg, advice="Check the folder and free disk space.") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
