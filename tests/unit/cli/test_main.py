"""What every command shares: help, mistakes of ours, interruption, full disks, and names that nobody can print."""

from __future__ import annotations

import getpass
import importlib
import subprocess
import sys

import click
import pytest

from countenance.cli import frame as frame_module
from countenance.cli import main as main_module
from countenance.cli.frame import Frame, as_line, one_line, printable
from countenance.cli.main import COMMANDS
from countenance.errors import UsageError
from tests.house.source import ROOT
from tests.terminal import Here

TEACHER = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{SCHOOL}"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_and_the_shared_options(run: Here, name: str) -> None:
    answer = run(name, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: countenance {name}")
    for option in ("--archive", "--key-file", "--actor", "--json"):
        assert option in answer.out
    assert importlib.import_module(f"countenance.cli.{name.replace('-', '_')}").__doc__


def test_help_and_version_load_no_heavy_library() -> None:
    code = "import sys; import countenance.cli.main; print(sorted(sys.modules))"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=ROOT / "src", capture_output=True, text=True, check=True)  # noqa: S603 - ours
    for heavy in ("sqlalchemy", "onnxruntime", "onnx", "cv2", "PIL", "rich", "countenance.archive"):
        assert f"'{heavy}'" not in loaded.stdout
    assert "'click'" in loaded.stdout


def test_the_version(run: Here) -> None:
    assert run("--version").out.startswith("countenance, version ")


def test_options_count_before_and_after_the_command(
    run: Here, archive: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNTENANCE_ARCHIVE")
    monkeypatch.delenv("COUNTENANCE_KEY_FILE")
    where = ("--archive", str(archive), "--key-file", f"{archive}.key", "--json")
    answers = [
        run(*where, "collection", "list"),
        run("collection", *where, "list"),
        run("collection", "list", *where),
        run(*where[:2], "collection", *where[2:4], "list", *where[4:]),
    ]
    assert [answer.code for answer in answers] == [0, 0, 0, 0]
    assert [answer.json["collections"][0]["name"] for answer in answers] == ["gala"] * 4


def test_the_option_behind_the_command_wins(run: Here, archive: object) -> None:
    assert run("--archive", "nosuch", "collection", "list", "--archive", str(archive)).code == 0
    assert run("--archive", str(archive), "collection", "list", "--archive", "nosuch").code == 1


class ToRaise:
    """A command that fails in a way of the test's choosing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: BaseException = RuntimeError()
        monkeypatch.setattr(Frame, "open", self)

    def __call__(self) -> None:
        raise self.error


@pytest.fixture
def to_raise(monkeypatch: pytest.MonkeyPatch) -> ToRaise:
    return ToRaise(monkeypatch)


def test_a_mistake_of_ours_keeps_its_trace_and_the_shape(to_raise: ToRaise, capsys: pytest.CaptureFixture[str]) -> None:
    to_raise.error = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        main_module.main(["collection", "list", "--json"])
    said = capsys.readouterr().out
    assert '"code": "failed"' in said
    assert "mistake in Countenance itself: ValueError: a bug" in said


def test_what_the_system_refuses_is_one_sentence(run: Here, to_raise: ToRaise) -> None:
    to_raise.error = PermissionError(13, "Permission denied", "some/file")
    answer = run("collection", "list", "--json")
    assert answer.code == 1
    assert answer.json["error"]["message"] == "The system refused: some/file: Permission denied."
    assert "Traceback" not in run("collection", "list").err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), EOFError(), click.exceptions.Abort()])
def test_a_person_may_stop_it(run: Here, to_raise: ToRaise, error: BaseException) -> None:
    to_raise.error = error
    answer = run("collection", "list")
    assert answer.code == 130
    assert answer.out == ""
    assert "run the same command again" in answer.err
    assert run("collection", "list", "--json").json["error"]["message"] == "Stopped."


def test_an_account_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert Frame().who.startswith("uid ")
    monkeypatch.setenv("COUNTENANCE_ACTOR", " Ann ")
    assert Frame().who == "Ann"
    assert Frame(actor="Bo").who == "Bo"
    monkeypatch.setenv("COUNTENANCE_ACTOR", "two\nlines")
    with pytest.raises(UsageError, match="COUNTENANCE_ACTOR"):
        _ = Frame().who


def test_text_for_people_cannot_command_their_terminal() -> None:
    assert printable("a\nb") == "a\nb"
    assert printable("\x1b[2J\r\x07") == "\\x1b[2J\\r\\x07"
    assert printable("bad\udcff") == "bad\\xff"
    assert printable("\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe") == "\\u202egpj.exe"
    assert printable(f"Zoë {TEACHER}") == f"Zoë {TEACHER}"
    assert one_line("a\nb") == "a\\nb"


def test_json_is_plain_and_whole() -> None:
    line = as_line({"name": "bad\udcff", "rows": [{"Zoë": ("\x1b", 1.5, None, True)}]})
    assert line == '{"name": "bad\\\\xff", "rows": [{"Zo\\u00eb": ["\\u001b", 1.5, null, true]}]}'


def test_a_terminal_is_asked_for_the_passphrase(run: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["secret", "secret", "wrong", "secret"])
    monkeypatch.setattr(frame_module, "somebody_there", lambda: True)
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: next(typed))
    made = run("init", "mine")
    assert made.code == 0
    assert "Key: the passphrase. Keep a copy" in made.out
    assert run("collection", "list", "--archive", "mine").code == 1
    assert run("collection", "list", "--archive", "mine", "--json").json["ok"] is True
