"""``countenance doctor``: what this machine and this archive can do."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import sys
from pathlib import Path

import click

from countenance import __version__
from countenance.archive import DATABASE, Archive, require_archive
from countenance.cli.frame import Frame, counted, somebody_there, with_frame
from countenance.cli.progress import Progress
from countenance.errors import CountenanceError, DamagedError
from countenance.ingest.decoder import Decoder
from countenance.vision.install import check as check_files
from countenance.vision.packs import load_pack
from countenance.vision.session import providers

LITTLE_DISK_BYTES = 2 * 1024**3


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: ``good``, or what to do."""

    name: str
    good: bool
    what: str


@click.command("doctor")
@click.option("--scrub", is_flag=True, help="Read every byte that the archive owns, and say what is damaged.")
@with_frame
def command(frame: Frame, *, scrub: bool) -> None:
    """Check this machine and, when there is one here, this archive. Nothing is sent to anybody."""
    if scrub:
        _scrub(frame)
        return
    findings = [_python(), *_decoder(frame), _device(frame), _pack(frame), _cache(frame), _disk(frame)]
    findings += _archive(frame)
    bad = [finding for finding in findings if not finding.good]
    frame.print(
        {"version": __version__, "checks": [dataclasses.asdict(finding) for finding in findings], "problems": len(bad)},
        "\n".join(
            [f"Countenance {__version__}"]
            + [f"{'ok     ' if finding.good else 'problem'} {finding.name}: {finding.what}" for finding in findings]
        ),
    )
    if bad:
        frame.partly()


def _scrub(frame: Frame) -> None:
    """Exit 1 when anything is damaged; nothing is changed."""
    from countenance.archive.scrubbing import scrub  # noqa: PLC0415 - as in Frame.open

    require_archive(frame.folder)
    with Progress("Opening", None, quiet=frame.as_json, unit="rows") as bar:
        found = list(scrub(frame.folder, frame.open, lambda done, _: bar.update(done, "")))
    bad = [each for each in found if not each.good]
    error = DamagedError(
        f"{len(bad)} of {len(found)} stores are damaged.", advice=bad[0].advice if bad else None
    ).as_json()
    frame.print(
        {"checks": [dataclasses.asdict(each) for each in found], "damaged": len(bad), **(error if bad else {})},
        "\n".join(
            f"{'ok     ' if each.good else 'DAMAGED'} {each.store}: {each.what} {each.advice}".rstrip()
            for each in found
        ),
    )
    if bad:
        raise click.exceptions.Exit(DamagedError.exit_code)


def _python() -> Finding:
    cores = len(os.sched_getaffinity(0))
    return Finding(
        "python", sys.version_info >= (3, 11), f"{platform.python_version()}, {platform.machine()}, {cores} cores"
    )


def _decoder(frame: Frame) -> list[Finding]:
    """Each layer that stands between a hostile photo and this machine."""
    try:
        with Decoder(frame.settings.decode) as decoder:
            layers = dataclasses.asdict(decoder.layers)
    except CountenanceError as error:
        return [Finding("decoder", good=False, what=error.message)]
    optional = {"landlock", "seccomp"}  # older kernels lack them; the others must always be there
    return [
        Finding(
            f"decoder {name.replace('_', ' ')}",
            bool(state) or name in optional,
            _said(state),
        )
        for name, state in layers.items()
    ]


def _said(state: object) -> str:
    if not state:
        return "not available in this kernel"
    if isinstance(state, bool):
        return "active"
    return f"active, version {state}" if isinstance(state, int) else f"active, {state}"


def _device(frame: Frame) -> Finding:
    try:
        chosen = providers(frame.settings.device)
    except CountenanceError as error:
        return Finding("device", good=False, what=f"{error.message} {error.advice}")
    return Finding("device", good=True, what="CUDA" if chosen[0].startswith("CUDA") else "CPU")


def _pack(frame: Frame) -> Finding:
    try:
        pack = load_pack(frame.settings.pack, frame.settings)
    except CountenanceError as error:
        return Finding("model pack", good=False, what=f"{error.message} {error.advice}")
    wrong = [state for _, state in check_files(pack) if state != "ok"]
    return Finding("model pack", not wrong, "; ".join([pack.id, *wrong]))


def _cache(frame: Frame) -> Finding:
    """Converted models are kept there; it is made at the first use."""
    folder = frame.settings.cache_dir.absolute()
    nearest = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Finding("model cache", good=True, what=str(folder))
    return Finding(
        "model cache", good=False, what=f"{folder} cannot be written; set COUNTENANCE_CACHE to another folder"
    )


def _disk(frame: Frame) -> Finding:
    place = frame.folder if frame.folder.exists() else frame.folder.absolute().parent
    free = shutil.disk_usage(place if place.exists() else "/").free
    return Finding("disk", free >= LITTLE_DISK_BYTES, f"{free / 1024**3:.1f} GiB free for {frame.folder.absolute()}")


def _archive(frame: Frame) -> list[Finding]:
    if not (frame.folder / DATABASE).is_file():
        return [Finding("archive", good=True, what=f"none in {frame.folder.absolute()}")]
    if frame.chosen_key_file is None and not somebody_there():
        return [Finding("archive", good=True, what="there, not opened: no key file was given")]
    found = []
    try:
        with frame.open() as archive:
            found += _to_finish(archive)
            rows = archive.collections()
            for row in rows:
                archive.subjects(row.collection.name)
    except CountenanceError as error:
        return [*found, Finding("archive", good=False, what=f"{error.message} {error.advice}")]
    return [Finding("archive", good=True, what=f"opens; every name and key readable, collections: {len(rows)}"), *found]


def _to_finish(archive: Archive) -> list[Finding]:
    """The ledger and the erasures of an archive."""
    trouble, begun = archive.ledger_trouble(), archive.unfinished_erasures()
    findings = [Finding("ledger", trouble is None, trouble or "goes on, and is mirrored beside the database")]
    if not begun:
        return [*findings, Finding("erasures", good=True, what="none is unfinished")]
    ids = ", ".join(each.id for each in begun)
    says = f"{counted(len(begun), 'erasure')} begun and not finished ({ids}); finish with `countenance erase --resume`"
    return [*findings, Finding("erasures", good=False, what=says)]
