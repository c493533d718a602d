"""``countenance models``: model packs."""

from __future__ import annotations

from pathlib import Path

import click

from countenance.cli.frame import Frame, with_frame
from countenance.cli.values import FOLDER, LINE
from countenance.errors import PackError
from countenance.vision.install import check as check_files
from countenance.vision.install import install as install_pack
from countenance.vision.packs import BUILT_IN, Pack, installed, load_pack


@click.group("models")
@with_frame
def command(frame: Frame) -> None:
    """List, install and check model packs: a detector, an embedder, and who may use them."""


@command.command("list")
@with_frame
def list_packs(frame: Frame) -> None:
    """List the packs of this machine with licences and what they were trained on."""
    settings = frame.settings
    rows: list[dict[str, object]] = []
    lines: list[str] = []
    for name in dict.fromkeys((*BUILT_IN, *installed(settings))):
        try:
            pack = load_pack(name, settings)
        except PackError as error:  # one that these settings do not allow must not hide the others
            rows.append({"name": name, "ready": False, "refused": error.message})
            lines += [name, f"  refused: {error.message}", f"  {error.advice}"]
            continue
        ready = all(state == "ok" for _, state in check_files(pack))
        rows.append(_row(pack, ready=ready))
        lines += [
            f"{pack.id}{' (used for new collections)' if name == settings.pack else ''}",
            f"  {pack.summary}",
            *([f"  {pack.better}"] if pack.better else []),
            f"  {'ready' if ready else 'not installed: countenance models install ' + name}",
            f"  detector: {pack.detector.licence.name}, {pack.detector.licence.source}",
            f"  embedder: {pack.embedder.licence.name}, {pack.embedder.licence.source}",
            f"  stated training data: {pack.detector.licence.stated_training_data}; "
            + pack.embedder.licence.stated_training_data,
        ]
    frame.print({"packs": rows}, "\n".join(lines))


@command.command("install")
@click.argument("what")
@click.option("--sha256", default="", help="SHA-256 of the manifest; required for an address.")
@click.option("--from", "folder", type=FOLDER, help="Take the files from here.")
@with_frame
def install(frame: Frame, what: str, sha256: str, folder: Path | None) -> None:
    """Install a pack: `recommended`, a manifest FILE, or the address of a manifest."""
    pack = install_pack(what, frame.settings, sha256=sha256, folder=folder)
    frame.print(
        {"pack": _row(pack, ready=True)},
        f"Installed {pack.id}: {pack.summary}\n"
        f"Use it: countenance collection create NAME --pack {pack.name}\n"
        f'Use it for every new collection: set pack = "{pack.name}" in countenance.toml',
    )


@command.command("check")
@click.argument("name", type=LINE, required=False)
@with_frame
def check(frame: Frame, name: str | None) -> None:
    """Check the files of a pack (default: the one of the settings) against their hashes."""
    pack = load_pack(name or frame.settings.pack, frame.settings)
    rows = check_files(pack)
    bad = [(file, state) for file, state in rows if state != "ok"]
    if bad:
        msg = f"Pack {pack.name} is not usable: " + "; ".join(state for _, state in bad)
        raise PackError(msg, advice=f"Run `countenance models install {pack.name}`.")
    frame.print(
        {"pack": pack.id, "files": [{"name": file, "state": state} for file, state in rows]},
        "\n".join([pack.id, *(f"  {state:4} {file}" for file, state in rows)]),
    )


def _row(pack: Pack, *, ready: bool) -> dict[str, object]:
    parts = {"detector": pack.detector.licence, "embedder": pack.embedder.licence}
    return {
        "name": pack.name,
        "id": pack.id,
        "summary": pack.summary,
        "better": pack.better,
        "ready": ready,
        "template_size": pack.embedder.template_size,
        "match": pack.match,
        "certain": pack.certain,
        **{
            part: {
                "licence": licence.name,
                "noncommercial": licence.noncommercial,
                "source": licence.source,
                "stated_training_data": licence.stated_training_data,
            }
            for part, licence in parts.items()
        },
    }
