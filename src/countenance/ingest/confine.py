"""Taking rights away from the running process, layer by layer, where the kernel has them."""

# ruff: noqa: PLR2004 - the numbers are those of file formats and kernel interfaces, named beside them

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from countenance.ingest.seccomp import filter_program, this_machine

if sys.platform != "win32":
    import resource

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446  # the same numbers on every machine
_LANDLOCK_VERSION: Final = 1
_HEADROOM_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Layers:
    """Which layers of confinement became active.

    Attributes:
        memory_limit: private memory is limited.
        other_limits: no new files, no file growth, no core dumps.
        no_new_privs: no privileges can be gained.
        not_dumpable: no other process of the user may look inside.
        parent_death_signal: it dies with its parent.
        landlock: version of Landlock that denies all files (and network and signals, where it can), 0 for none.
        seccomp: ``allow-list`` or empty.
    """

    memory_limit: bool = False
    other_limits: bool = False
    no_new_privs: bool = False
    not_dumpable: bool = False
    parent_death_signal: bool = False
    landlock: int = 0
    seccomp: str = ""


def confine(memory_bytes: int, *, parent: int = 0) -> Layers:
    """Give up everything that decoding does not need. There is no way back for this process.

    Every import must be done before, and only one thread may run: Landlock covers the calling thread and its children.

    Args:
        memory_bytes: private memory this process may have in all.
        parent: process id to die with; 0 for none.

    Returns:
        The layers that this kernel gave; none of them is needed for decoding to work.
    """
    memory = _limit_memory(memory_bytes)
    if sys.platform != "linux":
        return Layers(memory_limit=memory, other_limits=_limit_others())
    libc = ctypes.CDLL(None, use_errno=True)
    mourns = parent > 0 and libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) == 0
    if mourns and os.getppid() != parent:
        os._exit(0)  # the parent died before the signal was asked for
    hidden = libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    humble = libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    version = _deny_files(libc) if humble else 0
    others = _limit_others()  # only now: Landlock needs one new file descriptor
    listed = humble and _filter_calls(libc)
    return Layers(memory, others, humble, hidden, mourns, version, "allow-list" if listed else "")


def limit_cpu(seconds: float) -> None:
    """Let the kernel end this process after this much more processor time (a backstop to the parent's clock).

    Args:
        seconds: from now, all threads together.
    """
    if sys.platform == "win32":
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _limit_memory(memory_bytes: int) -> bool:
    if sys.platform == "win32":
        return False
    done = _lower(resource.RLIMIT_DATA, memory_bytes)
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return done
    # Address space holds the code of the libraries and the shared buffers as well, which cost little memory.
    return _lower(resource.RLIMIT_AS, memory_bytes + pages * resource.getpagesize() + _HEADROOM_BYTES) and done


def _limit_others() -> bool:
    if sys.platform == "win32":
        return False
    limits = (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
    done = [_lower(limit, 0) for limit in limits]
    return all(done)


def _lower(limit: int, value: int) -> bool:
    try:
        _, hard = resource.getrlimit(limit)
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (wanted, wanted))
    except (OSError, ValueError):
        return False
    return True


def _deny_files(libc: ctypes.CDLL) -> int:
    """Landlock's version after an empty rule set is in force, or 0."""
    version = int(libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION))
    if version < 1:
        return 0
    files = 0x1FFF | (0x2000 if version >= 2 else 0) | (0x4000 if version >= 3 else 0) | (0x8000 if version >= 5 else 0)
    fields = [files] + ([3] if version >= 4 else []) + ([3] if version >= 6 else [])
    rules = struct.pack(f"={len(fields)}Q", *fields)
    made = int(libc.syscall(_LANDLOCK_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0))
    if made < 0:
        return 0
    try:
        return version if libc.syscall(_LANDLOCK_RESTRICT_SELF, made, 0) == 0 else 0
    finally:
        os.close(made)


def _filter_calls(libc: ctypes.CDLL) -> bool:
    machine = this_machine()
    if machine is None:
        return False
    program = filter_program(machine)
    steps = ctypes.create_string_buffer(program, len(program))
    head = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(steps)))
    enter = machine.enter
    return bool(libc.syscall(enter, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, head) == 0)
