"""Files and keys that proofs come in, as commands take them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from countenance.core.notes import MOST_TEXT, parse_key
from countenance.errors import ConflictError, NotFoundError, StoreError, UsageError
from countenance.ledger.verify import MOST_RECEIPT_BYTES


def read_key(given: str) -> str:
    """The line of a public key, from itself or from a file that holds it.

    Raises:
        UsageError: it is neither.
    """
    if _is_key(given):
        return given
    with suppress(OSError, ValueError):
        line = Path(given).read_text("utf-8").strip()
        if _is_key(line):
            return line
    msg = f"{given!r} is no key, and no file that holds one."
    raise UsageError(msg, advice="A key is one line: a name, a plus sign, an id, a plus sign and base64.")


def read_bytes(path: Path) -> bytes:
    """The content of a file that was given.

    Raises:
        NotFoundError: it cannot be read.
        UsageError: it is too long for anything that is verified here.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_RECEIPT_BYTES + 1)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
        raise NotFoundError(msg, advice="Check its path and permissions.") from error
    if len(content) > MOST_RECEIPT_BYTES:
        msg = f"{path} is too long to be a receipt, a proof or a checkpoint."
        raise UsageError(msg)
    return content


def read_text(path: Path) -> str:
    """The text of a file that was given.

    Raises:
        NotFoundError: it cannot be read.
        UsageError: it is no text of the length of a proof.
    """
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path} is no text in UTF-8."
        raise UsageError(msg) from error
    if len(text) > MOST_TEXT:
        msg = f"{path} is too long to be a proof or a checkpoint."
        raise UsageError(msg)
    return text


def require_new(path: Path | None) -> None:
    """Raise before work begins whose result could not be written to this new file.

    Raises:
        ConflictError: there is one already.
        NotFoundError: its folder cannot be written.
    """
    if path is None:
        return
    if path.exists() or path.is_symlink():
        msg = f"{path} exists already."
        raise ConflictError(msg, advice="Name a new file.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        msg = f"{path} cannot be written: its folder is not there, or is not yours to write."
        raise NotFoundError(msg, advice="Make the folder first, or name another file.")


def write_new(path: Path, content: bytes) -> None:
    """Write a new file.

    Raises:
        ConflictError: there is one already.
        StoreError: it cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        msg = f"{path} exists already."
        raise ConflictError(msg, advice="Name a new file.") from error
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}."
        raise StoreError(msg, advice="Check free disk space and the permissions of its folder.") from error


def _is_key(line: str) -> bool:
    try:
        parse_key(line)
    except ValueError:
        return False
    return True
