"""``countenance init``: a new archive with settings and keys."""

from __future__ import annotations

from pathlib import Path

import click

from countenance.archive import SETTINGS, Archive
from countenance.cli.configure import TEMPLATE
from countenance.cli.frame import Frame, with_frame
from countenance.store.keyfile import write_key_file


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--pack", default="default", show_default=True, help="Model pack of new collections.")
@with_frame
def command(frame: Frame, folder: Path | None, pack: str) -> None:
    """Make a new archive in FOLDER (default: this folder).

    With --key-file FILE a new key file is made there, and whoever has it can open the archive: keep a copy in another
    place. Without it you are asked for a passphrase. There is no third way in.
    """
    frame.archive = folder or frame.folder
    settings = frame.settings
    key_file = frame.chosen_key_file
    made_key = key_file is not None and not key_file.exists()
    if key_file is not None and made_key:
        write_key_file(key_file)
    try:
        Archive.create(frame.folder, frame.master(new=True), settings).close()
    except BaseException:
        if key_file is not None and made_key:
            key_file.unlink(missing_ok=True)
        raise
    path = frame.folder / SETTINGS
    if not path.exists():
        path.write_text(TEMPLATE.format(pack=pack), encoding="utf-8")
    key_line = f"Key file: {key_file}. Keep a copy elsewhere; without it nothing opens." if key_file else ""
    frame.print(
        {"archive": str(frame.folder), "key_file": str(key_file) if key_file else None, "settings": str(path)},
        f"New archive in {frame.folder.resolve()}\nSettings: {path}\n{key_line}\n"
        "Next: countenance collection create NAME",
    )
