"""Which index a collection of some size gets, and how one is saved and opened again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Templates
from countenance.errors import StaleIndexError
from countenance.index import saved
from countenance.index.flat import Flat

if TYPE_CHECKING:
    from countenance.index.ann import Ann

Index: TypeAlias = "Flat | Ann"
Arrays: TypeAlias = Mapping[str, NDArray[np.generic]]

EXACT_ROWS: Final = 50_000
"""Below, comparing exactly takes as little time as scanning codes and looking again (ADR 0024)."""
_LEAST_SAMPLE: Final = 1_000
"""Codes cannot be learned from fewer, as when a collection has hardly been read with a new model pack."""
_SHORTEST: Final = 32
"""Shorter templates have no directions to spare."""
_MORE: Final = "more "


def new_index(dim: int, sample: Templates, *, expected: int, folder: Path | None = None) -> Index:
    """An empty index for so many templates.

    Args:
        dim: length of the templates.
        sample: (n, dim) of those that will come; an approximate index learns its codes from them.
        expected: how many will come; more may.
        folder: where an encrypted file may be made when they are too many for memory.
    """
    if min(expected, len(sample)) < _LEAST_SAMPLE or expected < EXACT_ROWS or dim < _SHORTEST or dim % 8:
        return Flat(dim)
    from countenance.index.ann import Ann  # noqa: PLC0415 - FAISS takes a fifth of a second, which small archives save

    return Ann.learn(dim, sample, expected=expected, folder=folder)


def save(path: Path, secret: bytes, head: Mapping[str, Any], index: Index, more: Arrays) -> Path:
    """Write an index for the epoch that ``head`` names, with arrays that say whose its rows are.

    Returns:
        The file, which is used once it has the name ``path``: give it that only while the epoch is still the same.

    Raises:
        StoreError: the file cannot be written.
    """
    extra = ((_MORE + name, array) for name, array in more.items())
    what = np.array([index.dim, index.n_rows, index.kind == Flat.kind], dtype="<i8")
    return saved.write(path, secret, head, chain([("what", what)], extra, index.parts()))


def open_saved(
    path: Path, secret: bytes, head: Mapping[str, Any], folder: Path | None = None
) -> tuple[Index, dict[str, NDArray[np.generic]]]:
    """A saved index of exactly this head, and the arrays that were saved with it.

    Raises:
        StaleIndexError: there is none, it is of another epoch, or it is damaged: build it anew.
    """
    parts = saved.read(path, secret, head)
    more: dict[str, NDArray[np.generic]] = {}
    try:
        _, what = next(parts)
        dim, n_rows, is_flat = (int(each) for each in what)
        own = _own(parts, more)
        if is_flat:
            return Flat.from_parts(dim, own), more
        from countenance.index.ann import Ann  # noqa: PLC0415 - as above

        return Ann.from_parts(dim, own, expected=n_rows, folder=folder), more
    except (StopIteration, ValueError, KeyError, RuntimeError) as error:  # FAISS raises RuntimeError for foreign bytes
        msg = "The saved index is damaged."
        raise StaleIndexError(msg) from error


def _own(
    parts: Iterator[tuple[str, NDArray[np.generic]]], more: dict[str, NDArray[np.generic]]
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """The index's own parts; whatever else comes is put aside."""
    for name, array in parts:
        if name.startswith(_MORE):
            more[name.removeprefix(_MORE)] = array
        else:
            yield name, array
