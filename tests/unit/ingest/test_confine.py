"""What a confined process can no longer do. Each attempt runs in a process of its own, before and after."""

from __future__ import annotations

import ctypes
import json
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import countenance
from countenance.ingest.seccomp import MACHINES, filter_program, this_machine

SOURCE = str(Path(countenance.__file__).parents[1])
PRELUDE = """
import ctypes, errno, json, mmap, os, resource, signal, socket, subprocess, sys, threading
sys.path.insert(0, sys.argv[1])
from dataclasses import asdict
from countenance.ingest.confine import Layers, confine, limit_cpu
layers = confine(400_000_000, parent=os.getppid()) if sys.argv[2] == "confined" else Layers()
def say(word):
    print(json.dumps({"word": word, "layers": asdict(layers)}), flush=True)
"""


def attempt(code: str, *, confined: bool) -> tuple[dict[str, Any], int]:
    mode = "confined" if confined else "free"
    command = [sys.executable, "-I", "-c", PRELUDE + code, SOURCE, mode]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ourselves
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {"word": "", "layers": {}}
    return said, done.returncode


TRY = """
try:
    {}
    say("done")
except OSError as error:
    say(errno.errorcode[error.errno])
"""


@pytest.fixture(scope="module")
def layers() -> dict[str, Any]:
    said, code = attempt("say('')", confined=True)
    assert code == 0
    found: dict[str, Any] = said["layers"]
    return found


DENIED = [
    "open('/etc/hostname', 'rb').close()",
    "open('/dev/shm/countenance-test', 'wb').close()",
    "os.unlink('/dev/shm/countenance-test')",
    "os.listdir('/')",
    "os.stat('/etc')",
    "socket.socket().close()",
    "socket.socketpair()[0].close()",
    "os.close(os.pipe()[0])",
    "os.fork() or os._exit(0)",
    "os.kill(os.getppid(), 0)",
    "os.close(os.memfd_create('x'))",
    "resource.prlimit(os.getppid(), resource.RLIMIT_CPU)",
    "os.sched_setaffinity(0, os.sched_getaffinity(0))",
    "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()",
]


def test_denied(layers: dict[str, Any]) -> None:
    if not layers["seccomp"]:
        pytest.skip("no seccomp in this kernel")
    act = f"""
ends = []
for text in {DENIED!r}:
    try:
        exec(text)
        ends.append("done")
    except OSError as error:
        ends.append(errno.errorcode[error.errno])
say(" ".join(ends))
"""
    free, _ = attempt(act, confined=False)
    confined, code = attempt(act, confined=True)
    assert free["word"].split() == ["done"] * len(DENIED)
    assert set(confined["word"].split()) <= {"EPERM", "EACCES", "EMFILE"}
    assert len(confined["word"].split()) == len(DENIED)
    assert code == 0


@pytest.mark.parametrize(
    "act",
    [
        "os.execv(sys.executable, [sys.executable, '-c', ''])",
        "ctypes.CDLL(None).ptrace(0, 0, 0, 0)",
    ],
)
def test_deadly(act: str, layers: dict[str, Any]) -> None:
    if not layers["seccomp"]:
        pytest.skip("no seccomp in this kernel")
    prepared = act.replace("ctypes.CDLL(None).ptrace", "trace")
    code_text = "trace = ctypes.CDLL(None).ptrace\n" + prepared
    # The library must be loaded before, so the confinement is repeated after it.
    whole = "trace = ctypes.CDLL(None).ptrace\nconfine(400_000_000)\n" + prepared
    _, code = attempt(whole, confined=False)
    assert code == -signal.SIGSYS
    assert attempt(code_text, confined=False)[1] == 0


def test_landlock_alone_denies_files(layers: dict[str, Any]) -> None:
    if not layers["landlock"]:
        pytest.skip("no Landlock in this kernel")
    patch = (
        "import countenance.ingest.confine as c\nc._filter_calls = lambda libc: False\nc._limit_others = lambda: True\n"
    )
    act = patch + "layers = confine(400_000_000)\n" + TRY.format("open('/etc/hostname', 'rb').close()")
    said, _ = attempt(act, confined=False)
    assert said["layers"]["seccomp"] == ""
    assert said["word"] == "EACCES"


def test_work_goes_on() -> None:
    act = """
threads = [threading.Thread(target=lambda: sum(range(1000))) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
block = bytearray(50_000_000)
limit_cpu(5)
say("worked")
"""
    said, code = attempt(act, confined=True)
    assert (said["word"], code) == ("worked", 0)
    assert said["layers"]["memory_limit"]
    assert said["layers"]["other_limits"]


def test_memory_limit() -> None:
    act = """
try:
    bytearray(400_000_000)
    say("got it")
except MemoryError:
    say("MemoryError")
"""
    assert attempt(act, confined=False)[0]["word"] == "got it"
    assert attempt(act, confined=True)[0]["word"] == "MemoryError"


def test_processor_limit() -> None:
    _, code = attempt("limit_cpu(0.2)\nwhile True: pass", confined=True)
    assert code == -signal.SIGXCPU


def _run(program: bytes, number: int, argument: tuple[int, int], audit: int) -> int:
    """A tiny interpreter of the instructions that the filter uses."""
    words = {0: number, 4: audit, 16 + 8 * argument[0]: argument[1]}
    accumulator = at = 0
    while True:
        code, yes, no, value = struct.unpack_from("=HBBI", program, 8 * at)
        at += 1
        if code == 0x20:
            accumulator = words.get(value, 0)
        elif code == 0x06:
            return int(value)
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            at += yes if holds else no


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_filter_of_each_machine(name: str) -> None:
    machine = MACHINES[name]
    program = filter_program(machine)
    allow, kill, refuse, absent = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026

    def verdict(call: int, argument: tuple[int, int] = (0, 0), audit: int = machine.audit) -> int:
        return _run(program, call, argument, audit)

    calls = machine.calls
    assert len(program) // 8 < 4096
    assert [verdict(calls[c]) for c in ("read", "write", "futex", "munmap", "exit_group")] == [allow] * 5
    assert [verdict(calls[c]) for c in ("execve", "execveat", "ptrace")] == [kill] * 3
    assert verdict(calls["read"], audit=0x40000003) == kill
    assert verdict(0x40000000) == kill
    assert verdict(calls["clone3"]) == absent
    assert (verdict(calls["mmap"], (2, 3)), verdict(calls["mmap"], (2, 5))) == (allow, refuse)
    assert (verdict(calls["mprotect"], (2, 1)), verdict(calls["mprotect"], (2, 4))) == (allow, refuse)
    assert (verdict(calls["clone"], (0, 0x10F00)), verdict(calls["clone"], (0, 17))) == (allow, refuse)
    assert (verdict(calls["prlimit64"], (0, 0)), verdict(calls["prlimit64"], (0, 1))) == (allow, refuse)
    assert verdict(calls["tgkill"], (0, 1)) == refuse
    known = set(calls.values())
    assert {verdict(call) for call in range(600) if call not in known} == {refuse}


def test_numbers_of_this_machine() -> None:
    machine = this_machine()
    if machine is None:
        pytest.skip("no seccomp in this kernel")
    libc = ctypes.CDLL(None, use_errno=True)
    import os  # noqa: PLC0415 - only here

    assert libc.syscall(machine.calls["getpid"]) == os.getpid()
    assert libc.syscall(machine.calls["gettid"]) > 0
    assert libc.syscall(machine.calls["sched_yield"]) == 0
