"""``countenance ledger`` and ``countenance-verify``: what one archive signs, somebody else verifies."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from countenance.archive import DATABASE, LEDGER
from countenance.cli import verify_file
from countenance.cli.main import run as run_program
from tests.terminal import Answer, Here
from tests.unit.ledger.logs import open_log

Verify = Callable[..., Answer]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Verify:
    """Runs ``countenance-verify`` where no archive is."""

    def verify(*words: str | Path) -> Answer:
        for name in ("ARCHIVE", "KEY_FILE"):
            monkeypatch.delenv(f"COUNTENANCE_{name}", raising=False)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run_program(verify_file.command, "countenance-verify", [str(word) for word in words])
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, said.out, said.err)

    return verify


@pytest.fixture
def given(run: Here, archive: Path, tmp_path: Path) -> Path:
    """A folder with everything that the archive hands out: key, two checkpoints, a proof and its entry."""
    assert archive.is_dir()
    folder = tmp_path / "given"
    folder.mkdir()
    assert run("ledger", "key", "--out", folder / "key").code == 0
    assert run("ledger", "checkpoint", "--out", folder / "older").code == 0
    assert run("collection", "create", "press").code == 0
    assert run("ledger", "checkpoint", "--since", folder / "older", "--out", folder / "newer").code == 0
    assert run("ledger", "proof", "1", "--out", folder / "proof", "--entry-out", folder / "entry").code == 0
    return folder


def test_the_whole_ledger_verifies(run: Here, given: Path) -> None:
    found = run("ledger", "verify", "--older", given / "older", "--json").done
    assert (found["standing"], found["older"], found["size"]) == ("same", [3], 4)
    said = run("ledger", "verify").out
    assert "every one, every node and the mirror hold" in said
    assert "Nobody's older checkpoint was compared" in said
    assert run("ledger", "verify", "--older", given / "older", "--key", given / "key").code == 0
    assert "was kept is its beginning" in run("ledger", "verify", "--older", given / "older").out


def test_what_was_rewritten_is_refused(run: Here, archive: Path, given: Path) -> None:
    with closing(sqlite3.connect(archive / DATABASE)) as raw, raw:
        raw.execute("DROP TRIGGER ledger_entries_stand_on_update")
        (body,) = raw.execute("SELECT body FROM ledger_entries WHERE n = 2").fetchone()
        raw.execute("UPDATE ledger_entries SET body = ? WHERE n = 2", (body.replace(b"create", b"forget"),))
    for sums in archive.glob(f"{DATABASE}*sums"):
        sums.unlink()  # whoever rewrites the database can rewrite its checksums too
    refused = run("ledger", "verify", "--json")
    assert refused.code == 1
    assert refused.json["error"]["code"] == "not-proven"
    assert run("ledger", "verify", "--older", given / "older").code == 1


def test_an_old_copy_is_refused_until_it_is_replayed(run: Here, archive: Path) -> None:
    with closing(sqlite3.connect(archive / DATABASE)) as raw, closing(sqlite3.connect(archive / "backup")) as copy:
        raw.backup(copy)
    assert run("collection", "create", "press").code == 0
    (archive / "backup").replace(archive / DATABASE)
    refused = run("collection", "create", "club", "--json")
    assert refused.code == 1
    assert "countenance ledger replay" in refused.json["error"]["advice"]
    assert "countenance ledger replay" in run("ledger", "verify").err
    assert run("collection", "list").code == 0
    answer = run("ledger", "replay", "--json")
    done = answer.json
    assert answer.code == 3
    assert (done["standing"], done["entries"], done["erased_again"]) == ("database-behind", 1, [])
    assert done["lost"] == {"create-collection": 1}
    assert run("collection", "create", "club").code == 0
    assert run("ledger", "verify").code == 0
    assert "no entry was missing" in run("ledger", "replay").out


def test_a_damaged_mirror_is_said_and_written_again(run: Here, archive: Path) -> None:
    (archive / LEDGER / "checkpoint").unlink()
    refused = run("ledger", "verify")
    assert refused.code == 1
    assert "signed checkpoint is gone" in refused.err
    assert "written again from the database" in run("ledger", "replay").out
    assert run("ledger", "verify").code == 0


def test_a_loss_has_to_be_accepted(run: Here, archive: Path) -> None:
    mirror = {path.name: path.read_bytes() for path in (archive / LEDGER).iterdir()}
    with closing(sqlite3.connect(archive / DATABASE)) as raw, closing(sqlite3.connect(archive / "backup")) as copy:
        raw.backup(copy)
    assert run("collection", "create", "press").code == 0
    (archive / "backup").replace(archive / DATABASE)
    for name, content in mirror.items():
        (archive / LEDGER / name).write_bytes(content)
    assert "1 entry is missing" in run("ledger", "verify").err
    refused = run("ledger", "replay")
    assert (refused.code, "--accept-loss" in refused.err) == (1, True)
    accepted = run("ledger", "replay", "--accept-loss")
    assert accepted.code == 3
    assert "Gone for good: 1 entry of the log. Tell whoever holds an older checkpoint" in accepted.out
    assert run("ledger", "verify").code == 0


def test_a_witness_is_not_asked_for_what_cannot_be_written(run: Here, given: Path) -> None:
    words = ("ledger", "witness", given / "older", "--state", given / "state", "--key", given / "key")
    assert "exists already" in run(*words, "--out", given / "newer").err
    assert "its folder is not there" in run(*words, "--out", given / "none" / "cosigned").err
    assert not (given / "state").exists()
    (given / "state").mkdir()
    (given / "state" / "key").write_bytes(b"")
    refused = run(*words)
    assert (refused.code, "is damaged" in refused.err) == (1, True)


def test_a_receipt_is_verified_with_the_key_it_names(run: Here, given: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    log = open_log(tmp_path / "other")
    with log.world.store, log.world.keys:
        name = log.verifier.key.name
        (given / "receipt").write_bytes(log.receipt(log=name))
    refused = run("receipt", "verify", given / "receipt")
    assert (refused.code, f"the receipt names the log {name}" in refused.err) == (1, True)
    (given / "bytes").write_bytes(b"\xff\xfe")
    for key in (given / "bytes", given / "older", "nothing"):
        assert run("receipt", "verify", given / "receipt", "--key", key).code == 2
    junk = run("receipt", "verify", given / "bytes")
    assert (junk.code, "not canonical JSON" in junk.err or "does not end" in junk.err) == (1, True)
    (given / "bytes").write_bytes(b"\n")
    assert "These bytes are not canonical JSON" in run("receipt", "verify", given / "bytes").err
    assert run("receipt", "verify", given / "nosuch").code == 1


def test_files_are_not_written_over(run: Here, given: Path) -> None:
    refused = run("ledger", "checkpoint", "--out", given / "older")
    assert refused.code == 1
    assert "exists already" in refused.err
    assert run("ledger", "checkpoint").out.startswith("countenance/")
    assert run("ledger", "proof", "99").code == 1


def test_a_witness_cosigns_without_an_archive(
    run: Here, given: Path, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNTENANCE_ARCHIVE")
    words = ("ledger", "witness", "--state", given / "state", "--key", given / "key")
    first = run(*words, given / "older", "--name", "example.org/w", "--json").done
    assert (first["size"], first["before"]) == (3, None)
    said = run(*words, given / "newer", "--out", given / "cosigned").out
    assert f"Key of this witness: {first['witness_key']}" in said
    found = verify(given / "cosigned", "--key", given / "key", "--witness", first["witness_key"], "--json").done
    assert found["size"] == 4
    assert found["cosigned_at_s"] > 1_700_000_000
    unsigned = verify(given / "older", "--key", given / "key", "--witness", first["witness_key"])
    assert (unsigned.code, "not cosigned" in unsigned.err) == (1, True)
    assert run(*words, given / "older").code == 1


def test_everything_verifies_elsewhere(given: Path, verify: Verify) -> None:
    key = ("--key", given / "key")
    proof = verify(given / "proof", "--entry", given / "entry", *key, "--json").done
    assert (proof["kind"], proof["size"]) == ("proof", 4)
    assert proof["entry"] == (given / "entry").read_text("utf-8")
    older = verify(given / "older", *key, "--json").done
    assert (older["kind"], older["size"], older["older"]) == ("checkpoint", 3, None)
    newer = verify(given / "newer", "--older", given / "older", *key)
    assert "the older log of 3 entries is its beginning" in newer.out
    assert (
        verify(given / "older", "--older", given / "older", "--key", (given / "key").read_text("utf-8").strip()).code
        == 0
    )


def test_whoever_verifies_has_to_bring_the_key(given: Path, verify: Verify) -> None:
    refused = verify(given / "older", "--json")
    assert refused.code == 2
    assert "countenance ledger key" in refused.json["error"]["advice"]
    assert verify(given / "older", "--key", given / "older").code == 2
    assert verify(given / "older", "--key", "nothing").code == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("proof",), 2),
        (("newer",), 2),
        (("proof", "--older", "older"), 2),
        (("older", "--entry", "entry"), 2),
        (("key",), 1),
        (("nosuch",), 1),
        (("older", "--older", "nosuch"), 1),
        (("newer", "--older", "key"), 1),
    ],
)
def test_what_does_not_fit_together_is_refused(given: Path, verify: Verify, words: tuple[str, ...], code: int) -> None:
    named = [word if word.startswith("--") else given / word for word in words]
    assert verify(*named, "--key", given / "key").code == code


def test_a_newer_checkpoint_alone_says_nothing_of_an_older_one(given: Path, verify: Verify) -> None:
    alone = given / "alone"
    alone.write_text((given / "newer").read_text("utf-8").partition("\n\n")[2], "utf-8")
    refused = verify(alone, "--older", given / "older", "--key", given / "key")
    assert (refused.code, "--since" in refused.err) == (1, True)
    shorter = verify(given / "older", "--older", alone, "--key", given / "key")
    assert (shorter.code, "Step 4.2" in shorter.err) == (1, True)


def test_files_that_are_no_text_or_too_long_are_refused(given: Path, verify: Verify) -> None:
    (given / "bytes").write_bytes(b"\xff\xfe")
    (given / "long").write_bytes(b"x" * 200_000)
    assert verify(given / "bytes", "--key", given / "key").code == 2
    assert verify(given / "long", "--key", given / "key").code == 2
    (given / "json").write_bytes(b"{}\n")
    refused = verify(given / "json", "--key", given / "key")
    assert (refused.code, "Step 5.1" in refused.err) == (1, True)
    assert verify(given / "json", "--key", given / "key", "--entry", given / "entry").code == 2


def test_a_receipt_verifies_without_the_archive(tmp_path: Path, verify: Verify) -> None:
    (tmp_path / "log").mkdir()
    log = open_log(tmp_path / "log")
    with log.world.store, log.world.keys:
        receipt, key = log.receipt(stores=["a", "b"], sweep={"needles": 3, "found": []}), log.verifier.key.line
    (tmp_path / "receipt.json").write_bytes(receipt)
    found = verify(tmp_path / "receipt.json", "--key", key, "--json").done
    assert (found["kind"], found["statement"]["target"]) == ("receipt", "0123456789abcdef")
    said = verify(tmp_path / "receipt.json", "--key", key).out
    assert "stores: 2 lines (see --json)" in said
    assert "sweep: found none, needles 3" in said
    (tmp_path / "receipt.json").write_bytes(receipt.replace(b'"erased":true', b'"erased":"no"'))
    assert verify(tmp_path / "receipt.json", "--key", key).code == 1
