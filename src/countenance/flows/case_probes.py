"""Photos handed in under a case -> probes: one usable face each, as for a selfie; nothing is enrolled by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from countenance.flows import enrol
from countenance.flows.scope import Scope
from countenance.flows.stages import Decode, Detect, Embed, Step, Work
from countenance.redact.render import cut_out, encode_jpeg
from countenance.run.stage import Batch, Stage
from countenance.store.probes import NewProbe

_MARGIN, _LONGEST_PX = 0.5, 320
ANOTHER = "Give another photo: this person alone, well lit, facing the camera."


class Show(Step):
    """Pixels -> a picture of every face, for whoever approves; before the pixels go."""

    name = "show"
    needs: tuple[str, ...] = ("pyramid",)

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self.crops: dict[bytes, list[bytes]] = {}
        """By SHA-256 of the photo: a JPEG for each of its faces."""

    def setup(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def __call__(self, batch: Batch[Work]) -> Batch[Work]:
        """Cut out every face of the batch."""
        for work in batch.items:
            if work.pyramid is not None:
                boxes = (work.boxes * np.float32(work.scale)).tolist()
                cut = [cut_out(work.pyramid.pixels, (x, y, w, h), _MARGIN, _LONGEST_PX) for x, y, w, h in boxes]
                self.crops[work.sha256] = [encode_jpeg(each) for each in cut]
        return batch


def read_probes(scope: Scope, photos: Sequence[tuple[str, bytes]]) -> list[NewProbe]:
    """Probes of photos, given as (name for messages, content).

    Raises:
        PhotoRefusedError: one of them does not show one usable face.
    """
    show = Show()
    stages: list[Stage[Work]] = [
        Decode(scope.settings),
        Detect(scope.settings, scope.pack),
        show,
        Embed(scope.settings, scope.pack),
    ]
    named = [(f"The probe {name}", content) for name, content in photos]
    return [
        NewProbe(work.sha256, show.crops[work.sha256][face], float(work.qualities[face]), work.templates[face].copy())
        for work, face in enrol.analyse_only_faces(named, stages, ANOTHER)
    ]
