"""P11. Runs offline, on weights anyone may use, and tells nobody anything.

The whole line runs in a process without a network, in which every attempt to reach one is written down: by an audit
hook in each Python process, and where the kernel lets us make an empty network, by the kernel's own counters, which
count the attempts of compiled code as well.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision.packs import BUILT_IN, MANIFESTS, load_pack, parse_manifest
from tests.conftest import NO_EMPTY_NETWORK
from tests.drawn import SCENES, portrait
from tests.gala import COLLECTION, SOURCES, environment

TRIED = "TRIED_FILE"
WATCH = """
import os, sys
def watch(event, arguments):
    if not event.startswith("socket."):
        return
    family = arguments[1] if event == "socket.__new__" else getattr(arguments[0], "family", None) if arguments else None
    local = event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.__new__")
    if event == "socket.gethostname" or (local and family not in (2, 10)):
        return
    handle = os.open(os.environ["TRIED_FILE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{os.getpid()} {event} {family}\\n".encode())
    os.close(handle)
    raise PermissionError(f"no network here: {event}")
sys.addaudithook(watch)
"""
LINE = """
import json, sys
from countenance.cli.main import main
told = []
for words in json.loads(sys.argv[1]):
    words = [told[-1]["appearances"][0]["id"] if word == "FOUND" else word for word in words]
    import contextlib, io
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            main([*words, "--json"])
        except SystemExit as end:
            code = end.code
    loaded = sorted({"requests", "httpx", "urllib3", "urllib.request", "http.client", "smtplib"} & {*sys.modules})
    told.append({**json.loads(said.getvalue()), "code": code, "loaded": loaded})
counters = {}
for name in ("/proc/self/net/snmp", "/proc/self/net/snmp6"):
    try:
        with open(name) as file:
            rows = [line.split() for line in file]
    except OSError:
        continue
    if name.endswith("6"):
        counters |= {row[0]: int(row[1]) for row in rows}
    else:
        for names, values in zip(rows[::2], rows[1::2]):
            counters |= {names[0] + one: int(value) for one, value in zip(names[1:], values[1:])}
print(json.dumps({"told": told, "counters": counters}))
"""
TRY = """
import socket, sys
for act in (
    lambda: socket.socket().connect(("192.0.2.1", 80)),
    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)),
    lambda: socket.getaddrinfo("localhost", 80),
    lambda: socket.socket().bind(("127.0.0.1", 0)),
):
    try:
        act()
    except OSError:
        continue
"""
GOING_OUT = ("Ip:OutRequests", "Ip:OutNoRoutes", "Tcp:ActiveOpens", "Udp:OutDatagrams", "Ip6OutRequests")


@cache
def without_network() -> tuple[str, ...]:
    """Words to put before a command so that it has no network at all; none where the kernel forbids it."""
    unshare = shutil.which("unshare")
    for flags in ("-rn", "-n"):
        if unshare and subprocess.run([unshare, flags, "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603
            return (unshare, flags)
    return ()


def run_watched(tmp_path: Path, env: dict[str, str], *words: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run Python without a network; what it said, and what it and its children tried."""
    (tmp_path / "watch").mkdir(exist_ok=True)
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH, "utf-8")  # read by every Python that starts
    tried = tmp_path / "tried"
    tried.unlink(missing_ok=True)
    env = env | {"PYTHONPATH": f"{tmp_path / 'watch'}:{SOURCES}", TRIED: str(tried)}
    for proxy in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        env.pop(proxy, None)
    done = subprocess.run(  # noqa: S603 - our own program
        [*without_network(), sys.executable, *words], env=env, capture_output=True, text=True, check=False, timeout=120
    )
    return done, tried.read_text("ascii").splitlines() if tried.exists() else []


def test_an_attempt_would_be_noticed(tmp_path: Path) -> None:
    done, tried = run_watched(tmp_path, environment(tmp_path, tmp_path), "-c", TRY)
    assert done.returncode == 0, done.stderr
    events = {line.split()[1] for line in tried}
    assert {"socket.__new__", "socket.getaddrinfo"} <= events
    # A child that Python starts in the way our workers start is watched as well.
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    _, tried = run_watched(tmp_path, environment(tmp_path, tmp_path), "-c", child, TRY)
    assert tried


def test_the_kernel_counts_what_python_does_not_see(tmp_path: Path) -> None:
    look = f"{TRY}\nsys.argv[1:] = ['[]']\n{LINE}"
    isolated = without_network()
    done = subprocess.run(  # noqa: S603 - our own program
        [*isolated, sys.executable, "-c", look if isolated else "print('{}')"],
        env=environment(tmp_path, tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    counters = json.loads(done.stdout).get("counters", {})
    # Where no empty network can be made, the audit hook alone stands guard, and the counters are not asked.
    assert (sum(counters.get(name, 0) for name in GOING_OUT) >= 1) == bool(isolated)


def test_onnx_runtime_tells_its_maker_nothing(tmp_path: Path) -> None:
    """From 1.32 on it sends usage data some seconds after it was imported, and writes an id of the machine."""
    wait = f"import time, countenance.vision.session\ntime.sleep(14)\nimport sys\nsys.argv[1:] = ['[]']\n{LINE}"
    isolated = without_network()
    if not isolated:
        pytest.skip(NO_EMPTY_NETWORK)
    env = environment(tmp_path, tmp_path) | {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home")}
    env.pop("ORT_DISABLE_TELEMETRY", None)
    (tmp_path / "home").mkdir()
    command = [*isolated, sys.executable, "-c", wait]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    counters = json.loads(done.stdout)["counters"]
    assert {name: counters.get(name, 0) for name in GOING_OUT} == dict.fromkeys(GOING_OUT, 0)
    assert not [path for path in (tmp_path / "home").rglob("*") if "icrosoft" in path.name]


def test_the_whole_line_runs_without_a_network_and_tries_to_reach_none(
    tmp_path: Path, models: Path, gala_photos: Path
) -> None:
    for place in (0, 1):
        (tmp_path / f"{place}.jpg").write_bytes(portrait(place))
    (tmp_path / "form.txt").write_text("A drawn person said yes.\n", "utf-8")
    common = ["--purpose", "find-my-photos", "--channel", "website", "--until", "2999-12-31"]
    common += ["--evidence", str(tmp_path / "form.txt")]
    line = [
        ["init"],
        ["collection", "create", COLLECTION],
        ["enrol", COLLECTION, "Ada", "--photo", str(tmp_path / "0.jpg"), *common],
        ["ingest", COLLECTION, str(gala_photos), "--engine", "processes", "--workers", "2"],
        ["enrol", COLLECTION, "Bo", "--photo", str(tmp_path / "1.jpg"), *common],
        ["find", "Ada", "--out", str(tmp_path / "sheet")],
        ["review", COLLECTION, "--confirm", "FOUND"],
        ["rescan", COLLECTION],
        ["clear", str(gala_photos), "--channel", "website", "--out", str(tmp_path / "out"), "--published-to", "a wall"],
        ["consent", "withdraw", "Ada"],
        ["consent", "list"],
        ["take-down", "Ada"],
        ["show-me", "Bo", "--out", str(tmp_path / "pack"), "--met-in-person"],
        ["retention", "list"],
        ["collection", "rekey", COLLECTION],
        ["collection", "create", "other"],
        ["enrol", "other", "Cy", "--photo", str(tmp_path / "1.jpg"), *common],
        ["erase", "Cy", "--receipt", str(tmp_path / "cy.json")],
        ["receipt", "verify", str(tmp_path / "cy.json")],
        ["ledger", "verify"],
        ["policy", "show"],
        ["models", "check"],
        ["doctor", "--scrub"],
    ]
    env = environment(models, tmp_path / "archive")
    done, tried = run_watched(tmp_path, env, "-c", LINE, json.dumps(line))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    for words, told in zip(line, answer["told"], strict=True):
        assert told["ok"], f"{words}: {told}"
        assert told["code"] == 0, f"{words}: {told}"
    said = dict(zip((words[0] for words in line), answer["told"], strict=True))
    assert said["ingest"]["photos"]["new"] == len(SCENES)
    assert said["find"]["appearances"]
    assert said["review"]["counts"]["confirmed"] == 1
    assert len(said["clear"]["photos"]) == len(SCENES)

    assert tried == []
    if without_network():
        assert {name: answer["counters"].get(name, 0) for name in GOING_OUT} == dict.fromkeys(GOING_OUT, 0)
    for words, told in zip(line, answer["told"], strict=True):
        if words[0] == "models":  # it can fetch a pack when asked to
            assert "urllib.request" in told["loaded"]
            break
        assert told["loaded"] == [], f"{words[0]} loads what could talk to others"
    for path in ("sheet/index.html", "out/report.html", "pack/index.html", "archive/policy.html"):
        page = (tmp_path / path).read_text("utf-8")
        assert re.findall(r"(?:src|href|url|action)\s*[=(]\s*[\"']?\s*(?:https?:)?//", page) == []
        assert "<script" not in page


def test_a_pack_is_evaluated_without_a_network_and_the_page_asks_for_nothing(tmp_path: Path, models: Path) -> None:
    names = [f"{place}-{picture}.jpg" for place in range(10) for picture in range(2)]
    for name in names:
        place, picture = map(int, name.removesuffix(".jpg").split("-"))
        (tmp_path / name).write_bytes(portrait(place, picture, 160))
    pairs = [f"{one},{other},{int(one[0] == other[0])}" for one in names[::2] for other in names[1::2]]
    (tmp_path / "pairs.csv").write_text("\n".join(["a,b,mated", *pairs]) + "\n", "utf-8")
    line = [["evaluate", str(tmp_path / "pairs.csv"), "--out", str(tmp_path / "report")]]
    # Drawing plots keeps a cache of fonts, which has its place below the home folder.
    env = environment(models, tmp_path / "archive") | {"MPLCONFIGDIR": str(tmp_path / "plots")}
    done, tried = run_watched(tmp_path, env, "-c", LINE, json.dumps(line))
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)["told"]
    assert told["ok"]
    assert told["pairs"] == {"mated": 10, "non_mated": 90}
    assert tried == []
    page = (tmp_path / "report" / "evaluation.html").read_text("utf-8")
    assert re.findall(r"(?:src|href|url|action)\s*[=(]\s*[\"']?\s*(?:https?:)?//", page) == []
    assert "<script" not in page


# Weights anyone may use ----------------------------------------------------------------------------------------------

TELLING = re.compile(r"telemetry|analytics|sentry|mixpanel|phone.?home|DO_NOT_TRACK|update.?check", re.IGNORECASE)


def test_no_source_knows_a_word_for_telling() -> None:
    sources = sorted((SOURCES / "countenance").rglob("*.py"))
    assert len(sources) > 50
    # The one exception is the switch by which somebody else's library is kept from it.
    texts = {path.name: path.read_text("utf-8").replace('"ORT_DISABLE_TELEMETRY", "1"', "") for path in sources}
    assert [name for name, text in texts.items() if TELLING.search(text)] == []


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_packs_say_where_they_come_from_and_allow_any_use(name: str) -> None:
    settings = Settings()
    assert not settings.allow_noncommercial
    pack = load_pack(name, settings)
    for part in (pack.detector, pack.embedder):
        assert part.licence.name in {"MIT", "CC0-1.0", "BSD-3-Clause", "Apache-2.0"}
        assert not part.licence.noncommercial
        assert part.licence.source.startswith("https://")
        assert len(part.licence.stated_training_data) > 10
        for file in part.files:
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert file.package or file.address.startswith("https://")


def manifest(part: str, old: str, new: str) -> bytes:
    """The default pack's manifest with a change in one of its two parts."""
    text = (MANIFESTS / "default.toml").read_text("utf-8")
    before, head, after = text.partition(f"[{part}]")
    assert head
    assert old in after
    return (before + head + after.replace(old, new, 1)).encode()


@pytest.mark.parametrize("part", ["detector", "embedder"])
@pytest.mark.parametrize("licence", ["CC-BY-NC-4.0", "Non-Commercial Research", "academic use", "research only"])
def test_a_licence_that_forbids_commerce_is_refused_unless_allowed(part: str, licence: str, tmp_path: Path) -> None:
    old = {"detector": 'licence = "MIT"', "embedder": 'licence = "CC0-1.0"'}[part]
    content = manifest(part, old, f'licence = "{licence}"')
    strict = Settings(cache_dir=tmp_path)
    with pytest.raises(PackError, match="forbids commercial use"):
        parse_manifest(content, tmp_path, strict)
    pack = parse_manifest(content, tmp_path, replace(strict, allow_noncommercial=True))
    assert (pack.detector.licence if part == "detector" else pack.embedder.licence).noncommercial


@pytest.mark.parametrize("part", ["detector", "embedder"])
def test_a_pack_that_says_noncommercial_is_refused_whatever_its_licence_is_called(part: str, tmp_path: Path) -> None:
    content = manifest(part, "noncommercial = false", "noncommercial = true")
    with pytest.raises(PackError, match="forbids commercial use"):
        parse_manifest(content, tmp_path, Settings(cache_dir=tmp_path))


@pytest.mark.parametrize("part", ["detector", "embedder"])
@pytest.mark.parametrize(("key", "why"), [("licence", "licence"), ("source", "source"), ("stated_training_data", "s")])
def test_a_pack_without_papers_is_refused(part: str, key: str, why: str, tmp_path: Path) -> None:
    content = manifest(part, f"\n{key} = ", f"\nforgotten_{key} = ")
    with pytest.raises(PackError, match=why):
        parse_manifest(content, tmp_path, Settings(cache_dir=tmp_path, allow_noncommercial=True))
