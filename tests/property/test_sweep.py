"""Whatever is put anywhere into a file, in whatever form, the sweep finds it, and finds nothing else."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from countenance.erase import sieve
from countenance.erase.needles import Needles, of_names, of_templates, spelled
from countenance.erase.sweep import sweep
from tests.unit.store.world import vectors

FORMS = ("float32", "float16", "int8", "hex", "HEX", "base64")
NAMES = ("Li Wei", "Zoë Åkesson", "Ann Catherine Smith-Featherstonehaugh")
TEMPLATES = vectors(3, 11, 128)
NEEDLES = [of_templates(template, f"{number}") for number, template in enumerate(TEMPLATES)]
NEEDLES += [of_names([name], name) for name in NAMES]
EVERYTHING = sum(NEEDLES, Needles())
CODES = ("utf-8", "utf-16-le", "utf-16-be")

written = st.one_of(
    st.tuples(st.integers(0, 2), st.sampled_from(FORMS)).map(
        lambda each: (f"{each[0]} {each[1]}", spelled(TEMPLATES[each[0]])[FORMS.index(each[1])])
    ),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(CODES)).map(
        lambda each: (f"{each[0]} {each[1]}", each[0].encode(each[1]))
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), written), max_size=6), st.integers(0, 2**32 - 1))
def test_what_is_put_in_is_found_and_nothing_else(parts: list[tuple[int, tuple[str, bytes]]], seed: int) -> None:
    noise = np.random.default_rng(seed)
    first, text = dict[str, int](), b""
    for gap, (kind, content) in parts:
        text += b"\xfe" + noise.bytes(gap) + b"\xfe"
        first.setdefault(kind, len(text))
        text += content
    with TemporaryDirectory() as folder:
        (Path(folder) / "file").write_bytes(text + b"\xfe")
        swept = sweep(EVERYTHING, [Path(folder)])

    assert {hit.kind: hit.offset for hit in swept.found} == first


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 2**32 - 1), st.integers(0, 130))
def test_the_sieve_agrees_with_a_plain_search(text: bytes, seed: int, before: int) -> None:
    noise = np.random.default_rng(seed)
    whole = spelled(TEMPLATES[seed % 3])[1 + seed % 5]
    start = int(noise.integers(0, len(whole)))
    text = noise.bytes(before) + whole[start : start + int(noise.integers(0, len(whole)))] + text
    pieces = {
        (group.kind, piece.tobytes()) for group in EVERYTHING.groups if not group.halved for piece in group.pieces
    }
    plain = {kind for kind, piece in pieces if piece in text}

    found = set(sieve.Sieve(EVERYTHING).found_in(text))

    assert {kind for kind in found if not kind.endswith("float32")} == plain
