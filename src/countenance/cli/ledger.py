"""``countenance ledger``: verify the log, sign checkpoints, prove entries, witness other logs, settle a restore."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from countenance.cli.frame import Frame, counted, one_line, with_frame
from countenance.cli.proofs import read_key, read_text, require_new, write_new
from countenance.cli.values import LINE, PATH
from countenance.core.notes import spell
from countenance.errors import ProofError

if TYPE_CHECKING:
    from countenance.flows.replay import Replayed

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
    n_entries = counted(verdict.size, "entry", "entries")
    lines = [f"{n_entries}; every one, every node and the mirror hold. Root: {result['root']}"]
    lines += [
        f"The log of {counted(size, 'entry', 'entries')} that was kept is its beginning." for size in verdict.covered
    ]
    if not older:
        lines.append("Nobody's older checkpoint was compared; whoever holds one can give it with --older.")
    frame.print(result, "\n".join(lines))


_ADVICE = {
    "foreign-entry": "Keep the database as it is, and restore it from a backup; then run `countenance ledger replay`.",
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
    require_new(out)
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
    require_new(out)
    require_new(entry_out)
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
@click.option("--accept-loss", is_flag=True, help="Go on although entries are lost that no copy has any more.")
@with_frame
def replay(frame: Frame, *, accept_loss: bool) -> None:
    """Settle a restored database: bring back the entries it lost; withdraw, hide and erase again."""
    with frame.open() as archive:
        done = archive.replay_ledger(accept_loss=accept_loss)
    result = {
        "standing": done.standing.value,
        "entries": done.n_entries,
        "dropped": done.n_dropped,
        "erased_again": list(done.targets),
        "withdrawn_again": done.n_withdrawn,
        "hidden_again": done.n_hidden,
        "keys_dropped": done.n_keys,
        "entries_gone": done.n_gone,
        "lost": dict(done.lost),
    }
    frame.print(result, "\n".join(_replayed(done)))
    if done.lost or done.n_gone:
        frame.partly()


def _replayed(done: Replayed) -> list[str]:
    were = "was" if done.n_entries == 1 else "were"
    lines = {
        "database-behind": [
            f"{counted(done.n_entries, 'entry', 'entries')} that the database had lost {were} brought back."
        ],
        "mirror-damaged": ["The mirror was damaged and is written again from the database."],
    }.get(done.standing.value, ["Database and mirror are the same; no entry was missing."])
    if done.n_dropped:
        lines.append(f"Left out, because nothing signed covers it: {counted(done.n_dropped, 'line')} of the mirror.")
    if done.n_withdrawn:
        people = counted(done.n_withdrawn, "person", "people")
        lines.append(f"Withdrawn again: every consent of {people}, because the log does not say which ones.")
    if done.n_hidden:
        lines.append(f"Must not appear again: {counted(done.n_hidden, 'person', 'people')}.")
    if done.n_keys:
        lines.append(f"Dropped again, because an older key folder brought it back: {counted(done.n_keys, 'key')}.")
    lines += [f"Erased again: {target}" for target in done.targets]
    if done.lost:
        acts = ", ".join(f"{n} {act}" for act, n in done.lost.items())
        lines.append(f"Done after that copy was made and lost with it: {acts}; do them again.")
    if done.n_gone:
        lines.append(
            f"Gone for good: {counted(done.n_gone, 'entry', 'entries')} of the log. Tell whoever holds an older "
            "checkpoint: it will not agree with this log any more."
        )
    return lines


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

    require_new(out)
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
