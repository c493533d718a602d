"""``countenance receipt``: receipts of erasures, and whether one is genuine."""

from __future__ import annotations

from pathlib import Path

import click

from countenance.cli.frame import Frame, with_frame
from countenance.cli.proofs import read_bytes, read_key, write_new
from countenance.cli.values import LINE, PATH
from countenance.core.canonical import parse
from countenance.errors import NotFoundError
from countenance.ledger.verify import Verifier


@click.group("receipt")
@with_frame
def command(frame: Frame) -> None:
    """Show receipts of erasures, and verify one."""


@command.command("show")
@click.argument("erasure", type=LINE)
@click.option("--out", type=PATH, help="Write it to this new file instead of the terminal.")
@with_frame
def show(frame: Frame, erasure: str, out: Path | None) -> None:
    """The receipt of the erasure with this id."""
    with frame.open() as archive:
        found = archive.erasure(erasure)
    if found.receipt is None:
        msg = "This erasure was interrupted and is not done, so it has no receipt."
        raise NotFoundError(msg, advice="Finish it with `countenance erase --resume`.")
    text = found.receipt.decode("utf-8")
    if out is not None:
        write_new(out, found.receipt)
    content = {"erasure": erasure, "receipt": parse(found.receipt.removesuffix(b"\n"))}
    frame.print(content, text.rstrip("\n") if out is None else f"Receipt written to {out}")


@command.command("verify")
@click.argument("file", type=PATH)
@click.option("--key", type=LINE, help="The log's key, or a file that holds it (default: this archive's own).")
@with_frame
def verify(frame: Frame, file: Path, key: str | None) -> None:
    """Whether FILE is a genuine receipt, unchanged, and in the log."""
    if key is None:
        with frame.open() as archive:
            key = archive.ledger_key()
    else:
        key = read_key(key)
    statement = Verifier(key).receipt(read_bytes(file))
    lines = [
        f"Genuine: {statement['kind']} {statement['target']} was erased ({statement['done_at']}).",
        f"It is in the log {statement['log']}, and its signature and proof hold.",
        f"Needles found in the sweep: {statement['sweep']['found']} of {statement['sweep']['needles']}.",
        f"Complete, backups included, after {statement['complete_after']}.",
    ]
    frame.print({"verified": True, "statement": statement}, "\n".join(lines))
