"""The system-call filter of the decoder child, as a small BPF program: an allow-list for x86_64 and aarch64 Linux.

Source:
    Linux, Documentation/userspace-api/seccomp_filter.rst; call numbers from the kernel's tables for the two machines.
"""

from __future__ import annotations

import os
import platform
import struct
import sys
from dataclasses import dataclass
from typing import Final

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _KILL, _REFUSE, _NOT_THERE = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026  # EPERM, ENOSYS
_PROT_EXEC, _CLONE_THREAD = 0x4, 0x10000
_X32: Final = 0x40000000

_X86_64: Final = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
    "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "readv": 19, "writev": 20,
    "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35, "getpid": 39, "clone": 56, "exit": 60,
    "gettimeofday": 96, "getrusage": 98, "times": 100, "sigaltstack": 131, "gettid": 186, "futex": 202,
    "sched_getaffinity": 204, "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229,
    "clock_nanosleep": 230, "exit_group": 231, "tgkill": 234, "set_robust_list": 273, "prlimit64": 302, "getcpu": 309,
    "getrandom": 318, "membarrier": 324, "rseq": 334, "clone3": 435,
    "execve": 59, "execveat": 322, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
}  # fmt: skip
_AARCH64: Final = {
    "read": 63, "write": 64, "close": 57, "fstat": 80, "ppoll": 73, "lseek": 62, "mmap": 222, "mprotect": 226,
    "munmap": 215, "brk": 214, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "readv": 65,
    "writev": 66, "sched_yield": 124, "mremap": 216, "madvise": 233, "nanosleep": 101, "getpid": 172, "clone": 220,
    "exit": 93, "gettimeofday": 169, "getrusage": 165, "times": 153, "sigaltstack": 132, "gettid": 178, "futex": 98,
    "sched_getaffinity": 123, "restart_syscall": 128, "clock_gettime": 113, "clock_getres": 114,
    "clock_nanosleep": 115, "exit_group": 94, "tgkill": 131, "set_robust_list": 99, "prlimit64": 261, "getcpu": 168,
    "getrandom": 278, "membarrier": 283, "rseq": 293, "clone3": 435,
    "execve": 221, "execveat": 281, "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271,
}  # fmt: skip
_DEADLY: Final = ("execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev")
_CHECKED: Final = ("mmap", "mprotect", "clone", "clone3", "tgkill", "prlimit64")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the filter must know of a machine.

    Attributes:
        audit: the kernel's name for its system-call convention.
        calls: number of each call that the filter mentions.
        enter: number of ``seccomp`` itself.
    """

    audit: int
    calls: dict[str, int]
    enter: int


MACHINES: Final = {
    "x86_64": Machine(0xC000003E, _X86_64, 317),
    "aarch64": Machine(0xC00000B7, _AARCH64, 277),
}


def this_machine() -> Machine | None:
    """This machine's table, or None where no filter was written for it (32-bit programs included)."""
    return MACHINES.get(platform.machine()) if sys.maxsize > 2**32 else None


def filter_program(machine: Machine) -> bytes:
    """The filter as an array of ``struct sock_filter``.

    Calls on the list pass; starting a program or reading another process kills; all others get EPERM, so that a library
    that tries something else (counting processors in /sys, say) goes on without it. Memory is never made executable,
    threads may start but processes may not, signals reach only the process itself.

    Args:
        machine: whose call numbers to use.

    Returns:
        8 bytes an instruction.
    """
    calls = machine.calls
    program = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, machine.audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    program += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for name, number in calls.items():
        if name not in _CHECKED:
            verdict = _KILL if name in _DEADLY else _ALLOW
            program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, verdict)]
    for name in ("mmap", "mprotect"):
        program += _when_argument(calls[name], 2, _ANY_BIT, _PROT_EXEC, _REFUSE, _ALLOW)
    program += _when_argument(calls["clone"], 0, _ANY_BIT, _CLONE_THREAD, _ALLOW, _REFUSE)
    program += _when_argument(calls["tgkill"], 0, _EQUAL, os.getpid(), _ALLOW, _REFUSE)
    program += _when_argument(calls["prlimit64"], 0, _EQUAL, 0, _ALLOW, _REFUSE)
    # The arguments of clone3 lie in memory, where a filter cannot look: libc then falls back to clone.
    program += [(_EQUAL, 0, 1, calls["clone3"]), (_RETURN, 0, 0, _NOT_THERE), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *step) for step in program)


def _when_argument(
    number: int, argument: int, test: int, value: int, then: int, otherwise: int
) -> list[tuple[int, int, int, int]]:
    """Instructions that settle one call by the low half of one of its arguments (both machines are little-endian)."""
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * argument),
        (test, 0, 1, value),
        (_RETURN, 0, 0, then),
        (_RETURN, 0, 0, otherwise),
    ]
