"""The test run itself: skips are counted and judged, warnings are errors, and nothing reaches a network."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pytest_socket import SocketBlockedError, SocketConnectBlockedError

from tests.conftest import NO_GPU, NO_SHARED
from tests.house.source import ROOT

SKIPS = """
import pytest

@pytest.mark.skip(reason={reason!r})
def test_skipped(): pass

def test_runs(): pass
"""


def run_pytest(folder: Path, text: str, *options: str, ci: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a test file of its own under this project's conftest and settings."""
    (folder / "tests").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
    (folder / "tests" / "stories.py").touch()  # conftest asks for it; nothing here needs a story
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "tests" / "test_one.py").write_text(text, encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_", "CI"))}
    return subprocess.run(  # noqa: S603 - our own interpreter on our own arguments
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:cov", *options],
        cwd=folder,
        env={**environment, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("reason", "options", "ci", "code"),
    [
        ("felt like it", [], "", 0),
        ("felt like it", ["--strict-skips"], "", 1),
        ("felt like it", [], "true", 1),
        (NO_GPU, [], "true", 0),
    ],
)
def test_a_skip_needs_an_accepted_reason(tmp_path: Path, reason: str, options: list[str], ci: str, code: int) -> None:
    result = run_pytest(tmp_path, SKIPS.format(reason=reason), *options, ci=ci)
    assert result.returncode == code, result.stdout + result.stderr
    assert f"    1  {reason}" in result.stdout
    assert "1 passed, 1 skipped" in result.stdout.splitlines()[-1]


@pytest.mark.parametrize(("beside", "code"), [(False, 0), (True, 1)])
def test_missing_photos_excuse_only_where_they_are_missing(tmp_path: Path, code: int, *, beside: bool) -> None:
    if beside:
        (tmp_path / "shared").mkdir()
    result = run_pytest(tmp_path / "checkout", SKIPS.format(reason=NO_SHARED), ci="true")
    assert result.returncode == code, result.stdout + result.stderr


def test_photos_are_found_beside_the_checkout(tmp_path: Path) -> None:
    text = "import pytest\n\n@pytest.mark.shared\ndef test_x(shared): assert shared.is_dir()\n"
    assert "1 skipped" in run_pytest(tmp_path / "without" / "checkout", text).stdout
    (tmp_path / "with" / "shared").mkdir(parents=True)
    assert "1 passed" in run_pytest(tmp_path / "with" / "checkout", text).stdout


def test_a_skipped_file_counts_too(tmp_path: Path) -> None:
    text = "import pytest\n\npytest.skip('no time', allow_module_level=True)\n"
    result = run_pytest(tmp_path, text, ci="true")
    assert result.returncode != 0
    assert "    1  no time (NOT ACCEPTED)" in result.stdout


def test_a_warning_is_an_error(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, "import warnings\n\ndef test_warns():\n    warnings.warn('old', stacklevel=1)\n")
    assert result.returncode == 1
    assert "1 failed" in result.stdout


def test_an_unknown_marker_is_an_error(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, "import pytest\n\n@pytest.mark.lnog\ndef test_x(): pass\n")
    assert result.returncode != 0
    assert "'lnog' not found" in result.stdout


def test_sockets_are_blocked() -> None:
    with pytest.warns(UserWarning, match="tried to use socket"), pytest.raises(SocketBlockedError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_loopback_opens_one_address_only(loopback: str) -> None:
    with socket.create_server((loopback, 0)) as server:

        def answer() -> None:
            server.accept()[0].close()

        answering = threading.Thread(target=answer)
        answering.start()
        with socket.create_connection(server.getsockname(), timeout=5) as client:
            assert client.recv(1) == b""
        answering.join()
    with pytest.warns(UserWarning, match="192.0.2.1"), pytest.raises(SocketConnectBlockedError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
