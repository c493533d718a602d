"""``countenance ledger``: verify the log, sign checkpoints, prove entries, witness other logs, settle a restore."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from countenance.cli.frame import Frame, one_line, with_frame
from countenance.cli.proofs import read_key, read_text, write_new
from countenance.cli.values import LINE, PATH
from countenance.core.notes import spell
from countenance.errors import ProofError

_OUT = click.option("--out", type=PATH, help="Write it to this new file instead of the terminal.")


@click.group("ledger")
@with_frame
def command(frame: Frame) -> None:
    """The log of every act: verify it, sign it, prove what is in it."""


@command.command("verify")
@click.option("--older", type=PATH, multiple=True, help="A checkpoint that somebody kept; may be given several times.")
@click.option("--key", type=LINE, help="The key that signed them, or a file that holds it (default: the archive's).")
@with_frame
def verify(frame: Frame, older: tuple[Path, ...], key: str | None) -> None:
    """Check every entry and node, the mirror beside the database, and older checkpoints."""
    notes = [read_text(path) for path in older]
    with frame.open() as archive:
        verdict = archive.verify_ledger(notes, None if key is None else read_key(key))
    if verdict.findings:
        raise ProofError(
            " ".join(verdict.findings[:5])
            + (f" And {len(verdict.findings) - 5} more." if len(verdict.findings) > 5 else ""),  # noqa: PLR2004
            advice=_ADVICE.get(verdict.standing, _ADVICE_ELSE),
        )
    result = {
        "size": verdict.size,
        "root": spell(verdict.root),
        "standing": verdict.standing.value,
        "older": list(verdict.covered),
    }
    lines = [f"{verdict.size} entries; every one, every node and the mirror hold. Root: {result['root']}"]
    lines += [f"The log of {size} entries that was kept is its beginning." for size in verdict.covered]
    if not older:
        lines.append("Nobody's older checkpoint was compared; whoever holds one can give it with --older.")
    frame.print(result, "\n".join(lines))


_ADVICE = {
    "database-behind": "Run `countenance ledger replay`: it brings the missing entries back and erases again.",
    "mirror-damaged": "If the older checkpoints you hold agree, `countenance ledger replay` writes the mirror again.",
    "mirror-behind": "Check free disk space and the permissions of the folder `ledger`, then run any command again.",
}
_ADVICE_ELSE = "Keep database and folder `ledger` as they are, and compare with checkpoints and backups held elsewhere."


@command.command("checkpoint")
@click.option("--since", type=PATH, help="An older checkpoint; the proof that it is the beginning comes along.")
@_OUT
@with_frame
def checkpoint(frame: Frame, since: Path | None, out: Path | None) -> None:
    """Sign what the log is now. Hand it to somebody else: it is what a rewritten log is compared with."""
    older = None if since is None else read_text(since)
    with frame.open() as archive:
        text = archive.ledger_checkpoint(older)
    _hand_out(frame, "checkpoint", text, out)


@command.command("proof")
@click.argument("n", type=click.IntRange(min=0))
@_OUT
@click.option("--entry-out", type=PATH, help="Write the entry itself to this new file.")
@with_frame
def proof(frame: Frame, n: int, out: Path | None, entry_out: Path | None) -> None:
    """Prove that entry N is in the log; `countenance-verify` checks it together with the entry."""
    with frame.open() as archive:
        text, entry = archive.ledger_proof(n)
    if entry_out is not None:
        write_new(entry_out, entry)
    _hand_out(frame, "proof", text, out, entry=entry.decode("utf-8"))


@command.command("key")
@_OUT
@with_frame
def key(frame: Frame, out: Path | None) -> None:
    """The public key that verifies what this archive signs. Publish it where people find it without this archive."""
    with frame.open() as archive:
        line = archive.ledger_key()
    _hand_out(frame, "key", f"{line}\n", out)


@command.command("replay")
@with_frame
def replay(frame: Frame) -> None:
    """Settle a restored database: bring back the entries it lost, and erase again who was erased."""
    with frame.open() as archive:
        done = archive.replay_ledger()
    result = {
        "standing": done.standing.value,
        "entries": done.n_entries,
        "dropped": done.n_dropped,
        "erased_again": list(done.targets),
    }
    lines = {
        "database-behind": [f"{done.n_entries} entries that the database had lost were brought back."],
        "mirror-damaged": ["The mirror was damaged and is written again from the database."],
    }.get(done.standing.value, ["Database and mirror are the same; no entry was missing."])
    if done.n_dropped:
        lines.append(f"{done.n_dropped} lines of the mirror were not signed and are left out.")
    lines += [f"Erased again: {target}" for target in done.targets]
    frame.print(result, "\n".join(lines))


@command.command("witness")
@click.argument("file", type=PATH)
@click.option("--state", type=PATH, required=True, help="Folder of this witness: its key, and what it saw last.")
@click.option("--key", "log_key", type=LINE, required=True, help="The log's key, or a file that holds it.")
@click.option("--name", type=LINE, help="Name of this witness, given once (default: one made from its key).")
@_OUT
@with_frame
def witness(frame: Frame, file: Path, state: Path, log_key: str, name: str | None, out: Path | None) -> None:
    """Cosign the checkpoint of another log in FILE, if it goes on from the last one seen. It needs no archive."""
    from countenance.flows.witness import witness as cosign  # noqa: PLC0415 - --help need not wait for it

    seen = cosign(read_text(file), read_key(log_key), state, datetime.now(UTC), name)
    result = {
        "origin": seen.checkpoint.origin,
        "size": seen.checkpoint.size,
        "before": seen.before,
        "witness_key": seen.key.line,
    }
    _hand_out(frame, "checkpoint", seen.note, out, **result)


def _hand_out(frame: Frame, what: str, text: str, out: Path | None, **result: object) -> None:
    if out is not None:
        write_new(out, text.encode())
    said = text.removesuffix("\n") if out is None else f"Written to {one_line(str(out))}"
    if out is not None and "witness_key" in result:
        said += f"\nKey of this witness: {result['witness_key']}"
    frame.print({what: text, **result}, said)
