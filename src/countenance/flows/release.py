"""One photo -> the file that may leave: hide heads, write it anew, read it back, look whether anything is found.

A file that does not pass is tried again with larger regions, then given up: a person decides (fail closed, P4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from countenance.core.arrays import Boxes, Confidences, Landmarks, Pixels, Templates
from countenance.errors import PhotoRefusedError
from countenance.flows.stages import Step, Work
from countenance.ingest.decoder import Decoder
from countenance.redact.check import Finding, check
from countenance.redact.fill import fill
from countenance.redact.plan import Region, attempts_for, plan_regions
from countenance.redact.render import Kept, encode_jpeg, render_jpeg, thumbnail
from countenance.run.stage import Batch
from countenance.settings import ClearSettings, Settings
from countenance.vision.align import align
from countenance.vision.clearing import ClearingEye, open_clearing
from countenance.vision.detect import clearing_face_px
from countenance.vision.embed import Embedder, open_embedder
from countenance.vision.packs import Pack
from countenance.vision.pyramid import Pyramid

THUMBNAIL_PX = 360
NOT_READABLE = "not-readable"
"""The problem of a file that could not be read back."""
Filler = Callable[[Pixels, Sequence[Region], str], Pixels]


@dataclass(slots=True)
class Copy(Work):
    """A photo on its way out.

    Attributes:
        number: which of the files that are on their way.
        looked_px: width and height of the photo when faces were looked for.
        hidden: rows of the faces to hide.
        written: the file that may be released; None when there is none.
        preview: small JPEG of the written file.
        problems: what the check found in the last attempt.
    """

    number: int = 0
    looked_px: tuple[int, int] = (0, 0)
    hidden: tuple[int, ...] = ()
    written: bytes | None = None
    preview: bytes = b""
    problems: tuple[str, ...] = ()


class Release(Step):
    """Pixels -> a checked file."""

    name = "release"
    needs: tuple[str, ...] = ("pyramid", "boxes", "landmarks")

    def __init__(self, settings: Settings, pack: Pack, filler: Filler = fill) -> None:
        """Keep settings and pack; ``filler`` is replaced in tests only, to show that a bad one is caught."""
        self._settings, self._pack, self._fill = settings, pack, filler
        self._judge: _Judge | None = None
        self._reader: Decoder | None = None

    def setup(self) -> None:
        """Load the networks and start the decoder that reads back."""
        self._ready()

    def __call__(self, batch: Batch[Work]) -> Batch[Work]:
        """Write and check each photo; one that cannot pass keeps its problems instead of a file."""
        judge, reader = self._ready()
        for work in batch.items:
            if isinstance(work, Copy) and work.pyramid is not None:
                judge.sizes = (work.width, work.height, work.scale)
                try:
                    self._release(work, work.pyramid.pixels, judge, reader)
                except PhotoRefusedError:
                    work.written, work.problems = None, (NOT_READABLE,)
                work.drop_pixels()
        return batch

    def close(self) -> None:
        """Unload the networks and stop the decoder."""
        self._judge = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _release(self, work: Copy, pixels: Pixels, judge: _Judge, reader: Decoder) -> None:
        clear = self._settings.clear
        if (work.width, work.height) != work.looked_px:  # boxes would lie elsewhere
            work.problems = ("other-size",)
            return
        boxes, marks = work.boxes * np.float32(work.scale), work.landmarks * np.float32(work.scale)
        attempts = attempts_for(clear) if work.hidden else [(clear.shape, 1.0)]
        for shape, grow in attempts:
            regions = plan_regions(boxes, marks, work.hidden, replace(clear, shape=shape), grow=grow)
            redacted = self._fill(pixels, regions, clear.style) if regions else pixels
            content = render_jpeg(redacted, clear.jpeg_quality, _kept(work, clear))
            seen = reader.decode(content).pixels
            found: list[Finding] = check(pixels, content, seen, boxes, marks, regions, clear, judge)
            work.problems = tuple(dict.fromkeys(finding.problem for finding in found))
            if not found:
                work.written = content
                work.preview = encode_jpeg(thumbnail(seen, THUMBNAIL_PX))
                return

    def _ready(self) -> tuple[_Judge, Decoder]:
        if self._judge is None or self._reader is None:
            self._judge = _Judge(self._settings, self._pack)
            # One more than the side it was read with, so that what was written is never reduced.
            limits = replace(self._settings.decode, work_side_px=self._settings.clear.full_side_px + 1)
            self._reader = Decoder(limits)
        return self._judge, self._reader


class _Judge:
    """Detection and recognition for the check, on one written picture after the other."""

    def __init__(self, settings: Settings, pack: Pack) -> None:
        self.match = pack.match
        self.sizes = (0, 0, 1.0)
        self._settings, self._pack = settings, pack
        self._eye: ClearingEye = open_clearing(pack, settings, wary=True)
        self._embedder: Embedder = open_embedder(pack, settings)

    def faces(self, pixels: Pixels) -> tuple[Boxes, Landmarks, Confidences]:
        """Faces of a written picture, found as they were looked for in the photo."""
        (sight,) = self._eye.look([Pyramid(pixels)], [clearing_face_px(self._settings, *self.sizes)])
        return sight.boxes, sight.landmarks, sight.confidences

    def templates(self, pixels: Pixels, landmarks: Landmarks) -> Templates:
        """Templates of the faces at these landmarks."""
        return self._embedder.embed(align(Pyramid(pixels), landmarks, self._pack.embedder))


def _kept(work: Copy, clear: ClearSettings) -> Kept:
    return Kept(
        copyright=work.copyright if "copyright" in clear.keep else "",
        credit=work.credit if "credit" in clear.keep else "",
        taken_at=(work.taken_at or "") if "taken-at" in clear.keep else "",
        colour_profile="colour-profile" in clear.keep,
    )
