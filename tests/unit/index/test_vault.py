from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from countenance.errors import StoreError
from countenance.index.vault import FileVault, MemoryVault, floats


def test_every_finite_float16_is_the_same_float32() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    wide = floats(finite)
    assert wide.dtype == np.float32
    assert np.array_equal(wide, finite.astype(np.float32))
    assert np.array_equal(np.signbit(wide), np.signbit(finite))


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_rows_come_back_in_any_order(kind: str, tmp_path: Path) -> None:
    vault = MemoryVault(16) if kind == "memory" else FileVault(16, tmp_path)
    rows = np.random.default_rng(1).normal(size=(100, 16)).astype(np.float16)
    for start in range(0, 100, 30):
        vault.append(rows[start : start + 30].astype(np.float32))
    assert len(vault) == 100
    asked = np.array([99, 0, 31, 31, 7])
    assert np.array_equal(vault.take(asked), rows[asked])
    assert np.array_equal(np.concatenate(list(vault.blocks())), rows)
    assert vault.take(np.empty(0, dtype=np.int64)).shape == (0, 16)


def test_two_files_of_the_same_rows_differ(tmp_path: Path) -> None:
    rows = np.ones((50, 16), dtype=np.float32)
    contents = []
    for _ in range(2):
        vault = FileVault(16, tmp_path)
        vault.append(rows)
        vault._file.seek(0)
        contents.append(vault._file.read())
    assert contents[0] != contents[1]
    assert len(contents[0]) == 50 * 32


def test_a_file_needs_a_folder_and_rows_of_whole_blocks(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="multiple of 8"):
        FileVault(12, tmp_path)
    with pytest.raises(StoreError, match="No file for templates"):
        FileVault(16, tmp_path / "nowhere")
