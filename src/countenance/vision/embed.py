"""Crops -> templates. The only place where a network's output is called an embedding.

dlib's network was trained with Euclidean distance on descriptors that are not of unit length (1.2 to 1.6). We scale
every descriptor to unit length and score by cosine, so that all packs share one score; ADR 0007 has the measured cost.
"""

from __future__ import annotations

import numpy as np

from countenance.core.arrays import Crops, Templates, unit_rows
from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision.cache import networks
from countenance.vision.packs import EmbedderSpec, Pack
from countenance.vision.session import Session

BATCH_FACES = 16


class Embedder:
    """The embedder of a pack, ready to run."""

    def __init__(self, session: Session, spec: EmbedderSpec) -> None:
        """Keep the network and its manifest."""
        self._session = session
        self._spec = spec

    def embed(self, crops: Crops) -> Templates:
        """Templates of aligned crops.

        Args:
            crops: (n, side, side, 3) uint8 R, G, B.

        Returns:
            (n, d) float32 of unit length.

        Raises:
            PackError: the network gives another size than its manifest says.
        """
        rows = [self._batch(crops[at : at + BATCH_FACES]) for at in range(0, len(crops), BATCH_FACES)]
        size = self._spec.template_size
        if not rows:
            return np.empty((0, size), dtype=np.float32)
        raw = np.concatenate(rows)
        if raw.shape[1] != size or not np.isfinite(raw).all():
            msg = f"The embedder gave rows of {raw.shape[1]} numbers; its manifest says {size} finite ones."
            raise PackError(msg)
        return unit_rows(raw)

    def _batch(self, crops: Crops) -> Templates:
        if self._spec.kind != "onnx":
            return self._session.run({"crops": crops}, ["descriptors"])[0]
        # A foreign ONNX file: its own input name, planar float, colours and scale as the manifest says.
        name, shape = next(iter(self._session.inputs.items()))
        ordered = crops[..., ::-1] if self._spec.colour == "BGR" else crops
        mean = np.array(self._spec.mean, dtype=np.float32)
        planar = (ordered.astype(np.float32) - mean) * np.float32(self._spec.scale)
        planar = np.ascontiguousarray(planar.transpose(0, 3, 1, 2))
        fixed_batch = isinstance(shape[0], int)
        batches = [planar[row : row + 1] for row in range(len(planar))] if fixed_batch else [planar]
        return np.concatenate([self._session.run({name: batch})[0].reshape(len(batch), -1) for batch in batches])


def open_embedder(pack: Pack, settings: Settings) -> Embedder:
    """The embedder of a pack, ready to run.

    Raises:
        PackError: its files are missing, altered or cannot be loaded.
    """
    return Embedder(Session(networks(pack, settings, "embedder")["embedder"], settings.device), pack.embedder)
