"""Habits of the package: who makes permits, who speaks, who waits, and what it never guesses about people."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.source import PACKAGE, Module, called, imported, modules

GUESSES = frozenset(
    {"classify", "detect", "estimate", "guess", "infer", "predict", "rate", "recognise", "recognize", "score", "tell"}
)
TRAITS = frozenset(
    {
        "attractiveness",
        "beauty",
        "emotion",
        "emotions",
        "ethnic",
        "ethnicity",
        "gait",
        "gender",
        "genders",
        "mood",
        "nationality",
        "race",
        "races",
        "racial",
        "religion",
        "sentiment",
        "sex",
        "sexes",
        "sexuality",
    }
)
"""Words that name nothing else in this package."""

TRAITS_WHEN_GUESSED = frozenset({"age", "ages", "disability", "skin", "smile", "weight"})
"""Words with an innocent meaning (the age of a cache, the weights of a network): wrong only beside a guessing verb."""

DRAWS_PEOPLE = "demo/"
"""Draws people who do not exist, so it chooses skins and smiles; it reads no photo."""

STREAM_NAMES = frozenset({"VideoCapture", "VideoStream", "VideoWriter", "CamGear", "WebcamVideoStream"})
STREAM_ADDRESS = re.compile(r"(?i)(rtsps?|rtmps?|srt|webrtc)://|/dev/video")

ENVIRONMENT_READERS = ("cli/", "server.py")


def own_permits(module: Module) -> list[str]:
    """Every way to get a permit that the consent rules did not give."""
    if module.inner == "core/permit.py":
        return []
    findings = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            arguments = [ast.unparse(argument) for argument in node.args]
            copies = called(node) in {"replace", "__new__", "copy", "deepcopy"}
            about_permits = any(re.search(r"(?i)\bpermit\b|_permit\b", argument) for argument in arguments)
            if called(node) == "Permit" or (copies and about_permits):
                findings.append(f"{module.path}:{node.lineno}: only core/permit.py makes a permit")
        elif "_MINT" in {getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "name", None)}:
            findings.append(f"{module.path}: reaches for the mint of core/permit.py")
        elif isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("Permit") for base in node.bases):
            findings.append(f"{module.path}:{node.lineno}: a permit has no kinds")
    return findings


def waits(module: Module) -> list[str]:
    """A sleep is a guess about another's speed: wait for the thing itself, with a time limit."""
    sleeps = {"time.sleep", "asyncio.sleep"}
    found = [f"{module.path}:{line}: {name}" for line, name in imported(module) if name in sleeps]
    found += [
        f"{module.path}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr == "sleep"
    ]
    return found


def speaks(module: Module) -> list[str]:
    """Only the command line writes to the terminal."""
    if module.inner.startswith("cli/"):
        return []
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "input"}:
            found.append(f"{module.path}:{node.lineno}: {node.func.id}()")
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdout.write", "sys.stderr.write"}:
            found.append(f"{module.path}:{node.lineno}: {ast.unparse(node)}")
    return found


def reads_environment(module: Module) -> list[str]:
    """Settings come as arguments; only the command line and the server read the environment."""
    if module.inner.startswith(ENVIRONMENT_READERS):
        return []
    return [
        f"{module.path}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv", "os.environb"}
    ]


def streams(module: Module) -> list[str]:
    """Cameras and live streams, by the name of their reader or by address."""
    found = []
    for node in ast.walk(module.tree):
        names = {getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "name", None)}
        if names & STREAM_NAMES:
            found.append(f"{module.path}: {names & STREAM_NAMES}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and STREAM_ADDRESS.match(node.value):
            found.append(f"{module.path}:{node.lineno}: {node.value}")
    return found


def trait_guesses(module: Module) -> list[str]:
    """Functions, classes, arguments, fields and command-line words that name a trait of a person.

    Text and comments may: they say what is never built. A word counts on its own (`guess_gender`, `--sex`,
    `EmotionModel`), never as a part of another (`trace`, `usage`, `essex`).
    """
    if module.inner.startswith(DRAWS_PEOPLE):
        return []
    found = []
    for line, name in public_words(module):
        words = split_words(name)
        if words & TRAITS or (words & TRAITS_WHEN_GUESSED and words & GUESSES):
            found.append(f"{module.path}:{line}: {name}")
        elif name.startswith("-") and words & {"age", "ages"}:
            found.append(f"{module.path}:{line}: option {name}")
    return found


def public_words(module: Module) -> Iterator[tuple[int, str]]:
    """(line, name) of what a module defines, and the options and commands it gives to click."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.lineno, node.target.id
        elif isinstance(node, ast.Call) and called(node) in {"option", "argument", "command", "group", "Column"}:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value


def split_words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


RULES = (own_permits, waits, speaks, reads_environment, streams, trait_guesses)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: object) -> None:
    assert callable(rule)
    assert [finding for module in modules(PACKAGE) for finding in rule(module)] == []


BAD = [
    (own_permits, "flows/enrol.py", "permit = Permit(Act.SHOW, c, frozenset(), now, None)"),
    (own_permits, "flows/enrol.py", "permit = core.permit.Permit(*row)"),
    (own_permits, "flows/enrol.py", "wider = dataclasses.replace(permit, subjects=everyone)"),
    (own_permits, "flows/enrol.py", "permit = object.__new__(Permit)"),
    (own_permits, "flows/enrol.py", "from countenance.core.permit import _MINT"),
    (own_permits, "flows/enrol.py", "from countenance.core import permit\npermit._MINT"),
    (own_permits, "flows/enrol.py", "class Wider(Permit):\n    pass"),
    (waits, "run/processes.py", "import time\ntime.sleep(0.1)"),
    (waits, "run/processes.py", "from time import sleep"),
    (waits, "run/processes.py", "async def f():\n    await asyncio.sleep(1)"),
    (speaks, "flows/ingest.py", "print('done')"),
    (speaks, "flows/ingest.py", "import sys\nsys.stderr.write('done')"),
    (speaks, "store/keys.py", "passphrase = input('Passphrase: ')"),
    (reads_environment, "store/keys.py", "import os\nkey = os.environ['KEY']"),
    (reads_environment, "settings.py", "import os\nkey = os.getenv('KEY')"),
    (streams, "ingest/decode.py", "reader = cv2.VideoCapture(0)"),
    (streams, "ingest/decode.py", "from imutils.video import VideoStream"),
    (streams, "ingest/source.py", "address = 'rtsp://camera/1'"),
    (streams, "ingest/source.py", "address = '/dev/video0'"),
    (trait_guesses, "vision/detect.py", "def guess_gender(crop): ..."),
    (trait_guesses, "vision/detect.py", "def estimate_age(crop): ..."),
    (trait_guesses, "vision/detect.py", "class EmotionModel: ..."),
    (trait_guesses, "vision/detect.py", "class AgeClassifier:\n    def predict_age(self): ..."),
    (trait_guesses, "store/faces.py", "class Face:\n    ethnicity: str"),
    (trait_guesses, "store/schema.py", "column = Column('gender', Text)"),
    (trait_guesses, "cli/find.py", "@click.option('--sex')\ndef find(sex): ..."),
    (trait_guesses, "cli/find.py", "@click.option('--age')\ndef find(years): ..."),
    (trait_guesses, "flows/find.py", "def find(subject, race): ..."),
]


@pytest.mark.parametrize(("rule", "inner", "text"), BAD)
def test_a_breach_is_seen(rule: object, inner: str, text: str) -> None:
    assert callable(rule)
    assert rule(Module(f"{PACKAGE}/{inner}", text)) != []


GOOD = [
    (own_permits, "core/permit.py", "permit = Permit(Act.SHOW, c, s, now, _MINT)"),
    (own_permits, "flows/enrol.py", "permit = permit_reference(c, consent, now)\nname.replace('a', 'b')"),
    (own_permits, "flows/enrol.py", "def f(permit: Permit) -> None:\n    raise PermitError(permit)"),
    (waits, "run/processes.py", "import time\nstarted = time.monotonic()"),
    (speaks, "cli/ingest.py", "print('done')"),
    (speaks, "measure/report.py", "blueprint('done')"),
    (reads_environment, "cli/main.py", "import os\nos.environ.get('X')"),
    (streams, "vision/align.py", "cv2.warpAffine(a, m, s)\nreason = 'an rtsp:// address is not a photo'"),
    (trait_guesses, "store/keys.py", "def cached(max_age_s): ..."),
    (trait_guesses, "vision/convert.py", "def read_weights(file, trace, usage, sextant): ..."),
    (trait_guesses, "demo/person.py", "def draw(age, skin, race): ..."),
    (trait_guesses, "errors.py", "'''Never guesses gender, race or emotion.'''"),
]


@pytest.mark.parametrize(("rule", "inner", "text"), GOOD)
def test_what_is_allowed_passes(rule: object, inner: str, text: str) -> None:
    assert callable(rule)
    assert rule(Module(f"{PACKAGE}/{inner}", text)) == []
