from __future__ import annotations

import numpy as np
import pytest

from countenance.core.arrays import unit_rows


def test_rows_get_unit_length_and_keep_their_direction() -> None:
    rows = unit_rows(np.array([[3.0, 4.0], [-10.0, 0.0]]))
    assert rows == pytest.approx(np.array([[0.6, 0.8], [-1.0, 0.0]]))
    assert rows.dtype == np.float32


def test_a_row_of_zeros_stays_zero() -> None:
    assert unit_rows(np.zeros((1, 3), dtype=np.float32)).tolist() == [[0.0, 0.0, 0.0]]


def test_large_and_tiny_float32_rows_do_not_overflow_or_vanish() -> None:
    rows = unit_rows(np.array([[3e30, 4e30], [3e-30, 4e-30]], dtype=np.float32))
    assert rows == pytest.approx(np.array([[0.6, 0.8], [0.6, 0.8]]))


def test_no_rows() -> None:
    assert unit_rows(np.empty((0, 4), dtype=np.float32)).shape == (0, 4)
