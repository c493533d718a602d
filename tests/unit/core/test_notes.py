"""The texts of a log, read strictly: what is accepted is spelled in the one way that is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.core.notes import (
    COSIGNATURE,
    ED25519,
    MOST_HASHES,
    MOST_SIGNATURES,
    MOST_TEXT,
    Checkpoint,
    Key,
    Proof,
    checkpoint_text,
    consistency_text,
    cosigned,
    is_consistency,
    is_name,
    is_proof,
    parse_checkpoint,
    parse_consistency,
    parse_key,
    parse_note,
    parse_proof,
    parse_timestamped,
    proof_text,
    signature_line,
    spell,
    timestamped,
    unspell,
)

HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=8)
KEY = Key("example.com/log", ED25519, bytes(range(32)))
NOTE = f"example.com/log\n7\n{spell(bytes(32))}\n\n{signature_line(KEY, bytes(64))}"
HASH = spell(bytes(32))
PROOF = f"c2sp.org/tlog-proof@v1\nindex 3\n{HASH}\n{HASH}\n\n{NOTE}"


def test_the_example_of_the_specification_is_read() -> None:
    """C2SP signed-note: the text may hold empty lines; the last one divides."""
    text = (
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
        "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaq"
        "P3ZekRwNtIc=\n"
    )
    note = parse_note(text)
    assert note.text.endswith("sole:\n\ned è subito sera.\n")
    (signature,) = note.signatures
    assert (signature.name, signature.key_id.hex()) == ("quasimodo.example/salvatore", "367ba04b")
    assert len(signature.signature) == 64


@given(st.binary(max_size=90))
def test_bytes_have_one_spelling(content: bytes) -> None:
    assert unspell(spell(content)) == content


@pytest.mark.parametrize("text", ["QQ", "QR==", "QQ==\n", " QQ==", "QQ=", "Q_==", "é", "QUI=="])
def test_another_spelling_of_bytes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        unspell(text)


@given(st.sampled_from([ED25519, COSIGNATURE]), st.binary(min_size=32, max_size=32))
def test_a_key_is_read_as_it_is_written(kind: int, public: bytes) -> None:
    key = Key("example.com/log", kind, public)
    assert parse_key(key.line) == parse_key(f"{key.line}\n") == key
    assert key.line.startswith(f"example.com/log+{key.id.hex()}+")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "example.com/log",
        KEY.line.replace("+", " "),
        KEY.line + "\n\n",
        f" {KEY.line}",
        f"example.com/other+{KEY.id.hex()}+{KEY.line.rpartition('+')[2]}",
        f"example.com/log+{KEY.id.hex().upper()}x+{spell(bytes([ED25519]) + KEY.public)}",
        Key("example.com/log", 2, KEY.public).line,
        Key("example.com/log", ED25519, KEY.public[:31]).line,
        Key("two words", ED25519, KEY.public).line,
        Key("", ED25519, KEY.public).line,
    ],
)
def test_what_is_not_a_key_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_key(line)


@pytest.mark.parametrize(
    ("name", "may"), [("a/b.c", True), ("é", True), ("", False), ("a b", False), ("a+b", False), ("a\u2003b", False)]
)
def test_names_of_keys(name: str, may: bool) -> None:  # noqa: FBT001 - a table
    assert is_name(name) is may


def test_a_note_tells_signatures_by_name_and_id() -> None:
    other = Key("example.com/log", COSIGNATURE, KEY.public)
    note = parse_note(NOTE + signature_line(other, b"x"))
    assert note.by(KEY) == [bytes(64)]
    assert note.by(other) == [b"x"]
    assert note.by(Key("example.com/else", ED25519, KEY.public)) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text\n",
        "text\n\n",
        NOTE[:-1],
        NOTE.replace("— ", "- "),
        NOTE.replace("\n\n", "\n"),
        NOTE + "\n",
        NOTE + "more\n",
        NOTE.replace("example.com/log", "example.com/\tlog"),
        NOTE.replace("\n", "\r\n"),
        NOTE.replace("— example.com/log", "— example.com+log"),
        NOTE.rpartition("\n\n")[0] + "\n\n— example.com/log AAAAAA==\n",
        NOTE + signature_line(KEY, bytes(64)) * MOST_SIGNATURES,
        "x" * MOST_TEXT + NOTE,
        "\udc80" + NOTE,
    ],
)
def test_what_is_not_a_note_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_note(text)


@given(st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_it_is_written(size: int, root: bytes) -> None:
    checkpoint = Checkpoint("example.com/log", size, root)
    assert parse_checkpoint(checkpoint_text(checkpoint)) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        f"example.com/log\n07\n{HASH}\n",
        f"example.com/log\n-7\n{HASH}\n",
        f"example.com/log\n7 \n{HASH}\n",
        f"example.com/log\n{2**53}\n{HASH}\n",
        f"example.com/log\n99999999999999999999\n{HASH}\n",
        f"example.com/log\n\u0667\n{HASH}\n",
        f"example.com/log\n7\n{spell(bytes(31))}\n",
        f"example.com/log\n7\n{HASH}",
        f"example.com/log\n7\n{HASH}\nextension\n",
        f"\n7\n{HASH}\n",
        f"two words\n7\n{HASH}\n",
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_checkpoint(text)


@given(st.integers(0, 2**53 - 1), HASHES, st.binary(max_size=20))
def test_a_proof_is_read_as_it_is_written(index: int, hashes: list[bytes], extra: bytes) -> None:
    proof = Proof(index, tuple(hashes), NOTE, extra)
    assert parse_proof(proof_text(proof)) == proof
    assert is_proof(proof_text(proof))


@pytest.mark.parametrize(
    "text",
    [
        NOTE,
        PROOF.replace("v1", "v2"),
        PROOF.replace("index 3", "index 03"),
        PROOF.replace("index 3", "3"),
        PROOF.replace("index 3\n", ""),
        PROOF.replace("index 3", "extra \nindex 3"),
        PROOF.replace("index 3", "extra QQ==\nextra QQ==\nindex 3"),
        PROOF.replace("index 3\n", "index 3\n" + f"{HASH}\n" * MOST_HASHES),
        PROOF.replace(HASH, spell(bytes(33))),
        f"c2sp.org/tlog-proof@v1\nindex 3\n{HASH}",
        "c2sp.org/tlog-proof@v1\n\n" + NOTE,
        PROOF.replace("\n", "\r\n"),
    ],
)
def test_what_is_not_a_proof_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_proof(text)


@given(st.integers(0, 2**53 - 1), HASHES)
def test_a_consistency_proof_is_read_as_it_is_written(old: int, hashes: list[bytes]) -> None:
    text = consistency_text(old, hashes, NOTE)
    assert is_consistency(text)
    assert parse_consistency(text) == (old, tuple(hashes), NOTE)


@pytest.mark.parametrize(
    "text",
    [
        NOTE,
        f"old 1\n{HASH}",
        f"old 01\n\n{NOTE}",
        f"old 1\n{HASH}x\n\n{NOTE}",
        "old 1\n" + f"{HASH}\n" * (MOST_HASHES + 1) + f"\n{NOTE}",
        f"older 1\n\n{NOTE}",
    ],
)
def test_what_is_not_a_consistency_proof_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_consistency(text)


@given(st.integers(0, 2**63 - 1), st.binary(min_size=64, max_size=64))
def test_a_cosignature_holds_its_time(time_s: int, signature: bytes) -> None:
    assert parse_timestamped(timestamped(time_s, signature)) == (time_s, signature)
    assert cosigned("text\n", time_s) == b"cosignature/v1\ntime %d\ntext\n" % time_s


@pytest.mark.parametrize("content", [b"", bytes(71), bytes(73), b"\x80" + bytes(71)])
def test_what_is_not_a_cosignature_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="timestamped"):
        parse_timestamped(content)
