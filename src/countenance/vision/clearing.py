"""Pixels -> faces, for clearing: whoever finding would miss is looked for too, because a face missed is published.

What is different from finding: smaller faces, a lower threshold, a second detector from another family when its files
are here, dark photos raised, and photos in which nobody was surely found upright are also looked at mirrored, on their
sides, upside down and, when bright, darker. Where no face is found at all, signs of people are looked for. What each
of these gains and costs is measured by `benchmarks/accuracy/missed.py`; the thresholds were chosen there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Boxes, Confidences, Landmarks
from countenance.core.geometry import clip_boxes, overlap
from countenance.settings import Settings
from countenance.vision.cache import networks
from countenance.vision.exposure import lit, shaded
from countenance.vision.mtcnn import FINDING, Mtcnn, Stages
from countenance.vision.packs import Pack, load_pack, locate
from countenance.vision.pyramid import Pyramid
from countenance.vision.relook import look_again, tilt_deg
from countenance.vision.session import Session
from countenance.vision.signs import LEAST_SHARE, shows_skin
from countenance.vision.turning import TURNS, Turn
from countenance.vision.yunet import YuNet

CLEARING_VERSION: Final = 1
"""Raise it whenever a clearing look sees other faces in the same photo with the same networks."""
YUNET_FROM, YUNET_WEAK = 0.4, 0.25
"""Confidence from which a face of YuNet counts by itself, and when MTCNN's last network vouches for it."""
VOUCHED: Final = 0.5
"""Confidence from which MTCNN's last network vouches."""
MTCNN_FROM, MTCNN_WEAK = 0.6, 0.4
"""Confidence from which a face of MTCNN counts when it is the only detector, and from which it is a sign of people."""
MTCNN_PROPOSE, MTCNN_REFINE = 0.5, 0.5
"""What its first two networks hand on then."""
ALONE_FROM, COARSE = 1.25, 2.0
"""What MTCNN looks for, in smallest faces: alone, and where YuNet does the small ones. Its first network costs most."""
LONGEST_SIDE_PX: Final = 4_096
SAME_OVERLAP, SAME_CENTRE, SAME_SIZE = 0.3, 0.4, 2.0
"""Two boxes are one face when they overlap by this, or their middles lie this near (in heights) and sizes are alike."""
UPRIGHT_DEG: Final = 45.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen in one photo, strongest first.

    Attributes:
        boxes: (n, 4) in pixels of the photo, clipped to it.
        landmarks: (n, 5, 2) in the same pixels.
        confidences: (n,) in [0, 1], of the detector whose landmarks these are.
        sure: (n,) True where a detector found the face at its own threshold for finding; the others are doubtful.
        signs_of_people: no face was found, and yet somebody may be there.
        turned: the photo had to be mirrored, turned or darkened for at least one of these faces.
    """

    boxes: Boxes
    landmarks: Landmarks
    confidences: Confidences
    sure: NDArray[np.bool_]
    signs_of_people: bool
    turned: bool

    def __len__(self) -> int:
        """How many faces."""
        return len(self.boxes)


@dataclass(frozen=True, slots=True)
class Eye:
    """One detector as clearing uses it.

    Attributes:
        kind: of the detector.
        detector: returns faces down to its weak threshold.
        scales: smallest faces of its passes, in smallest faces that are wanted.
        sure_from: its threshold for finding.
        counts_from: confidence from which its faces count without anybody's support.
    """

    kind: str
    detector: Mtcnn | YuNet
    scales: tuple[float, ...]
    sure_from: float
    counts_from: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """Faces of one photo, not clipped, of one or several looks.

    ``rank`` is lower for landmarks that are better; ``look`` tells apart what was seen in different looks.
    """

    boxes: Boxes
    landmarks: Landmarks
    confidences: Confidences
    sure: NDArray[np.bool_]
    rank: NDArray[np.intp]
    look: NDArray[np.intp]
    turned: NDArray[np.bool_]

    def rows(self, kept: NDArray[np.intp] | NDArray[np.bool_]) -> _Seen:
        """Some of them."""
        return _Seen(*(column[kept] for column in self.columns()))

    def columns(self) -> tuple[NDArray[Any], ...]:
        """Every field, in order."""
        return (self.boxes, self.landmarks, self.confidences, self.sure, self.rank, self.look, self.turned)


class ClearingEye:
    """Looks for faces as clearing needs it."""

    def __init__(self, eyes: Sequence[Eye], identity: str) -> None:
        """Keep the eyes, the pack's own first, and the name of everything that changes what they see."""
        self._eyes = tuple(eyes)
        # The cheaper family looks at turned photos.
        self._quick = next((eye for eye in self._eyes if eye.kind == "yunet"), self._eyes[0])
        self._judge = next((eye.detector for eye in self._eyes if isinstance(eye.detector, Mtcnn)), None)
        self.id = identity
        self.second = self._eyes[1].kind if len(self._eyes) > 1 else ""

    def look(self, photos: Sequence[Pyramid], smallest_px: Sequence[float]) -> list[Sight]:
        """Faces of each photo.

        Args:
            photos: upright as their metadata say.
            smallest_px: height in pixels of each photo below which no face is looked for.
        """
        bright = [lit(photo) for photo in photos]
        found: list[list[_Seen]] = [[] for _ in photos]
        for rank, eye in enumerate(self._eyes):
            for scale in eye.scales:
                passes = eye.detector.find(bright, [smallest * scale for smallest in smallest_px])
                for row, (boxes, landmarks, confidences) in enumerate(passes):
                    found[row].append(_seen(eye, rank, boxes, landmarks, confidences))
        return [
            self._decide(photo, parts, smallest)
            for photo, parts, smallest in zip(bright, found, smallest_px, strict=True)
        ]

    def _decide(self, photo: Pyramid, parts: list[_Seen], smallest_px: float) -> Sight:
        """The faces that count, once each, looked for further when none of them is surely an upright face."""
        height, width = photo.pixels.shape[:2]
        everything = _together(parts)
        faces = self._again(photo, merged(everything.rows(self._counts(photo, everything))))
        if not (faces.sure & (np.abs(tilt_deg(faces.landmarks)) < UPRIGHT_DEG)).any():
            faces = merged(_together([faces, *self._further(photo, smallest_px)]))
        boxes = clip_boxes(faces.boxes, width, height)
        real = np.flatnonzero((boxes[:, 2] >= 1) & (boxes[:, 3] >= 1))
        order = real[np.lexsort((-faces.confidences[real], ~faces.sure[real]))]
        faces = faces.rows(order)
        return Sight(
            boxes[order],
            faces.landmarks,
            faces.confidences,
            faces.sure,
            signs_of_people=not len(order) and (len(everything.boxes) > 0 or shows_skin(photo)),
            turned=bool(faces.turned.any()),
        )

    def _counts(self, photo: Pyramid, seen: _Seen) -> NDArray[np.bool_]:
        """(n,) True for faces that count: by themselves, or because the other detector vouches for them."""
        alone = np.array([eye.counts_from for eye in self._eyes], dtype=np.float32)[seen.rank]
        counts = seen.confidences >= alone
        weak = np.array([eye.kind == "yunet" for eye in self._eyes], dtype=np.bool_)[seen.rank] & ~counts
        if self._judge is not None and weak.any():
            counts[weak] = self._judge.vouch(photo, seen.boxes[weak]) >= VOUCHED
        return counts

    def _again(self, photo: Pyramid, seen: _Seen) -> _Seen:
        """Doubtful landmarks found again, each by the detector that they are from."""
        landmarks = seen.landmarks.copy()
        for rank, eye in enumerate(self._eyes):
            own = seen.rank == rank
            landmarks[own] = look_again(photo, seen.boxes[own], seen.landmarks[own], eye.detector)
        return replace(seen, landmarks=landmarks)

    def _further(self, photo: Pyramid, smallest_px: float) -> list[_Seen]:
        """What the quick eye is sure of in the photo held otherwise, or darker; in pixels of the photo as it is."""
        height, width = photo.pixels.shape[:2]
        darker = shaded(photo)
        looks = [(turn, turn.turned(photo)) for turn in TURNS] + [(Turn(), darker)] * (darker is not None)
        rank = self._eyes.index(self._quick)
        found = []
        for turn, held in looks:
            if held is None:
                continue
            seen = _seen(self._quick, rank, *self._quick.detector.find([held], [smallest_px * COARSE])[0])
            seen = self._again(held, seen.rows(seen.sure))
            boxes, landmarks = turn.back(seen.boxes, seen.landmarks, width, height)
            # Landmarks of a face that lies in this look too are no better than those of the photo as it is.
            upright = np.abs(tilt_deg(seen.landmarks)) < UPRIGHT_DEG
            ranks = np.where(upright, -1, len(self._eyes)).astype(np.intp)
            otherwise = np.ones(len(boxes), dtype=np.bool_)
            found.append(replace(seen, boxes=boxes, landmarks=landmarks, rank=ranks, turned=otherwise))
        return found


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one pack's detector is used: the fields of ``Eye`` without the networks."""

    pack: Pack
    scales: tuple[float, ...]
    weak_from: float
    counts_from: float
    stages: Stages = FINDING


def open_clearing(pack: Pack, settings: Settings, *, wary: bool = False) -> ClearingEye:
    """The eye with which photos are cleared in collections of a pack.

    Args:
        pack: its detector looks first; its landmarks are kept where both see a face.
        settings: ``clear.second_detector``, cache and device.
        wary: for a file that was written: each detector looks and counts as it would alone, because a false face under
            a fill costs a larger fill and a missed one is published.

    Raises:
        PackError: files of the pack's own detector, or of a second one that was asked for by name, are missing, altered
            or cannot be loaded.
    """
    plans = _plans(pack, settings, wary=wary)
    return ClearingEye([_open(plan, settings) for plan in plans], _identity(plans, settings))


def describe_clearing(pack: Pack, settings: Settings) -> tuple[str, str]:
    """Id of that eye, and the kind of its second detector (empty when there is none), without loading a network.

    Raises:
        PackError: a second pack that was asked for by name is unknown.
    """
    plans = _plans(pack, settings)
    return _identity(plans, settings), plans[1].pack.detector.kind if len(plans) > 1 else ""


def _plans(pack: Pack, settings: Settings, *, wary: bool = False) -> list[_Plan]:
    """Who looks, and how; MTCNN keeps to finding where YuNet looks for the faces that it would miss."""
    packs = [pack]
    name = settings.clear.second_detector
    if name == "auto":
        other = load_pack("recommended" if pack.detector.kind == "mtcnn" else "default", settings)
        if all(locate(file, other.folder) for file in other.detector.files):
            packs.append(other)
    elif name != "none":
        packs.append(load_pack(name, settings))
    helped = any(each.detector.kind == "yunet" for each in packs)
    plans = []
    for each in packs:
        sure = each.detector.threshold
        if each.detector.kind == "yunet":
            plans.append(_Plan(each, (1.0, COARSE), min(YUNET_WEAK, sure), min(YUNET_FROM, sure)))
        elif helped and not wary:
            plans.append(_Plan(each, (COARSE,), sure, sure))
        else:
            stages = Stages(propose=MTCNN_PROPOSE, refine=MTCNN_REFINE, settled=sure)
            plans.append(_Plan(each, (ALONE_FROM,), min(MTCNN_WEAK, sure), min(MTCNN_FROM, sure), stages))
    return plans


def _identity(plans: Sequence[_Plan], settings: Settings) -> str:
    """Names the networks, the thresholds, how small a face is looked for, and at what size."""
    clear = settings.clear
    sizes = (clear.smallest_face_px, clear.smallest_face_share, clear.full_side_px)
    shared = (YUNET_WEAK, VOUCHED, MTCNN_WEAK, MTCNN_PROPOSE, MTCNN_REFINE, COARSE, LONGEST_SIDE_PX, LEAST_SHARE)
    kinds = [plan.pack.detector.kind for plan in plans]
    own = [
        (kind, plan.scales, plan.pack.detector.threshold, plan.counts_from)
        for kind, plan in zip(kinds, plans, strict=True)
    ]
    files = [file.sha256 for plan in plans for file in plan.pack.detector.files]
    text = repr((CLEARING_VERSION, shared, sizes, own, files))
    return f"{'+'.join(kinds)}@{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _open(plan: _Plan, settings: Settings) -> Eye:
    """The detector of a plan, ready to run."""
    spec, roles = plan.pack.detector, networks(plan.pack, settings, "detector")
    detector: Mtcnn | YuNet
    if spec.kind == "yunet":
        detector = YuNet(Session(roles["detector"], settings.device), plan.weak_from, LONGEST_SIDE_PX)
    else:
        nets = [Session(roles[name], settings.device) for name in ("pnet", "rnet", "onet")]
        detector = Mtcnn(nets[0], nets[1], nets[2], plan.weak_from, plan.stages)
    return Eye(spec.kind, detector, plan.scales, spec.threshold, plan.counts_from)


def same_face(one: Boxes, many: Boxes) -> NDArray[np.bool_]:
    """(n, m) True where two boxes hold one face, although detectors differ in how much forehead a box has."""
    middle, other = one[:, :2] + one[:, 2:] / 2, many[:, :2] + many[:, 2:] / 2
    heights, other_heights = np.maximum(one[:, 3], 1e-6), np.maximum(many[:, 3], 1e-6)
    away = np.linalg.norm(middle[:, None] - other[None], axis=2) / np.maximum(heights[:, None], other_heights[None])
    ratio = heights[:, None] / other_heights[None]
    near = (away <= SAME_CENTRE) & (ratio <= SAME_SIZE) & (ratio >= 1 / SAME_SIZE)
    return np.asarray(near | (overlap(one, many) >= SAME_OVERLAP))


def not_known(boxes: Boxes, known: Boxes) -> NDArray[np.bool_]:
    """Which faces of a look are none of those that are known already.

    Every known face stands for one face of the look, the nearest that it can be: where two were seen and one was known,
    the other is new, however near it is.

    Args:
        boxes: (n, 4) of the look.
        known: (m, 4) in the same pixels.

    Returns:
        (n,) True for new faces.
    """
    new = np.ones(len(boxes), dtype=np.bool_)
    alike = np.where(same_face(boxes, known), overlap(boxes, known) + np.float32(1), np.float32(0))
    for _ in range(min(alike.shape)):
        row, column = np.unravel_index(alike.argmax(), alike.shape)
        if alike[row, column] <= 0:
            break
        new[row] = False
        alike[row], alike[:, column] = 0, 0
    return new


def merged(seen: _Seen) -> _Seen:
    """Each face once: sure before doubtful, then the better landmarks, then the higher confidence.

    Faces of one look stay apart, however near they are: the detector saw two.
    """
    order = np.lexsort((-seen.confidences, seen.rank, ~seen.sure))
    boxes = seen.boxes[order]
    same = same_face(boxes, boxes) & (seen.look[order, None] != seen.look[None, order])
    kept: list[int] = []
    for row in range(len(order)):
        if not same[row, kept].any():
            kept.append(row)
    return seen.rows(order[kept])


def _seen(eye: Eye, rank: int, boxes: Boxes, landmarks: Landmarks, confidences: Confidences) -> _Seen:
    sure = confidences >= np.float32(eye.sure_from)
    rows = len(boxes)
    none = np.zeros(rows, dtype=np.intp)
    return _Seen(boxes, landmarks, confidences, sure, np.full(rows, rank), none, none.astype(np.bool_))


def _together(parts: Sequence[_Seen]) -> _Seen:
    """All of them in one, every part's looks numbered apart from those of the others."""
    starts = np.cumsum([0, *(int(part.look.max(initial=0)) + 1 for part in parts[:-1])])
    apart = [replace(part, look=part.look + start) for part, start in zip(parts, starts, strict=True)]
    return _Seen(*(np.concatenate(column) for column in zip(*(part.columns() for part in apart), strict=True)))
