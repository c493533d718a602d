"""The secret turn of template space that belongs to a collection's key (P8)."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
from numpy.typing import NDArray

from countenance.core.rotation import rotation

_LABEL = b"countenance template rotation 1"


def turn_of(key: bytes, dim: int) -> NDArray[np.float32]:
    """The (dim, dim) float32 orthonormal matrix that belongs to a collection's key; it cannot be written to."""
    made = rotation(hmac.new(key, _LABEL, hashlib.sha256).digest(), dim)
    made.flags.writeable = False
    return made
