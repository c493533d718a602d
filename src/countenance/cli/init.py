"""``countenance init``: a new archive with settings, keys and a policy page."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

import click

from countenance.archive import SETTINGS, Archive
from countenance.cli.configure import TEMPLATE
from countenance.cli.frame import Frame, with_frame
from countenance.cli.values import FOLDER, LINE
from countenance.errors import UsageError
from countenance.flows.policy import FILE, gaps
from countenance.store.keyfile import write_key_file
from countenance.vision.packs import load_pack


@click.command("init")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--pack", type=LINE, help="Model pack of new collections (default: default).")
@with_frame
def command(frame: Frame, folder: Path | None, pack: str | None) -> None:
    """Make a new archive in FOLDER (default: this folder), with settings, keys and a policy page.

    With --key-file FILE a new key file is made there, and whoever has it can open the archive: keep a copy in another
    place. Without it you are asked for a passphrase. There is no third way in.
    """
    frame.archive = folder or frame.folder
    path = frame.folder / SETTINGS
    settings = frame.settings
    if pack and pack != settings.pack and path.exists():
        msg = f"{path} is there already and says pack = {settings.pack!r}."
        raise UsageError(msg, advice="Leave out --pack, or change that line first.")
    settings = dataclasses.replace(settings, pack=pack or settings.pack)
    load_pack(settings.pack, settings)  # a name that nobody knows is refused now, not at the first collection
    key_file = frame.chosen_key_file
    made_key = key_file is not None and not key_file.exists()
    if key_file is not None and made_key:
        write_key_file(key_file)
    try:
        Archive.create(frame.folder, frame.master(new=True), settings, actor=frame.who).close()
    except BaseException:
        if key_file is not None and made_key:
            key_file.unlink(missing_ok=True)
        raise
    if not path.exists():
        path.write_text(TEMPLATE.format(pack=settings.pack), encoding="utf-8")
    again = ["countenance"]
    again += ["--archive", str(frame.folder)] if frame.folder != Path() else []
    again += ["--key-file", str(key_file)] if key_file else []
    secret = f"Key file: {key_file}" if key_file else "Key: the passphrase"
    page = frame.folder / FILE
    missing = gaps(page.read_text("utf-8", "replace"))
    to_do = f"Fill in its {len(missing)} places in [[double brackets]], then" if missing else "Publish it"
    frame.print(
        {
            "archive": str(frame.folder),
            "key_file": str(key_file) if key_file else None,
            "settings": str(path),
            "policy_page": {"file": str(page), "to_fill_in": missing},
        },
        f"New archive in {frame.folder.absolute()}\nSettings: {path}\n"
        f"{secret}. Keep a copy of it elsewhere; without it nothing opens.\n"
        f"Policy page: {page}, which people read before they say yes. {to_do}: {shlex.join(again)} policy publish\n"
        f"Next: {shlex.join(again)} collection create NAME",
    )
