"""Which of many thousand needles stand in these bytes: fast enough to look at everything an archive holds.

A word of the text is looked at every few bytes only; each piece puts in the words that it would show there, whatever
its offset. Words that pass two hashed tables are compared with the beginnings of the pieces, and what remains byte by
byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.erase.needles import Group, Needles

Words = NDArray[np.uint64]

_MULTIPLIERS: Final = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
_SLOTS_PER_WORD: Final = 16
_FEWEST_SLOTS_LOG2: Final = 14
_MOST_SLOTS_LOG2: Final = 31
_BLOCK: Final = 1 << 15
"""Words that are looked at together: with everything calculated from them they stay in the processor's cache."""
_FLOAT_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class _Net:
    """How a class of pieces is looked for; numbers are bytes of a piece.

    Attributes:
        word: length of a word, at most 8.
        step: from one word of the text to the next.
        grain: what the distance of a piece from a word is a multiple of.
        head: how much of a piece's beginning is compared by number, at most 8.
        halved: pieces are the upper halves of float32 numbers, so the text is twice as long, at each of 4 alignments.
    """

    word: int
    step: int
    grain: int
    head: int
    halved: bool = False

    @property
    def shortest(self) -> int:
        """Pieces of this length show a whole word wherever they stand."""
        return self.word + self.step - self.grain

    @property
    def lanes(self) -> range:
        """Offsets in the text from which on it is read."""
        return range(_FLOAT_BYTES if self.halved else 1)

    def in_text(self, n_bytes: int) -> NDArray[np.int64]:
        """Where in the text the first bytes of a piece stand, from its beginning."""
        places = np.arange(n_bytes)
        return places + places // 2 * 2 + 2 if self.halved else places


_LONG: Final = _Net(word=8, step=8, grain=1, head=8)
_SHORT: Final = _Net(word=3, step=4, grain=1, head=6)
_HALVED: Final = _Net(word=8, step=16, grain=2, head=8, halved=True)


class Sieve:
    """Needles, ready to be looked for."""

    def __init__(self, needles: Needles) -> None:
        by_net: dict[_Net, list[Group]] = {}
        for group in needles.groups:
            long = _HALVED if group.halved else _LONG
            by_net.setdefault(long if group.pieces.shape[1] >= long.shortest else _SHORT, []).append(group)
        self._layers = [_Layer(net, groups) for net, groups in by_net.items()]
        self.longest = max((group.pieces.shape[1] * (2 if group.halved else 1) for group in needles.groups), default=0)
        """Bytes of the longest piece: how much neighbouring parts of one text must overlap, less one."""

    def found_in(self, text: bytes) -> dict[str, int]:
        """Offset of the first place of each kind that stands in the text."""
        found: dict[str, int] = {}
        for layer in self._layers:
            for kind, place in layer.places(text, found):
                found[kind] = min(place, found.get(kind, place))
        return found


class _Table:
    """A hashed set: it lets pass every word that was put in, and a few per cent of the others."""

    def __init__(self, n_words: int, multiplier: int) -> None:
        slots_log2 = min(max(int(_SLOTS_PER_WORD * n_words).bit_length(), _FEWEST_SLOTS_LOG2), _MOST_SLOTS_LOG2)
        self._multiplier = np.uint64(multiplier)
        self._shift = np.uint64(64 - slots_log2)
        self._octets = np.zeros(1 << (slots_log2 - 3), dtype=np.uint8)

    def put(self, words: Words) -> None:
        slots, bits = self._slots_of(words)
        np.bitwise_or.at(self._octets, slots, np.left_shift(1, bits, dtype=np.uint8))

    def passing(self, words: Words) -> NDArray[np.int64]:
        """Numbers of the words that pass."""
        blocks = [np.empty(0, np.int64)]
        for start in range(0, len(words), _BLOCK):
            slots, bits = self._slots_of(words[start : start + _BLOCK])
            # No slot is beyond the table; "clip" only spares looking for one.
            octets = self._octets.take(slots, mode="clip")
            octets >>= bits
            octets &= 1
            blocks.append(start + np.flatnonzero(octets.view(np.bool_)))
        return np.concatenate(blocks)

    def _slots_of(self, words: Words) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        slots = words * self._multiplier
        slots >>= self._shift
        bits = slots.astype(np.uint8)
        bits &= 7
        slots >>= np.uint64(3)
        return slots.view(np.int64), bits


class _Layer:
    def __init__(self, net: _Net, groups: list[Group]) -> None:
        self._net = net
        self._groups = groups
        heads = np.concatenate([_words_at(group.pieces, 0, net.head) for group in groups])
        self._order = np.argsort(heads, kind="stable")
        self._heads = heads[self._order]
        self._firsts = np.cumsum([0, *(len(group.pieces) for group in groups)])
        n_words = len(heads) * (net.step // net.grain)
        self._tables = [_Table(n_words, multiplier) for multiplier in _MULTIPLIERS]
        for group in groups:
            for offset in range(0, net.step, net.grain):
                for table in self._tables:
                    table.put(_words_at(group.pieces, offset, net.word))
        self._begins = _Table(len(heads), _MULTIPLIERS[0])
        self._begins.put(heads)

    def places(self, text: bytes, known: dict[str, int]) -> Iterator[tuple[str, int]]:
        """(kind, offset) of pieces in the text; a kind may come more than once, but not behind a known place."""
        net, octets = self._net, np.frombuffer(text, np.uint8)
        if len(text) < net.shortest:
            return
        head_in_text = net.in_text(net.head)
        for lane in net.lanes:
            words = self._words_of(text, lane)
            first, second = self._tables
            likely = first.passing(words)
            likely = likely[second.passing(words[likely])]
            before = likely[:, None] * net.step - np.arange(0, net.step, net.grain)
            starts = before.ravel() * (2 if net.halved else 1) + lane
            starts = starts[(starts >= 0) & (starts + head_in_text[-1] < len(text))]
            heads = _words_at(octets[starts[:, None] + head_in_text], 0, net.head)
            likely = self._begins.passing(heads)
            starts, heads = starts[likely], heads[likely]
            firsts = np.searchsorted(self._heads, heads)
            firsts[firsts == len(self._heads)] = 0
            for number in np.flatnonzero(self._heads[firsts] == heads).tolist():
                yield from self._exact(text, int(starts[number]), int(firsts[number]), known)

    def _words_of(self, text: bytes, lane: int) -> Words:
        """Words of the text, one in each step."""
        net = self._net
        if net.halved:
            # A word is the upper halves of four numbers; eight numbers on comes the next.
            n_words = (len(text) - lane + 4 * _FLOAT_BYTES) // (8 * _FLOAT_BYTES)
            upper = np.ndarray((n_words, 4), "<u2", text, lane + 2, (8 * _FLOAT_BYTES, _FLOAT_BYTES))
            return np.ascontiguousarray(upper).view("<u8")[:, 0]
        n_words = len(text) // net.step
        if net.word == net.step:
            return np.frombuffer(text, "<u8", n_words)
        return (np.frombuffer(text, "<u4", n_words) & np.uint32(0xFFFFFF)).astype(np.uint64)

    def _exact(self, text: bytes, start: int, first: int, known: dict[str, int]) -> Iterator[tuple[str, int]]:
        """The pieces that begin alike, byte by byte."""
        head = self._heads[first]
        while first < len(self._heads) and self._heads[first] == head:
            number = int(self._order[first])
            place = int(np.searchsorted(self._firsts, number, side="right")) - 1
            group = self._groups[place]
            if known.get(group.kind, start + 1) > start:
                piece = group.pieces[number - self._firsts[place]]
                there = text[start : start + len(piece) * (2 if group.halved else 1)]
                if group.halved:
                    there = np.frombuffer(there, "<u2", len(there) // 2)[1::2].tobytes()
                if there == piece.tobytes():
                    yield group.kind, start
            first += 1


_BIT: Final = np.left_shift(1, np.arange(8)).astype(np.uint8)


def _words_at(pieces: NDArray[np.uint8], offset: int, n_bytes: int) -> Words:
    """(n,) the bytes of each row from an offset on, as one number, the lowest byte first."""
    wide = np.zeros((len(pieces), 8), dtype=np.uint8)
    wide[:, :n_bytes] = pieces[:, offset : offset + n_bytes]
    return wide.view("<u8")[:, 0]
