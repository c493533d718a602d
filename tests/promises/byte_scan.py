"""Looking for templates in raw bytes: in files, whole folders, databases, whatever form they may have been given.

Every form of a template is cut into aligned pieces of 16 bytes, so that the rest of one that was overwritten in part is
found as well. A piece is looked for at every offset.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Templates

PIECE = 16
FORMS = ("float32", "float16", "int8", "hex", "base64")


def forms_of(template: Templates) -> dict[str, bytes]:
    """One template in every form that we can think of somebody writing."""
    plain = np.ascontiguousarray(template, dtype="<f4").tobytes()
    return {
        "float32": plain,
        "float16": template.astype("<f2").tobytes(),
        "int8": np.rint(127 * template).astype(np.int8).tobytes(),
        "hex": plain.hex().encode("ascii"),
        "base64": base64.b64encode(plain),
    }


class Needles:
    """Templates to be looked for, plain and as their collection turns them."""

    def __init__(self, templates: Iterable[Templates], turn: NDArray[np.float32] | None = None) -> None:
        self.forms: dict[str, bytes] = {}
        for number, template in enumerate(templates):
            self._add(f"{number} plain", template)
            if turn is not None:
                self._add(f"{number} turned", template @ turn.T)
        self._names = {
            form[start : start + PIECE]: name
            for name, form in self.forms.items()
            for start in range(0, len(form) - PIECE + 1, PIECE)
        }
        first = np.frombuffer(b"".join(self._names), dtype="<u2").reshape(-1, PIECE // 2)[:, :2]
        self._begins = np.zeros((2, 1 << 16), dtype=np.bool_)
        self._begins[0, first[:, 0]] = self._begins[1, first[:, 1]] = True

    def _add(self, name: str, template: Templates) -> None:
        self.forms |= {f"{name} {form}": content for form, content in forms_of(template).items()}

    def found_in(self, content: bytes) -> set[str]:
        """Names of the forms of which a piece stands in these bytes."""
        found: set[str] = set()
        if len(content) < PIECE:
            return found
        for offset in (0, 1):
            words = np.frombuffer(content, dtype="<u2", offset=offset, count=(len(content) - offset) // 2)
            likely = np.flatnonzero(self._begins[0, words[:-1]] & self._begins[1, words[1:]])
            for place in (2 * likely + offset).tolist():
                name = self._names.get(content[place : place + PIECE])
                if name is not None:
                    found.add(name)
        return found

    def found_below(self, *folders: Path) -> dict[Path, set[str]]:
        """What was found, by file, in every file of these folders; every file that was read is there."""
        files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
        return {path: self.found_in(path.read_bytes()) for path in files}
