"""One spelling for one value: JSON that is the same bytes wherever it is written, so that it can be hashed and signed.

Source: RFC 8785, "JSON Canonicalization Scheme (JCS)", with numbers as ECMAScript writes them (ECMA-262, 6.1.6.1.20).
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

LARGEST: Final = 2**53 - 1
"""Whole numbers beyond it are not the same number in every JSON reader, so they are refused."""
_EXPONENT_FROM: Final = 21
_EXPONENT_BELOW: Final = -7


def canonical(value: Any) -> bytes:  # noqa: ANN401 - JSON
    """The value as canonical JSON: keys in order of their UTF-16 code units, no space, shortest numbers, UTF-8.

    Args:
        value: None, bool, int within 2**53 - 1, finite float, str without lone surrogates, or lists and dicts of these.

    Raises:
        ValueError: the value has no canonical form.

    Examples:
        >>> canonical({"b": [1, 2.50, True], "a": "é"}).decode()
        '{"a":"é","b":[1,2.5,true]}'
    """
    try:
        return _text(value).encode("utf-8")
    except (UnicodeEncodeError, RecursionError) as error:
        msg = "This value has no canonical JSON form."
        raise ValueError(msg) from error


def parse(content: bytes) -> Any:  # noqa: ANN401 - JSON
    """The value again.

    Raises:
        ValueError: the bytes are not exactly the canonical form of a value.
    """
    try:
        value = json.loads(content, parse_int=_whole)
    except (ValueError, RecursionError) as error:  # also of bytes that are no text
        msg = "These bytes are not canonical JSON."
        raise ValueError(msg) from error
    if canonical(value) != content:
        msg = "These bytes are not canonical JSON."
        raise ValueError(msg)
    return value


def _whole(digits: str) -> int | float:
    """A whole number; beyond 2**53 - 1 it can only have been a float."""
    return int(digits) if abs(int(digits)) <= LARGEST else float(digits)


def _text(value: Any) -> str:  # noqa: ANN401 - one line for each kind of value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        if abs(value) > LARGEST:
            msg = f"{value} is too large for JSON."
            raise ValueError(msg)
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        ordered = sorted(value.items(), key=lambda each: each[0].encode("utf-16-be"))
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_text(inner)}" for key, inner in ordered) + "}"
    msg = f"A {type(value).__name__} has no canonical JSON form."
    raise ValueError(msg)


def _number(value: float) -> str:
    """A float as ECMAScript spells it; Python finds the same shortest digits."""
    if not math.isfinite(value):
        msg = "JSON has no infinite numbers and no NaN."
        raise ValueError(msg)
    if value == 0:
        return "0"
    sign, digits, exponent = _parts(value)
    point = exponent + len(digits)  # digits before the decimal point
    if len(digits) <= point <= _EXPONENT_FROM:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= _EXPONENT_FROM:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if _EXPONENT_BELOW < point - 1 < 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"


def _parts(value: float) -> tuple[str, str, int]:
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0")
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or 0) - len(fraction)
    shorter = digits.rstrip("0")
    return "-" if value < 0 else "", shorter, power + len(digits) - len(shorter)
