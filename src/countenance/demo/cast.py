"""The people whom the demo and the tests use."""

from __future__ import annotations

from typing import Final

CAST: Final[tuple[int, ...]] = (
    55,
    179,
    297,
    382,
    426,
    695,
    1020,
    1106,
    1171,
    1222,
    1244,
    1310,
    1321,
    1349,
    1427,
    1430,
    1852,
    1883,
    1917,
    2032,
    2138,
    2271,
    2295,
    2572,
)
"""Seeds of people who look least alike."""
