"""A witness: see that a log of somebody else only grows, and say so with a cosignature. It needs no archive."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from countenance.core.notes import COSIGNATURE, Checkpoint, Key, is_consistency, is_name, parse_consistency, parse_note
from countenance.errors import ProofError, StoreError, UsageError
from countenance.flows.pages import write_whole
from countenance.ledger.note import cosign, public_key
from countenance.ledger.verify import Verifier

KEY: Final = "key"
_SEED_BYTES: Final = 32
_HEX: Final = "0123456789abcdef"
_BACKUP: Final = "Restore it from a backup; nothing is cosigned without it."
_SINCE: Final = "Ask for `countenance ledger checkpoint --since` with the checkpoint cosigned last, which is {}."


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What a witness did.

    Attributes:
        checkpoint: that it cosigned.
        before: entries of the one it saw before; None when this log is new to it.
        line: the cosignature, with its newline.
        note: the checkpoint with the cosignature under it.
        key: of the witness, for those who are to trust it.
    """

    checkpoint: Checkpoint
    before: int | None
    line: str
    note: str
    key: Key


def witness(text: str, log_key: str, state: Path, now: datetime, name: str | None = None) -> Witnessed:
    """Cosign a checkpoint if it goes on from the last one seen of that log.

    Args:
        text: a signed checkpoint, or one with its consistency proof.
        log_key: line of the log's key, got from its owner in another way than this file.
        state: folder of the witness; made at the first time, with a key of its own.
        now: aware UTC moment.
        name: of the witness; None for the one it has, or for one made from its key.

    Raises:
        ProofError: the checkpoint does not go on from the last one seen; nothing is cosigned, and the last one stays.
        UsageError: this is no name for a key, or the witness has another one.
        StoreError: the state cannot be used.
    """
    verifier = Verifier(log_key)
    with _locked(state):
        seed, own = _key(state, name)
        seen = state / f"{hashlib.sha256(verifier.key.name.encode()).hexdigest()[:32]}.checkpoint"
        last = _text(seen) if seen.exists() else None
        note, checkpoint, before = _accepted(verifier, text, last, seen)
        # Kept before it is signed: a witness that forgets would sign two histories.
        write_whole(os.fsencode(seen), note.encode(), mode=0o600)
    line = cosign(seed, own.name, parse_note(note).text, int(now.timestamp()))
    return Witnessed(checkpoint, before, line, note + line, own)


def _accepted(verifier: Verifier, text: str, last: str | None, seen: Path) -> tuple[str, Checkpoint, int | None]:
    """(note, what it says, entries before) of a checkpoint that goes on from the last one."""
    try:
        note = parse_consistency(text)[2] if is_consistency(text) else text
    except ValueError as error:
        raise ProofError(str(error)) from error
    checkpoint = verifier.checkpoint(note)
    if last is None:
        return note, checkpoint, None
    before = verifier.checkpoint(last)
    if checkpoint == before:  # shown again, because the cosignature never reached anybody
        return note, checkpoint, before.size
    if checkpoint.size < before.size:
        msg = f"The log was rolled back: it had {before.size} entries, and has {checkpoint.size} now."
        raise ProofError(msg, advice=f"Keep this checkpoint and {seen}, both signed by the log, and ask its owner why.")
    if is_consistency(text):
        verifier.advance(last, text)
        return note, checkpoint, before.size
    if checkpoint.size > before.size:
        msg = f"The last checkpoint had {before.size} entries, this one has {checkpoint.size}, and no proof joins them."
        raise ProofError(msg, advice=_SINCE.format(seen))
    verifier.consistency(last, note, [])
    return note, checkpoint, before.size


def _key(state: Path, name: str | None) -> tuple[bytes, Key]:
    """The witness's secret and public key, made at the first time."""
    path = state / KEY
    if not path.exists():
        seed = os.urandom(_SEED_BYTES)
        chosen = name or f"witness/{hashlib.sha256(public_key(seed, 'witness').public).hexdigest()[:16]}"
        if not is_name(chosen):
            msg = f"{chosen!r} cannot be the name of a key."
            raise UsageError(msg, advice="Use a name without spaces and without a plus sign.")
        content = f"{chosen}\n{seed.hex()}\n".encode()
        write_whole(os.fsencode(path), content, mode=0o600)
    kept, _, secret = _text(path).removesuffix("\n").partition("\n")
    if not is_name(kept) or len(secret) != 2 * _SEED_BYTES or not set(secret) <= set(_HEX):
        msg = f"The witness's key {path} is damaged."
        raise StoreError(msg, advice=_BACKUP)
    if name is not None and name != kept:
        msg = f"This witness is called {kept}, and keeps its name."
        raise UsageError(msg, advice="Leave --name out, or use another folder for another witness.")
    seed = bytes.fromhex(secret)
    return seed, public_key(seed, kept, COSIGNATURE)


def _text(path: Path) -> str:
    """The text of a file of the witness's own."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
        raise StoreError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path}, which this witness wrote, is no text any more."
        raise StoreError(msg, advice=_BACKUP) from error


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        msg = f"The witness's folder {state} cannot be used: {error.strerror}."
        raise StoreError(msg) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
