"""A collection's secret turn of template space: equal scores inside, chance outside (P8)."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_LABEL = b"countenance rotation 1\0"
_UNIFORM_BYTES = 8
_MANTISSA_SHIFT = 11
_MANTISSA_STEP = 2.0**-53


def rotation(secret: bytes, dim: int) -> NDArray[np.float32]:
    """The orthonormal matrix that belongs to a secret.

    Args:
        secret: at least 16 bytes that nobody else knows.
        dim: length of the templates, 1 or more.

    Returns:
        (dim, dim) float32, drawn evenly from all orthonormal matrices; ``templates @ matrix.T`` turns (n, dim)
        templates and ``turned @ matrix`` turns them back. The same secret gives the same matrix on every machine, to
        within the last bit of float32.

    Raises:
        ValueError: the secret is too short, or ``dim`` is not positive.

    Source:
        F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS 54(5),
        2007: QR of a Gaussian matrix, with the signs of R's diagonal moved into Q. Gaussians by G. E. P. Box and
        M. E. Muller, 1958, from the output of SHAKE-256 (FIPS 202).
    """
    least = 16
    if len(secret) < least or dim < 1:
        msg = f"A rotation needs a secret of {least} bytes or more and a dimension of 1 or more."
        raise ValueError(msg)
    gaussian = _gaussians(secret, dim * dim).reshape(dim, dim)
    q, r = np.linalg.qr(gaussian)
    return np.asarray(q * np.sign(np.diagonal(r)), dtype=np.float32)


def _gaussians(secret: bytes, count: int) -> NDArray[np.float64]:
    pairs = (count + 1) // 2
    stream = hashlib.shake_256(_LABEL + len(secret).to_bytes(8, "big") + secret).digest(2 * pairs * _UNIFORM_BYTES)
    whole = np.frombuffer(stream, dtype=">u8").astype(np.uint64) >> np.uint64(_MANTISSA_SHIFT)
    # In (0, 1]: the logarithm below must never see zero.
    uniform = (whole.astype(np.float64) + 1.0) * _MANTISSA_STEP
    radius = np.sqrt(-2.0 * np.log(uniform[:pairs]))
    angle = 2.0 * np.pi * uniform[pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
