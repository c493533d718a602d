"""What every test shares: the test photos, the loopback door, and the count of what was skipped.

A test that did not run proves nothing. Skips are therefore counted by reason and printed at the end of every run; with
``CI=true`` or ``--strict-skips`` a skip whose reason is not in ``ACCEPTED_SKIPS`` fails the run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import pytest_socket
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

NO_SHARED = "no test photos: ../shared is not beside this checkout"
NO_DEVICE = "no ext4 in an image file here: it needs root, mkfs.ext4 and a loop device"
NO_EMPTY_NETWORK = "no empty network here: unshare is missing or the kernel forbids it"
NO_GPU = "no CUDA device, or ONNX Runtime without CUDA, on this machine"

ACCEPTED_SKIPS = {
    NO_GPU: "most machines have none; results are compared with the CPU's where there is one",
    NO_EMPTY_NETWORK: "the audit hook alone stands guard then",
    NO_DEVICE: "few test machines give root; every other test of erasing reads the files themselves",
    "no Landlock in this kernel": "the decoder reports the missing layer, and its other layers are tested",
    "no seccomp in this kernel": "the decoder reports the missing layer, and its other layers are tested",
    "no Chromium on this machine: install the package `chromium`, or Google Chrome": (
        "the page's content is tested without a browser; only its filters and pictures need one"
    ),
}
"""Reasons for which a test may be skipped in CI, each with why that is right."""

if not SHARED.is_dir():
    ACCEPTED_SKIPS[NO_SHARED] = "the photos are not part of the project; nothing can be shown without them"

# Some tests import ONNX Runtime by themselves: it must not tell its maker from here either.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Two slow cores share the work: a deadline would measure the machine. The seed is fixed so that a red run is red again.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")

# Fixtures of whole stories stand apart: they import all of the package, and what stands here works without it.
pytest_plugins = ["tests.stories"]

_SKIPS = pytest.StashKey[Counter[str]]()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of test photos, weights and test vectors; the test is skipped without it."""
    if not SHARED.is_dir():
        pytest.skip(NO_SHARED)
    return SHARED


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address for a local server. Sockets work in this test, and connect to this address only."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield "127.0.0.1"
    pytest_socket.disable_socket(allow_unix_socket=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-skips", action="store_true", help="fail when a test is skipped without accepted reason")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SKIPS] = Counter()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("gpu") and not _has_gpu():
            item.add_marker(pytest.mark.skip(reason=NO_GPU))
        if item.get_closest_marker("shared") and not SHARED.is_dir():
            item.add_marker(pytest.mark.skip(reason=NO_SHARED))


class SkipCounter:
    """Counts skipped tests by the reason they gave."""

    def __init__(self, config: pytest.Config) -> None:
        self._counts = config.stash[_SKIPS]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._counts[skip_reason(report.longrepr)] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._counts[skip_reason(report.longrepr)] += 1


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.pluginmanager.register(SkipCounter(session.config), "countenance-skips")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (
        _strict(session.config)
        and unaccepted(session.config.stash[_SKIPS])
        and session.exitstatus == pytest.ExitCode.OK
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = config.stash[_SKIPS]
    terminalreporter.section("skipped tests, by reason")
    if not counts:
        terminalreporter.write_line("none")
    for reason, number in sorted(counts.items()):
        verdict = ACCEPTED_SKIPS.get(reason, "NOT ACCEPTED" if _strict(config) else "would fail in CI")
        terminalreporter.write_line(f"{number:5d}  {reason} ({verdict})")
    if _strict(config) and unaccepted(counts):
        terminalreporter.write_line(
            "FAILED: tests were skipped that should have run; see ACCEPTED_SKIPS in tests/conftest.py"
        )


def skip_reason(longrepr: object) -> str:
    """The reason in pytest's (file, line, reason) triple, without pytest's own prefix."""
    reason = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return str(reason).removeprefix("Skipped: ")


def unaccepted(counts: Counter[str]) -> list[str]:
    """Reasons that no rule here accepts."""
    return sorted(reason for reason in counts if reason not in ACCEPTED_SKIPS)


def _strict(config: pytest.Config) -> bool:
    return bool(config.getoption("--strict-skips")) or os.environ.get("CI") == "true"


def _has_gpu() -> bool:
    packages = {distribution.name for distribution in metadata.distributions()}
    return "onnxruntime-gpu" in packages and Path("/dev/nvidia0").exists()
