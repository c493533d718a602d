"""What a sweep looks for: templates, names and pieces of deleted files, in every form somebody may have written them.

Every form is cut into aligned pieces, so that the rest of one that was overwritten in part is found as well. Needles
are as sensitive as what they were made from: they are never printed, and they are sealed wherever they are kept.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Templates
from countenance.core.canonical import canonical, parse
from countenance.errors import DamagedError
from countenance.store.mentions import spellings

SHORTEST_BYTES: Final = 6
"""A shorter needle would be found by chance, so it is left out and counted."""

MOST_TEMPLATES: Final = 10_000
"""Of more, as when a whole collection is destroyed, so many are looked for."""

_PIECE_BYTES: Final = {"float32": 24, "float16": 32, "int8": 32, "hex": 128, "HEX": 128, "base64": 160, "block": 32}
_LEAST_BYTES: Final = {"float32": 24}
_LEAST_BYTES_ELSE: Final = 16
"""Where a form is shorter than its piece, it is one piece; below this it is left out."""
_LEAST_DISTINCT: Final = {"block": 16}
_LEAST_DISTINCT_ELSE: Final = 6
"""Pieces with fewer different bytes (zeros, a flat area of a picture) stand in files of other people too."""
_BLOCKS_OF_A_FILE: Final = 8
_SCAN: Final = b"\xff\xda"
_MAGIC: Final = b"CNTNDL1\n"
_HEAD_BYTES: Final = 4

Pieces = NDArray[np.uint8]
"""(n, length) uint8, one piece to be looked for in each row."""


@dataclass(frozen=True, slots=True, repr=False)
class Group:
    """Pieces of one kind and length.

    Attributes:
        kind: what was written and how, such as ``plain float16`` or ``name utf-8``.
        pieces: (n, length) uint8.
        halved: the pieces are the upper halves of float32 numbers only. A template that is turned and turned back is
            the same up to rounding, which the upper halves do not show.
    """

    kind: str
    pieces: Pieces
    halved: bool = False


class Needles:
    """Pieces to be looked for, by kind.

    Attributes:
        groups: what a search needs.
        too_short: values left out because they are too short.
        too_plain: pieces left out because they would be found in anybody's files.
        too_many: templates left out because a sweep for so many would not end in time; those taken are spread evenly.
    """

    def __init__(
        self,
        groups: Iterable[Group] = (),
        n_by_kind: dict[str, int] | None = None,
        *,
        too_short: int = 0,
        too_plain: int = 0,
        too_many: int = 0,
    ) -> None:
        self.groups = _joined(groups)
        self._n_by_kind = Counter(n_by_kind or {})
        self.too_short = too_short
        self.too_plain = too_plain
        self.too_many = too_many

    def __add__(self, other: Needles) -> Needles:
        """Both together."""
        return Needles(
            (*self.groups, *other.groups),
            self._n_by_kind + other._n_by_kind,
            too_short=self.too_short + other.too_short,
            too_plain=self.too_plain + other.too_plain,
            too_many=self.too_many + other.too_many,
        )

    def __len__(self) -> int:
        """Values times forms; each may be cut into many pieces."""
        return self._n_by_kind.total()

    def __repr__(self) -> str:
        """Counts only."""
        return f"Needles({len(self)} of {len(self._n_by_kind)} kinds)"

    def kinds(self) -> dict[str, int]:
        """How many needles there are, by kind in alphabetical order."""
        return dict(sorted(self._n_by_kind.items()))

    def to_bytes(self) -> bytes:
        """One piece of bytes, to be sealed."""
        head = canonical(
            {
                "groups": [[group.kind, group.halved, *group.pieces.shape] for group in self.groups],
                "kinds": self.kinds(),
                "too_many": self.too_many,
                "too_plain": self.too_plain,
                "too_short": self.too_short,
            }
        )
        pieces = b"".join(group.pieces.tobytes() for group in self.groups)
        return b"".join((_MAGIC, len(head).to_bytes(_HEAD_BYTES, "big"), head, pieces))

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The needles again.

        Raises:
            DamagedError: these are not needles that ``to_bytes`` wrote.
        """
        start = len(_MAGIC) + _HEAD_BYTES
        end = start + int.from_bytes(content[len(_MAGIC) : start], "big")
        msg = "The needles of this erasure are damaged."
        if not content.startswith(_MAGIC):
            raise DamagedError(msg)
        try:
            head = parse(content[start:end])
            groups = []
            for kind, halved, n_pieces, length in head["groups"]:
                rows = np.frombuffer(content, np.uint8, n_pieces * length, end).reshape(n_pieces, length)
                groups.append(Group(kind, rows, halved))
                end += rows.size
            left_out = {name: head[name] for name in ("too_short", "too_plain", "too_many")}
            found = cls(groups, head["kinds"], **left_out)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedError(msg) from error
        if end != len(content):
            raise DamagedError(msg)
        return found


def of_templates(templates: Templates, word: str = "plain", *, turn: NDArray[np.float32] | None = None) -> Needles:
    """Templates as float32, float16, int8 (127 times the value), hexadecimal and base64.

    The first three are found although a calculation rounded otherwise; in hexadecimal and base64 the float32 numbers
    must be the same to the last bit.

    Args:
        templates: (n, d) float32, or (d,) for one.
        word: begins the kinds.
        turn: (d, d) rotation of the collection; the templates are looked for as it turns them, too.
    """
    rows = np.atleast_2d(np.asarray(templates, dtype=np.float32))
    if not rows.size:
        return Needles()
    if len(rows) > MOST_TEMPLATES:
        chosen = np.linspace(0, len(rows) - 1, MOST_TEMPLATES).astype(np.int64)
        return Needles(too_many=len(rows) - MOST_TEMPLATES) + of_templates(rows[chosen], word, turn=turn)
    found = _sum(_fixed(f"{word} {form}", form, content) for form, content in _forms(rows))
    if turn is not None:
        found += of_templates(np.stack([row @ turn.T for row in rows]), "turned")
    return found


def spelled(template: Templates) -> list[bytes]:
    """One template (d,) as somebody may write it, in every form that ``of_templates`` finds."""
    plain = np.asarray(template, dtype="<f4").tobytes()
    small = np.rint(127 * np.clip(template, -1, 1)).astype(np.int8).tobytes()
    digits = plain.hex().encode("ascii")
    return [plain, np.asarray(template, "<f2").tobytes(), small, digits, digits.upper(), base64.b64encode(plain)]


def of_names(names: Iterable[str], word: str = "name") -> Needles:
    """Names in UTF-8 and both orders of UTF-16, composed and decomposed, each looked for as a whole.

    Args:
        names: any text about a person that a file may hold: names, addresses, file names of evidence.
        word: begins the kinds.
    """
    too_short = 0
    by_kind: dict[tuple[str, int], list[bytes]] = {}
    n_by_kind: Counter[str] = Counter()
    for name in dict.fromkeys(name.strip() for name in names):
        for code in ("utf-8", "utf-16-le", "utf-16-be"):
            for spelling in spellings(name):
                written = spelling.encode(code, "surrogatepass" if code != "utf-8" else "surrogateescape")
                if len(written) < SHORTEST_BYTES:
                    too_short += 1
                    continue
                by_kind.setdefault((f"{word} {code}", len(written)), []).append(written)
                n_by_kind[f"{word} {code}"] += 1
    groups = [Group(kind, _rows(written, length)) for (kind, length), written in by_kind.items()]
    return Needles(groups, n_by_kind, too_short=too_short)


def of_files(contents: Iterable[bytes], word: str = "file") -> Needles:
    """Blocks of files that were deleted: pieces of each, spread over its picture.

    A block is also found in another file that holds the same part of the same picture, so give only files of which no
    such sibling is kept.

    Args:
        contents: whole files; of a JPEG, the blocks come from behind the headers.
        word: begins the kind.
    """
    length = _PIECE_BYTES["block"]
    blocks = list[bytes]()
    too_short = too_plain = n_files = 0
    for content in contents:
        start = max(content.rfind(_SCAN), 0) if content.startswith(b"\xff\xd8") else 0
        places = np.linspace(start, len(content) - length, 4 * _BLOCKS_OF_A_FILE, dtype=np.int64)
        apart = dict.fromkeys(places.tolist()) if len(content) >= start + length else ()
        pieces = [content[place : place + length] for place in apart]
        telling = [piece for piece in pieces if len(set(piece)) >= _LEAST_DISTINCT["block"]]
        chosen = telling[:: max(1, len(telling) // _BLOCKS_OF_A_FILE)][:_BLOCKS_OF_A_FILE]
        blocks += chosen
        n_files += bool(chosen)
        too_short += not pieces
        too_plain += bool(pieces) and not chosen
    kind = f"{word} block"
    groups = [Group(kind, _rows(blocks, length))] if blocks else []
    return Needles(groups, {kind: n_files} if n_files else {}, too_short=too_short, too_plain=too_plain)


def _forms(rows: Templates) -> Iterable[tuple[str, Pieces]]:
    """(form, (n, length) uint8) of templates; base64 comes three times, as it looks inside a larger stream."""
    plain = np.ascontiguousarray(rows, dtype="<f4")
    as_bytes = plain.view(np.uint8).reshape(len(plain), -1)
    yield "float32", np.ascontiguousarray(plain.view("<u2")[:, 1::2]).view(np.uint8)
    yield "float16", np.ascontiguousarray(rows, dtype="<f2").view(np.uint8).reshape(len(rows), -1)
    yield "int8", np.rint(127 * np.clip(rows, -1, 1)).astype(np.int8).view(np.uint8)
    for form, digits in (("hex", b"0123456789abcdef"), ("HEX", b"0123456789ABCDEF")):
        table = np.frombuffer(digits, np.uint8)
        yield form, np.stack([table[as_bytes >> 4], table[as_bytes & 15]], axis=2).reshape(len(rows), -1)
    for before in range(3):
        # The first characters depend on what stands before, the last ones on what comes behind.
        sides = [b"\0" * before + row.tobytes() for row in as_bytes]
        first, last = (before * 8 + 5) // 6, (before + as_bytes.shape[1]) * 8 // 6
        yield "base64", _rows([base64.b64encode(side)[first:last] for side in sides], last - first)


def _fixed(kind: str, form: str, written: Pieces) -> Needles:
    """Needles of one form: cut into aligned pieces, the last of them at the end."""
    n_rows, n_bytes = written.shape
    length = min(_PIECE_BYTES[form], n_bytes)
    if length < _LEAST_BYTES.get(form, _LEAST_BYTES_ELSE) or not n_rows:
        return Needles(too_short=n_rows)
    starts = [*range(0, n_bytes - length, length), n_bytes - length]
    pieces = np.concatenate([written[:, start : start + length] for start in starts])
    telling = pieces[_n_distinct(pieces) >= _LEAST_DISTINCT.get(form, _LEAST_DISTINCT_ELSE)]
    n_by_kind = {kind: n_rows} if len(telling) else {}
    return Needles([Group(kind, telling, form == "float32")], n_by_kind, too_plain=len(pieces) - len(telling))


def _n_distinct(pieces: Pieces) -> NDArray[np.int64]:
    """(n,) how many different bytes each piece has."""
    ordered = np.sort(pieces, axis=1)
    return np.asarray(1 + np.count_nonzero(ordered[:, 1:] != ordered[:, :-1], axis=1), dtype=np.int64)


def _rows(written: Sequence[bytes], length: int) -> Pieces:
    return np.frombuffer(b"".join(written), np.uint8).reshape(len(written), length)


def _sum(parts: Iterable[Needles]) -> Needles:
    return sum(parts, Needles())


def _joined(groups: Iterable[Group]) -> tuple[Group, ...]:
    """One group for each kind and length."""
    together: dict[tuple[str, int, bool], list[Pieces]] = {}
    for group in groups:
        if len(group.pieces):
            together.setdefault((group.kind, group.pieces.shape[1], group.halved), []).append(group.pieces)
    return tuple(Group(kind, np.concatenate(pieces), halved) for (kind, _, halved), pieces in together.items())
