"""A search for many byte strings that shares no code with the sweep of the product: it looks at every offset.

Each string is cut into aligned pieces of 16 bytes; the first three bytes of a piece are looked up at every offset, then
the next eight, then all.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from countenance.core.arrays import Templates

PIECE = 16
_PART = 8 << 20


def forms_of(templates: Templates) -> dict[str, list[bytes]]:
    """Templates in every form, by form; base64 at three alignments, without the characters that depend on others."""
    found: dict[str, list[bytes]] = {}
    for template in templates:
        plain = np.asarray(template, "<f4").tobytes()
        found.setdefault("float32", []).append(plain)
        found.setdefault("float16", []).append(np.asarray(template, "<f2").tobytes())
        found.setdefault("int8", []).append(np.rint(127 * template).astype(np.int8).tobytes())
        found.setdefault("hex", []).extend([plain.hex().encode(), plain.hex().upper().encode()])
        inside = [base64.b64encode(b"\0" * before + plain)[4:-4] for before in range(3)]
        found.setdefault("base64", []).extend(inside)
    return found


class Search:
    """Byte strings to be looked for, by kind."""

    def __init__(self, wanted: Mapping[str, Iterable[bytes]]) -> None:
        self._kinds: dict[bytes, str] = {}
        self._short: list[tuple[str, bytes]] = []
        for kind, strings in wanted.items():
            for string in strings:
                if len(string) < PIECE:
                    self._short.append((kind, string))
                for start in range(0, len(string) - PIECE + 1, PIECE):
                    self._kinds[string[start : start + PIECE]] = kind
        pieces = np.frombuffer(b"".join(self._kinds) or b"\0" * PIECE, np.uint8).reshape(-1, PIECE)
        self._begins = np.zeros(1 << 24, np.bool_)
        self._begins[pieces[:, :3] @ np.array([1, 1 << 8, 1 << 16])] = True
        self._next = np.unique(np.ascontiguousarray(pieces[:, 3:11]).view("<u8")[:, 0])

    def __len__(self) -> int:
        """How many pieces."""
        return len(self._kinds) + len(self._short)

    def found_in(self, path: Path) -> set[tuple[str, bytes]]:
        """(kind, piece) of everything that stands in a file."""
        found: set[tuple[str, bytes]] = set()
        with path.open("rb") as file:
            kept = b""
            while part := file.read(_PART):
                text = kept + part
                found |= self._in(text)
                kept = text[-4 * PIECE :]
        return found

    def _in(self, text: bytes) -> set[tuple[str, bytes]]:
        found = {(kind, string) for kind, string in self._short if string in text}
        octets = np.frombuffer(text, np.uint8)
        for offset in range(4):
            words = np.frombuffer(text, "<u4", (len(text) - offset) // 4, offset)
            places = 4 * np.flatnonzero(self._begins[words & 0xFFFFFF]) + offset
            places = places[places <= len(text) - PIECE]
            following = octets[places[:, None] + np.arange(3, 11)].view("<u8")[:, 0]
            at = np.searchsorted(self._next, following).clip(max=len(self._next) - 1)
            for place in places[self._next[at] == following].tolist():
                piece = text[place : place + PIECE]
                if piece in self._kinds:
                    found.add((self._kinds[piece], piece))
        return found
