"""The clearance policy of an organisation: a small TOML, checked to the last word before anything is decided by it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from countenance.core.clearance import Action, Counting, FaceState, PhotoState, Policy
from countenance.errors import UsageError

DEFAULT_POLICY = """\
# What clearing a photo does with each face: publish, redact (hide the head), ask (a person must look) or block (the
# whole photo stays in). Only `consented` may be published; the rest is yours to choose.
[actions]
consented = "publish"
consent-missing = "redact"
consent-expired = "redact"
not-for-this-channel = "redact"
withdrawn = "redact"
must-not-appear = "block"
unconfirmed = "ask"
unknown = "redact"
too-poor-to-tell = "redact"
# Of whole photos: no face was found though somebody seems to be there; only a part of the file could be read.
signs-of-people = "ask"
damaged = "ask"

[recognition]
# A machine's suggestion counts from the "certain" score on that `countenance calibrate` measures; "match" lets every
# suggestion count, "never" none. Before anything is measured, none is enough to show anybody.
suggestions = "certain"
# Faces below this quality (0 to 100) are too poor to tell.
usable_quality = 20
# Two people whose scores for one face differ by this or less are not told apart.
lookalike_margin = 0.02
"""

MOST_LOOKALIKE_MARGIN = 0.05
"""Second-best people are noted down to so far below the match score (the operating floor), so no larger lead can be
asked for."""
_MOST = {"usable_quality": 100, "lookalike_margin": MOST_LOOKALIKE_MARGIN}


def parse_policy(text: str) -> Policy:
    """A policy from TOML; what it does not say is as in ``DEFAULT_POLICY``.

    Raises:
        UsageError: not TOML, an unknown word, a value out of range, or a state that may not be published.
    """
    try:
        given, problem = tomllib.loads(text), None
    except tomllib.TOMLDecodeError as error:
        given, problem = {}, f"it is not TOML: {error}"
    base = tomllib.loads(DEFAULT_POLICY)
    problem = problem or next(_problems(given, base), None)
    if problem is not None:
        msg = f"The clearance policy cannot be used: {problem}."
        raise UsageError(msg, advice="Correct that line and run it again.")
    actions = base["actions"] | given.get("actions", {})
    recognition = base["recognition"] | given.get("recognition", {})
    states: dict[str, FaceState | PhotoState] = {**{str(s): s for s in FaceState}, **{str(s): s for s in PhotoState}}
    return Policy(
        {states[name]: Action(value) for name, value in actions.items()},
        Counting(recognition["suggestions"]),
        float(recognition["usable_quality"]),
        float(recognition["lookalike_margin"]),
    )


def _problems(given: Mapping[str, Any], base: Mapping[str, Any]) -> Iterator[str]:
    for table, values in given.items():
        if table in base and isinstance(values, dict):
            for name, value in values.items():
                yield from _value_problems(table, name, value, base[table])
        else:
            yield f"{table!r} is none of its tables ({', '.join(base)})"


def _value_problems(table: str, name: str, value: object, known: Mapping[str, Any]) -> Iterator[str]:
    if name not in known:
        yield f"[{table}] has no {name!r}; it has {', '.join(known)}"
    elif table == "actions":
        yield from _action_problems(name, value)
    elif name == "suggestions":
        if value not in list(Counting):
            yield f"suggestions = {value!r} is none of {', '.join(Counting)}"
    elif not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _MOST[name]:
        yield f"{name} must be a number between 0 and {_MOST[name]}, not {value!r}"


def _action_problems(name: str, value: object) -> Iterator[str]:
    if value not in list(Action):
        yield f"{name} = {value!r} is none of {', '.join(Action)}"
    elif value == Action.PUBLISH and name != FaceState.CONSENTED:
        yield f"{name} must not be published; choose redact, ask or block"
    elif value == Action.REDACT and name in list(PhotoState):
        # There is no face to hide, so the photo would go out as it is.
        yield f"{name} is about a whole photo; choose ask or block"
