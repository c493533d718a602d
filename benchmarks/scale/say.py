"""Numbers as a guide says them: two digits, and a unit that fits."""

from __future__ import annotations

from math import floor, log10

_BYTES = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_SECONDS = ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
_COUNTS = ((1e9, "billion"), (1e6, "million"))


def number(value: float, digits: int = 2) -> str:
    """A count: 940, 14,000, 9.3 million, 100 billion."""
    rounded = _rounded(value, digits)
    for least, name in _COUNTS:
        if rounded >= least:
            return f"{exact(_rounded(rounded / least, digits))} {name}"
    return exact(rounded)


def size(value: float, digits: int = 2) -> str:
    """Bytes, in thousands: 16 B, 2.6 GB."""
    rounded = _rounded(value, digits)
    for least, unit in _BYTES:
        if rounded >= least:
            return f"{exact(_rounded(rounded / least, digits))} {unit}"
    return f"{exact(rounded)} B"


def span(value: float, digits: int = 2) -> str:
    """Seconds: 0.46 ms, 9.7 s, 18 min. A unit is used from twice its length on."""
    for least, unit in _SECONDS:
        if value >= (2 * least if least > 1 else least):
            return f"{exact(_rounded(value / least, digits))} {unit}"
    return f"{exact(_rounded(1e3 * value, digits))} ms"


def exact(value: float) -> str:
    """A number with commas, and without digits that say nothing."""
    return f"{value:,.10g}" if value < 1e9 else f"{value:,.0f}"  # noqa: PLR2004 - where ten digits end


def _rounded(value: float, digits: int) -> float:
    return round(value, digits - 1 - floor(log10(abs(value)))) if value else 0.0
