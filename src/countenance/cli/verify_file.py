"""``countenance-verify``: verify a receipt, a proof or a checkpoint without an archive."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from countenance import __version__
from countenance.cli.frame import as_line, printable
from countenance.cli.main import run
from countenance.cli.proofs import read_bytes, read_key, read_text
from countenance.cli.values import LINE, PATH
from countenance.core.notes import Checkpoint, is_consistency, is_proof, parse_proof, spell
from countenance.errors import ProofError, UsageError
from countenance.ledger.verify import Verifier, verify_cosignature

_WHERE_KEYS_ARE = (
    "Give --key with the log's key: whoever runs the archive prints it with `countenance ledger key`. Get it from them "
    "in another way than this file."
)


@click.command("countenance-verify", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.argument("file", type=PATH)
@click.option("--key", type=LINE, help="The log's key, or a file that holds it.")
@click.option("--entry", type=PATH, help="The entry that a proof is about.")
@click.option("--older", type=PATH, help="An older checkpoint, of which FILE must be the continuation.")
@click.option("--witness", type=LINE, help="Key of a witness that must have cosigned the checkpoint.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(
    file: Path, key: str | None, entry: Path | None, older: Path | None, witness: str | None, *, as_json: bool
) -> None:
    """Verify FILE: the receipt of an erasure, a proof that an entry is in a log, or a log's checkpoint."""
    if key is None:
        msg = "Nothing can be verified without a key."
        raise UsageError(msg, advice=_WHERE_KEYS_ARE)
    verifier, witness = Verifier(read_key(key)), None if witness is None else read_key(witness)
    if read_bytes(file)[:1] == b"{":
        _refuse({"--entry": entry, "--older": older, "--witness": witness}, "a receipt")
        result, lines = _receipt(verifier, file)
    elif is_proof(text := read_text(file)):
        _refuse({"--older": older}, "a proof")
        result, lines = _proof(verifier, text, entry, witness)
    else:
        _refuse({"--entry": entry}, "a checkpoint")
        result, lines = _checkpoint(verifier, text, older, witness)
    click.echo(as_line({"ok": True, **result}) if as_json else printable("\n".join(lines)))


def main() -> None:
    """Run the command and end the process: 0 verified, 1 not verified, 2 usage."""
    run(command, "countenance-verify", sys.argv[1:])


def _receipt(verifier: Verifier, file: Path) -> tuple[dict[str, Any], list[str]]:
    statement = verifier.receipt(read_bytes(file))
    lines = ["Verified: this receipt was signed by the log's key, and its entry is in the log. It says:"]
    lines += [f"  {name}: {_short(value)}" for name, value in statement.items()]
    return {"kind": "receipt", "statement": statement}, lines


def _proof(verifier: Verifier, text: str, entry: Path | None, witness: str | None) -> tuple[dict[str, Any], list[str]]:
    if entry is None:
        msg = "This is a proof about an entry of a log, so it needs that entry."
        raise UsageError(msg, advice="Give --entry with the file that holds the entry.")
    content = read_bytes(entry).removesuffix(b"\n")
    checkpoint = verifier.proof(text, content)
    lines = [f"Verified: the entry is in the log {checkpoint.origin} of {checkpoint.size} entries."]
    result = {"kind": "proof", "entry": content.decode("utf-8"), **_told(checkpoint)}
    return _cosigned(result, lines, parse_proof(text).checkpoint, witness)


def _checkpoint(
    verifier: Verifier, text: str, older: Path | None, witness: str | None
) -> tuple[dict[str, Any], list[str]]:
    if is_consistency(text):
        if older is None:
            msg = "This checkpoint comes with the proof that it continues an older one, so it needs that one."
            raise UsageError(msg, advice="Give --older with the file that holds the older checkpoint.")
        old, new = verifier.advance(read_text(older), text)
        note = text.partition("\n\n")[2]
    else:
        note, new = text, verifier.checkpoint(text)
        old = new if older is None else _same(verifier, read_text(older), note)
    lines = [f"Verified: the log {new.origin} has {new.size} entries; its root is {spell(new.root)}."]
    if older is not None:
        lines.append(f"Verified: the older log of {old.size} entries is its beginning.")
    result = {"kind": "checkpoint", **_told(new), "older": None if older is None else old.size}
    return _cosigned(result, lines, note, witness)


def _same(verifier: Verifier, older: str, note: str) -> Checkpoint:
    """The older checkpoint, if it is of the same log at the same size: nothing else can be told without a proof."""
    old, new = verifier.checkpoint(older), verifier.checkpoint(note)
    if old.size < new.size:
        msg = f"Nothing in this file joins the older log of {old.size} entries and this one of {new.size}."
        raise ProofError(msg, advice="Ask for the file that `countenance ledger checkpoint --since` writes.")
    return verifier.consistency(older, note, [])[0]


def _cosigned(
    result: dict[str, Any], lines: list[str], note: str, witness: str | None
) -> tuple[dict[str, Any], list[str]]:
    if witness is not None:
        time_s = verify_cosignature(note, witness)
        lines.append(f"Verified: the witness cosigned it ({time_s} seconds after 1970-01-01 UTC).")
        result["cosigned_at_s"] = time_s
    return result, lines


def _told(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": spell(checkpoint.root)}


def _refuse(options: dict[str, object], what: str) -> None:
    for name, value in options.items():
        if value is not None:
            msg = f"{name} says nothing about {what}."
            raise UsageError(msg, advice=f"Leave {name} out.")


def _short(value: object) -> str:
    if isinstance(value, list):
        return f"{len(value)} lines (see --json)" if value else "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(inner)}" for name, inner in value.items())
    return str(value)
