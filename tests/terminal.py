"""The command line as tests run it: in this process, which is quick, or as a process of its own, which is the truth."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from countenance.cli.main import main
from tests.house.source import ROOT

COMMAND = (sys.executable, "-c", "from countenance.cli.main import main; main()")
PATIENCE_S = 120


@dataclass(frozen=True)
class Answer:
    """What one command left behind: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout; nothing else may stand there."""
        assert self.out.count("\n") == 1, (self.out, self.err)
        assert self.out.isascii()
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def done(self) -> dict[str, Any]:
        """The JSON of a command that succeeded."""
        assert self.code == 0, self
        assert self.err == ""
        assert self.json["ok"] is True
        return self.json


@dataclass(frozen=True)
class Here:
    """Runs commands in this process. Nobody sits at the terminal."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str | Path) -> Answer:
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        said = self.capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, said.out, said.err)


@dataclass(frozen=True)
class Terminal:
    """Runs commands as processes, in a folder, with an archive and its key file named in the environment."""

    folder: Path
    cache: Path

    @property
    def environment(self) -> dict[str, str]:
        """What commands see."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COUNTENANCE_")}
        return kept | {
            "PYTHONPATH": str(ROOT / "src"),
            "COUNTENANCE_CACHE": str(self.cache),
            "COUNTENANCE_ARCHIVE": str(self.folder / "archive"),
            "COUNTENANCE_KEY_FILE": str(self.folder / "archive.key"),
            "COUNTENANCE_ACTOR": "Ms Reed",
        }

    def start(self, *words: str | bytes | Path, out: int | IO[bytes] = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """Run a command and do not wait for it. Nobody types, nobody watches."""
        return subprocess.Popen(  # noqa: S603 - our own command
            [*COMMAND, *words],
            preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 - nothing here has threads
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
        )

    def __call__(self, *words: str | bytes | Path) -> Answer:
        return finish(self.start(*words))


def _hear_ctrl_c() -> None:
    """A shell that runs the tests in the background makes them deaf to Ctrl-C; what they start must not be."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(process: subprocess.Popen[bytes]) -> Answer:
    """Wait for a command that was started."""
    out, err = process.communicate(timeout=PATIENCE_S)
    return Answer(process.returncode, (out or b"").decode(), err.decode())
