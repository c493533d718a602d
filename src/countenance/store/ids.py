"""Ids of rows. A subject's id is pure chance; photos get ids that grow with time, so that new rows land together."""

from __future__ import annotations

import secrets
import time


def random_id() -> str:
    """24 hex digits of chance (96 bits)."""
    return secrets.token_hex(12)


def ordered_id() -> str:
    """24 hex digits: 11 of milliseconds since 1970, 13 of chance (52 bits)."""
    return f"{time.time_ns() // 1_000_000:011x}{secrets.randbits(52):013x}"


def face_id(photo: str, ordinal: int) -> str:
    """Id of a photo's face with this ordinal."""
    return f"{photo}-{ordinal}"
