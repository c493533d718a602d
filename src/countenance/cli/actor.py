"""``countenance actor``: who did something here, and what they are in the organisation."""

from __future__ import annotations

import click

from countenance.cli.frame import Frame, one_line, with_frame
from countenance.cli.values import LINE
from countenance.errors import NotFoundError, UsageError


@click.command("actor")
@click.argument("name", type=LINE, required=False)
@click.option("--role", type=LINE, help="What NAME is in your organisation: steward, photographer, office ...")
@with_frame
def command(frame: Frame, name: str | None, role: str | None) -> None:
    """List who did something in this archive, with their roles; with --role, say what NAME is.

    People who ask what was done with their data are told roles, and names only where the settings say so.
    """
    if role is not None and name is None:
        msg = "A role belongs to somebody."
        raise UsageError(msg, advice='Name who: countenance actor "Ms Reed" --role steward')
    with frame.open() as archive:
        if name is not None and role is not None:
            found = [archive.set_role(name, role)]
        else:
            found = [each for each in archive.actors() if name is None or each.name == name]
    if name is not None and not found:
        msg = f"Nobody called {name!r} has done anything in this archive."
        raise NotFoundError(msg, advice="List them with `countenance actor`.")
    rows = [{"id": each.id, "name": each.name, "role": each.role} for each in found]
    wide = max((len(one_line(each.name)) for each in found), default=0)
    lines = [f"{one_line(each.name).ljust(wide)}  {one_line(each.role)}" for each in found]
    frame.print({"actors": rows}, "\n".join(lines) or "Nobody has done anything here.")
