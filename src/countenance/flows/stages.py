"""The three stages that turn a photo's bytes into templates, and the photo that travels through them.

The same stages serve ingest (detect, then embed) and rescan (faces are known: embed only).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Boxes, Confidences, Landmarks, Qualities, Templates
from countenance.core.geometry import clip_boxes
from countenance.errors import PhotoRefusedError
from countenance.ingest.decoded import Decoded
from countenance.ingest.decoder import Decoder
from countenance.run.stage import STAGE_FAILED, WORKER_DIED, Batch, Stage
from countenance.settings import Settings
from countenance.store.faces import Face
from countenance.vision.align import align
from countenance.vision.clearing import ClearingEye, not_known, open_clearing
from countenance.vision.detect import Detector, clearing_face_px, detect, open_detector, smallest_face_px
from countenance.vision.embed import Embedder, open_embedder
from countenance.vision.packs import Pack
from countenance.vision.pyramid import Pyramid
from countenance.vision.quality import PARTS, judge, reasons

_WHY = {
    WORKER_DIED: "The process that worked on this photo died twice, so it was left out.",
    STAGE_FAILED: "The program failed on this photo, so it was left out.",
}


@dataclass(slots=True)
class Work:
    """One photo on its way.

    Attributes:
        path: bytes of the path or address.
        member: name inside an archive file; empty when the path is the photo.
        sha256: 32 bytes, of the file.
        n_bytes: size of the file.
        content: the file; dropped once it is decoded.
        refused: (reason, sentence) when it cannot be used.
        partial: True when only a part of the file could be decoded.
        width, height: pixels of the upright photo as taken.
        format, orientation, taken_at: as decoded.
        boxes, landmarks, confidences, qualities: faces in pixels of the upright photo as taken.
        parts: (n, 8) what the qualities are made of, once crops were seen; nothing keeps them.
        templates: (n, d); in memory only.
        copyright, credit: as the photo says; nothing keeps them unless it is asked to.
        known: faces that the collection has of this photo already; they are the first rows.
        signs_of_people: no face was seen, and yet somebody seems to be there; only ``Look`` says so.
    """

    path: bytes
    member: bytes
    sha256: bytes
    n_bytes: int
    content: bytes | None
    refused: tuple[str, str] | None = None
    partial: bool = False
    width: int = 0
    height: int = 0
    format: str = ""
    orientation: int = 1
    taken_at: str | None = None
    boxes: Boxes = field(default_factory=lambda: np.empty((0, 4), dtype=np.float32))
    landmarks: Landmarks = field(default_factory=lambda: np.empty((0, 5, 2), dtype=np.float32))
    confidences: Confidences = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    qualities: Qualities = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    parts: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, len(PARTS)), dtype=np.float32))
    templates: Templates = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))
    copyright: str = ""
    credit: str = ""
    known: int = 0
    signs_of_people: bool = False
    _pyramid: Pyramid | None = None
    _scale: float = 1.0

    def refuse(self, reason: str, message: str) -> None:
        """Turn this photo into a row with a reason."""
        self.refused, self.content, self._pyramid = (reason, message), None, None

    def decoded(self, photo: Decoded) -> None:
        """Take over what the decoder found."""
        self.width, self.height, self.partial = photo.full_width, photo.full_height, photo.partial
        self.format, self.orientation, self.taken_at = photo.format, photo.orientation, photo.taken_at
        self.copyright, self.credit = photo.copyright, photo.credit
        self._pyramid, self._scale, self.content = Pyramid(photo.pixels), photo.scale, None

    @property
    def pyramid(self) -> Pyramid | None:
        """Decoded pixels, between decoding and embedding, in one process only."""
        return self._pyramid

    @property
    def scale(self) -> float:
        """Decoded pixels per pixel as taken, in (0, 1]."""
        return self._scale

    def faults(self, face: int) -> tuple[str, ...]:
        """What is wrong with a face whose crop was seen, worst first, in the words of ``vision.quality.PARTS``."""
        return reasons(self.parts[face]) if face < len(self.parts) else ()

    def drop_pixels(self) -> None:
        """Let go of the pixels; nothing but faces and templates leaves the worker."""
        self._pyramid = None


def give_faces(work: Work, known: Sequence[Face]) -> None:
    """Tell a photo which faces are known of it, in the order of their ordinals."""
    work.known = len(known)
    if known:
        work.boxes = np.array([face.box for face in known], dtype=np.float32)
        work.landmarks = np.stack([face.landmarks for face in known])
        work.confidences = np.array([face.confidence for face in known], dtype=np.float32)


class Step:
    """What the stages share."""

    def failed(self, item: Work, reason: str) -> Work:
        """The photo as a row with a reason, after its worker died or a step failed."""
        item.refuse(reason, _WHY[reason])
        return item


class Decode(Step):
    """Bytes -> pixels, in a confined process of its own."""

    name = "decode"
    needs: tuple[str, ...] = ("content",)

    def __init__(self, settings: Settings, work_side_px: int | None = None) -> None:
        """Keep the limits; the side that is worked on may be another than the settings'."""
        side = settings.decode.work_side_px if work_side_px is None else work_side_px
        self._limits = replace(settings.decode, work_side_px=side)
        self._decoder: Decoder | None = None

    def setup(self) -> None:
        """Start the decoder process."""
        self._ready()

    def __call__(self, batch: Batch[Work]) -> Batch[Work]:
        """Decode each photo; one that cannot be decoded becomes a row with a reason."""
        decoder = self._ready()
        for work in batch.items:
            if work.refused is not None or work.content is None:
                continue
            try:
                work.decoded(decoder.decode(work.content))
            except PhotoRefusedError as error:
                work.refuse(error.reason, error.message)
        return batch

    def close(self) -> None:
        """Stop the decoder process."""
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def _ready(self) -> Decoder:
        if self._decoder is None:
            self._decoder = Decoder(self._limits)
        return self._decoder


class Detect(Step):
    """Pixels -> faces."""

    name = "detect"
    needs: tuple[str, ...] = ("pyramid",)

    def __init__(self, settings: Settings, pack: Pack) -> None:
        """Keep settings and pack."""
        self._settings, self._pack = settings, pack
        self._detector: Detector | None = None

    def setup(self) -> None:
        """Load the detector."""
        self._ready()

    def __call__(self, batch: Batch[Work]) -> Batch[Work]:
        """Find faces of all photos of the batch together."""
        detector = self._ready()
        ready = [(work, pyramid) for work in batch.items if (pyramid := work.pyramid) is not None]
        smallest = [smallest_face_px(self._settings, work.width, work.height, work.scale) for work, _ in ready]
        found = detect(detector, [pyramid for _, pyramid in ready], smallest) if ready else []
        for (work, _), faces in zip(ready, found, strict=True):
            work.boxes = clip_boxes(faces.boxes / np.float32(work.scale), work.width, work.height)
            work.landmarks = faces.landmarks / np.float32(work.scale)
            work.confidences = faces.confidences
        return batch

    def close(self) -> None:
        """Unload the detector."""
        self._detector = None

    def _ready(self) -> Detector:
        if self._detector is None:
            self._detector = open_detector(self._pack, self._settings)
        return self._detector


class Look(Step):
    """Pixels -> faces, for clearing: whatever finding would miss is looked for too, beside the faces known already."""

    name = "look"
    needs: tuple[str, ...] = ("pyramid",)

    def __init__(self, settings: Settings, pack: Pack) -> None:
        """Keep settings and pack."""
        self._settings, self._pack = settings, pack
        self._eye: ClearingEye | None = None

    def setup(self) -> None:
        """Load the detectors."""
        self._ready()

    def __call__(self, batch: Batch[Work]) -> Batch[Work]:
        """Add the faces of all photos of the batch to those that are known of them."""
        eye = self._ready()
        ready = [(work, pyramid) for work in batch.items if (pyramid := work.pyramid) is not None]
        smallest = [clearing_face_px(self._settings, work.width, work.height, work.scale) for work, _ in ready]
        seen = eye.look([pyramid for _, pyramid in ready], smallest) if ready else []
        for (work, _), sight in zip(ready, seen, strict=True):
            boxes = clip_boxes(sight.boxes / np.float32(work.scale), work.width, work.height)
            new = not_known(boxes, work.boxes)
            work.boxes = np.concatenate([work.boxes, boxes[new]])
            work.landmarks = np.concatenate([work.landmarks, sight.landmarks[new] / np.float32(work.scale)])
            work.confidences = np.concatenate([work.confidences, sight.confidences[new]])
            work.signs_of_people = sight.signs_of_people and not len(work.boxes)
        return batch

    def close(self) -> None:
        """Unload the detectors."""
        self._eye = None

    def _ready(self) -> ClearingEye:
        if self._eye is None:
            self._eye = open_clearing(self._pack, self._settings)
        return self._eye


class Embed(Step):
    """Faces -> aligned crops -> quality and templates, then the pixels go."""

    name = "embed"
    needs: tuple[str, ...] = ("pyramid", "landmarks")

    def __init__(self, settings: Settings, pack: Pack) -> None:
        """Keep settings and pack."""
        self._settings, self._pack = settings, pack
        self._embedder: Embedder | None = None

    def setup(self) -> None:
        """Load the embedder."""
        self._ready()

    def __call__(self, batch: Batch[Work]) -> Batch[Work]:
        """Templates of all faces of the batch together."""
        embedder = self._ready()
        ready = [(work, pyramid) for work in batch.items if (pyramid := work.pyramid) is not None]
        if not ready:
            return batch
        crops = [
            align(pyramid, work.landmarks * np.float32(work.scale), self._pack.embedder) for work, pyramid in ready
        ]
        templates = embedder.embed(np.concatenate(crops))
        at = 0
        for (work, _), part in zip(ready, crops, strict=True):
            rating = judge(part, work.landmarks, work.confidences, (work.width, work.height))
            work.qualities, work.parts = rating.qualities, rating.parts
            work.templates = templates[at : at + len(part)]
            at += len(part)
            work.drop_pixels()
        return batch

    def close(self) -> None:
        """Unload the embedder."""
        self._embedder = None

    def _ready(self) -> Embedder:
        if self._embedder is None:
            self._embedder = open_embedder(self._pack, self._settings)
        return self._embedder


def analyse_one(content: bytes, stages: Sequence[Stage[Work]]) -> Work:
    """One photo's bytes through stages that are set up, in this process.

    Raises:
        PhotoRefusedError: the photo cannot be used.
    """
    batch = Batch([Work(b"", b"", hashlib.sha256(content).digest(), len(content), content)])
    for stage in stages:
        batch = stage(batch)
    work = batch.items[0]
    if work.refused is not None:
        raise PhotoRefusedError(*work.refused)
    return work
