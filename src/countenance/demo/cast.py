"""The people whom the demo and the tests use."""

from __future__ import annotations

from typing import Final

CAST: Final[tuple[int, ...]] = tuple(range(24))
"""Seeds of people who look least alike."""
