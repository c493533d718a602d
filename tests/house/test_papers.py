"""Papers of the house: locks, decision records, and what no file may say."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.house.source import ROOT, files

# In parts, so that this file does not hold what it looks for.
MACHINE_PATHS = [
    r"(?<![\w.])/" + "work/",
    r"(?<![\w.])/" + r"root/(?!\w*\.\.)",
    r"(?<![\w.])/home/" + r"[a-z]+/",
    r"\." + "library/",
]
REGISTRIES = [
    "pypi" + r"\.org",
    "python" + "hosted",
    "npm" + r"js\.(org|com)",
    "crates" + r"\.io",
    "deb" + r"\.debian\.org",
]
NEVER_SAID = re.compile("|".join(MACHINE_PATHS + REGISTRIES))

LOCKS = ("build", "lock", "dev")
PINNED = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[\w.]+)"
    r"(?P<marker> ; [^\\]+)?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)"
)

RECORD_NAME = re.compile(r"(\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.md")
RECORD_SECTIONS = ("## Context", "## Decision", "## Consequences")


def slips(path: str, content: bytes) -> list[str]:
    """Paths of one machine and addresses of registries."""
    text = content.decode("utf-8", errors="replace")
    return [f"{path}: {match.group()}" for match in NEVER_SAID.finditer(text)]


def unlocked(text: str) -> list[str]:
    """What in a lock is not a pinned name with hashes."""
    return [line for line in PINNED.sub("", text).splitlines() if line.strip()]


def locked(text: str) -> set[tuple[str, str]]:
    return {(match["name"], match["version"]) for match in PINNED.finditer(text)}


def bad_record(name: str, text: str) -> list[str]:
    findings = [] if RECORD_NAME.fullmatch(name) else [f"{name}: not NNNN-words-with-hyphens.md"]
    if not text.startswith(f"# {name[:4]} "):
        findings.append(f"{name}: the title must start with its number")
    places = [text.find(section) for section in RECORD_SECTIONS]
    if -1 in places or places != sorted(places):
        findings.append(f"{name}: needs, in this order, {', '.join(RECORD_SECTIONS)}")
    return findings


def read_lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def test_no_file_names_this_machine_or_a_registry() -> None:
    assert [finding for path in files() for finding in slips(path, (ROOT / path).read_bytes())] == []


@pytest.mark.parametrize(
    "text",
    [
        "/" + "work/main",
        "see ." + "library/x",
        "--index-url https://pypi" + ".org/simple",
        "/home" + "/ann/photos",
        "/" + "root/.cache",
    ],
)
def test_a_slip_is_seen(text: str) -> None:
    assert slips("x", text.encode()) != []


@pytest.mark.parametrize("text", ["homework/x", "art/work/x", "a library/x", "~/.cache/countenance", "PyPI"])
def test_harmless_text_is_no_slip(text: str) -> None:
    assert slips("x", text.encode()) == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_pinned_names_and_hashes_only(name: str) -> None:
    assert unlocked(read_lock(name)) == []
    assert locked(read_lock(name))


@pytest.mark.parametrize(
    "line",
    ["--index-url https://mirror.example/simple", "numpy>=2", "numpy==2.4.6", "numpy @ file:///x.whl", "# by somebody"],
)
def test_anything_else_in_a_lock_is_seen(line: str) -> None:
    assert unlocked(f"{read_lock('build')}{line}\n") == [line]


def test_locks_cover_what_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runtime, dev = locked(read_lock("lock")), locked(read_lock("dev"))
    assert _names(project["dependencies"]) <= {name for name, _ in runtime}
    extras = project["optional-dependencies"]
    assert _names([*extras["dev"], *extras["report"]]) - {"countenance"} <= {name for name, _ in dev}
    assert runtime <= dev, "tests run on the versions that users run"


def test_no_lock_brings_a_framework() -> None:
    names = {name for lock in LOCKS for name, _ in locked(read_lock(lock))}
    assert not names & {"tensorflow", "torch", "jax", "keras", "pillow-heif", "dlib"}


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0] for requirement in requirements}


def test_records_are_numbered_and_complete() -> None:
    folder = ROOT / "docs" / "adr"
    records = sorted(path for path in folder.glob("*.md") if path.name != "template.md")
    assert [finding for path in records for finding in bad_record(path.name, path.read_text(encoding="utf-8"))] == []
    numbers = [int(path.name[:4]) for path in records]
    assert numbers == list(range(1, len(records) + 1))
    assert len(records) >= 4


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("0001-a-b.md", "# 0001 A\n\n## Context\n\n## Decision\n"),
        ("0001-a-b.md", "# 0001 A\n\n## Decision\n\n## Context\n\n## Consequences\n"),
        ("0001-a-b.md", "# A\n\n## Context\n\n## Decision\n\n## Consequences\n"),
        ("1-a.md", "# 1-a. A\n\n## Context\n\n## Decision\n\n## Consequences\n"),
    ],
)
def test_an_incomplete_record_is_seen(name: str, text: str) -> None:
    assert bad_record(name, text) != []


def test_the_template_is_a_record() -> None:
    text = (ROOT / "docs" / "adr" / "template.md").read_text(encoding="utf-8")
    assert bad_record("0000-words.md", text) == []
