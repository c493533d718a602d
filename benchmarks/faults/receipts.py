"""1,000 changed receipts: none may be accepted with the log's key.

    python -m benchmarks.faults.receipts

Changes of bytes (flip, drop, insert, swap, truncate, repeat), changes of values that are spelled canonically again,
parts of another genuine receipt of the same log put in their place, and whole receipts signed with a stranger's key.
"""

from __future__ import annotations

import base64
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.places import CHECKOUT, RESULTS
from countenance.archive import Archive
from countenance.core.canonical import canonical, parse
from countenance.errors import ProofError
from countenance.ledger.verify import RECEIPT_LABEL, Verifier
from countenance.measure.report import write_json
from countenance.settings import Settings
from countenance.store import subjects
from countenance.store.keyfile import Master, PassphraseCost

N_CHANGES, SEED = 1_000, 1_000
CHEAP = PassphraseCost(iterations=1, memory_kib=64, lanes=1)


def main() -> int:
    """Make receipts, change them, print, write; 1 when one was accepted."""
    with tempfile.TemporaryDirectory() as folder:
        receipts, key = _receipts(Path(folder))
    verifier = Verifier(key)
    for receipt in receipts:
        verifier.receipt(receipt)  # the unchanged ones are genuine
    chance = random.Random(SEED)  # noqa: S311 - changes, not secrets
    tried, accepted = Counter[str](), Counter[str]()
    changes: list[tuple[str, Callable[[], bytes]]] = [
        ("bytes", lambda: _bytes_changed(receipts[0], chance)),
        ("values", lambda: _values_changed(receipts[0], chance)),
        ("parts of another receipt", lambda: _mixed(receipts, chance)),
        ("signed by a stranger", lambda: _signed_by_a_stranger(receipts[0], chance)),
    ]
    while tried.total() < N_CHANGES:
        name, change = changes[tried.total() % len(changes)]
        changed = change()
        if changed in receipts:
            continue
        tried[name] += 1
        try:
            verifier.receipt(changed)
        except ProofError:
            continue
        accepted[name] += 1
    result = {"tried": dict(tried), "accepted": accepted.total(), "accepted_by_kind": dict(accepted)}
    sys.stdout.write(f"{result}\n")
    write_json(RESULTS / "receipts.json", result, seed=SEED, checkout=CHECKOUT)
    return int(accepted.total() > 0)


def _receipts(folder: Path) -> tuple[list[bytes], str]:
    """Genuine receipts of three people, and the log's key."""
    with Archive.create(folder / "archive", Master.from_passphrase("benchmark", CHEAP), Settings()) as archive:
        place = archive.create_collection("club").id
        made = []
        for name in ("Ann Fern", "Bob Reed", "Cy Marsh"):
            with archive._store.transaction() as tx:  # noqa: SLF001 - nobody needs photos here
                subjects.add(tx, archive._keys, collection=place, name=name, minor=False, at=archive._clock())  # noqa: SLF001
            made.append(archive.erase(name).receipt)
        return made, archive.ledger_key()


def _bytes_changed(receipt: bytes, chance: random.Random) -> bytes:
    at, other = chance.randrange(len(receipt)), chance.randrange(len(receipt))
    flipped = receipt[:at] + bytes([receipt[at] ^ (1 << chance.randrange(8))]) + receipt[at + 1 :]
    first, last = sorted((at, other))
    swapped = bytearray(receipt)
    swapped[at], swapped[other] = receipt[other], receipt[at]
    return chance.choice(
        [
            flipped,
            receipt[:at] + receipt[at + 1 :],
            receipt[:at] + bytes([chance.randrange(256)]) + receipt[at:],
            bytes(swapped),
            receipt[:at],
            receipt[:first] + receipt[first:last] + receipt[first:],
        ]
    )


def _values_changed(receipt: bytes, chance: random.Random) -> bytes:
    """One value of the statement, the entry or the proof is another; everything is spelled as it has to be."""
    parts: dict[str, Any] = parse(receipt.removesuffix(b"\n"))
    where = chance.choice(["statement", "statement", "entry", "proof", "signature"])
    if where == "statement":
        _change(parts["statement"], chance)
    elif where == "entry":
        entry = json.loads(parts["entry"])
        _change(entry, chance)
        parts["entry"] = canonical(entry).decode()
    elif where == "proof":
        lines = parts["proof"].split("\n")
        at = chance.randrange(len(lines))
        lines[at] = chance.choice(["", lines[chance.randrange(len(lines))], lines[at] + "x", "1"])
        parts["proof"] = "\n".join(lines)
    else:
        parts["signature"] = base64.b64encode(chance.randbytes(64)).decode()
    return canonical(parts) + b"\n"


def _change(value: Any, chance: random.Random) -> None:  # noqa: ANN401 - JSON
    """Change one value somewhere inside."""
    while True:
        at = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if isinstance(value[at], dict | list) and value[at]:
            value = value[at]
            continue
        before = value[at]
        value[at] = before + 1 if isinstance(before, int) else f"{before}0" if isinstance(before, str) else 0
        return


def _mixed(receipts: list[bytes], chance: random.Random) -> bytes:
    one, other = (parse(each.removesuffix(b"\n")) for each in chance.sample(receipts, 2))
    for part in chance.sample(sorted(one), chance.randrange(1, len(one))):
        one[part] = other[part]
    if chance.random() < 0.5:  # noqa: PLR2004 - every second time
        one["statement"] = {**one["statement"], "note": chance.randrange(10**6)}
    return canonical(one) + b"\n"


def _signed_by_a_stranger(receipt: bytes, chance: random.Random) -> bytes:
    parts = parse(receipt.removesuffix(b"\n"))
    parts.pop("signature")
    _change(parts["statement"], chance)
    key = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
    signature = base64.b64encode(key.sign(RECEIPT_LABEL + canonical(parts))).decode()
    return canonical({**parts, "signature": signature}) + b"\n"


if __name__ == "__main__":
    sys.exit(main())
