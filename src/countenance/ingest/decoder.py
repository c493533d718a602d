"""The parent's side of decoding: one confined child that is asked, watched, and replaced when a photo breaks it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import weakref
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

import countenance
from countenance.errors import CountenanceError
from countenance.ingest import wire
from countenance.ingest.confine import Layers
from countenance.ingest.decoded import Decoded, Reason, refusal
from countenance.settings import DecodeLimits

_START_TIMEOUT_S: Final = 60.0
_PHOTOS_PER_CHILD: Final = 20_000  # libraries leak; a fresh child costs a third of a second
_KEEP_BYTES: Final = 8 * 1024 * 1024
_BOOT: Final = """
import importlib, json, sys
sys.path[:] = json.loads(sys.argv[1])
importlib.import_module(sys.argv[2]).main(sys.argv[3:])
"""
_REAL_CHILD: Final = "countenance.ingest.decode_child"


class Decoder:
    """Decodes photos in a child process of its own, so that a bad photo costs that photo and nothing else.

    Safe to use from several threads (they take turns) and after a fork (the forked process gets a child of its own).
    Use it as a context manager, or call ``close``.

    Args:
        limits: what one photo may cost.
        child: module whose ``main`` is run in the child.
    """

    def __init__(self, limits: DecodeLimits, *, child: str = _REAL_CHILD) -> None:
        self._limits = limits
        self._module = child
        self._lock = threading.Lock()
        self._children: list[_Child] = []
        self._finalizer = weakref.finalize(self, _stop_all, self._children)
        self._layers: Layers | None = None
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def layers(self) -> Layers:
        """The layers of confinement that this machine gives the child.

        Raises:
            CountenanceError: the child does not start.
        """
        with self._turn():
            if self._layers is None:
                self._layers = self._ready().layers
            return self._layers

    @property
    def child_pid(self) -> int | None:
        """Process id of the child, None once closed."""
        return self._children[-1].process.pid if self._children else None

    def decode(self, data: bytes | bytearray | memoryview) -> Decoded:
        """Pixels of one photo.

        Args:
            data: the whole file.

        Returns:
            The photo; its pixels are the caller's own.

        Raises:
            PhotoRefusedError: the photo cannot be used, took too long, needed too much, or broke the decoder.
            CountenanceError: the decoder cannot be started at all.
        """
        if not len(data):
            raise refusal(Reason.EMPTY)
        if len(data) > self._limits.max_bytes:
            raise refusal(Reason.TOO_MANY_BYTES)
        with self._turn():
            return self._decode(data)

    def close(self) -> None:
        """End the child. Decoding again starts another."""
        _stop_all(self._children)

    def _turn(self) -> threading.Lock:
        if self._children and self._children[-1].owner != os.getpid():
            self._lock = threading.Lock()  # the forked copy may be held by a thread that was not copied
            _stop_all(self._children)
        return self._lock

    def _start(self) -> None:
        _stop_all(self._children)
        self._children.append(_Child(self._limits, self._module))

    def _ready(self) -> _Child:
        """A child that has greeted; one that died while idle is replaced."""
        if not self._children or self._children[-1].process.poll() is not None:
            if self._children and not self._children[-1].greeted:
                self._children[-1].greet()
            self._start()
        child = self._children[-1]
        if not child.greeted:
            child.greet()
        return child

    def _decode(self, data: bytes | bytearray | memoryview) -> Decoded:
        child = self._ready()
        try:
            said = child.ask(data)
        except wire.LateError:
            self._start()
            raise refusal(Reason.TOO_SLOW) from None
        except (wire.WireError, OSError) as error:
            code = child.end()
            self._start()
            if code == -signal.SIGKILL and not child.starter.is_alive():
                # The kernel ends a child with the thread that started it: no fault of the photo.
                return self._decode(data)
            raise refusal(Reason.TOO_SLOW if code == -signal.SIGXCPU else Reason.CRASHED) from error
        except BaseException:
            self._start()  # an answer that nobody waits for any more must not meet the next question
            raise
        if isinstance(said, wire.Refused):
            if said.reason is Reason.TOO_MUCH_MEMORY or child.asked >= _PHOTOS_PER_CHILD:
                self._start()
            raise refusal(said.reason, said.detail)
        pixels = child.pixels_of(said)
        if child.asked >= _PHOTOS_PER_CHILD:
            self._start()
        return Decoded(
            pixels,
            said.full_width,
            said.full_height,
            1 / said.factor,
            said.format,
            said.orientation,
            said.partial,
            said.taken_at,
            said.notes,
            *said.rights,
        )


def _stop_all(children: list[_Child]) -> None:
    while children:
        children.pop().end()


class _Child:
    """One child process with its two pipes and two pieces of shared memory."""

    def __init__(self, limits: DecodeLimits, module: str) -> None:
        self.owner = os.getpid()
        self.starter = threading.current_thread()
        self.layers = Layers()
        self.greeted = False
        self.asked = 0
        self._limits = limits
        self._buffer_bytes = 3 * (2 * limits.work_side_px) ** 2
        photo, self._photo = _shared_memory(limits.max_bytes)
        pixels, self._pixels = _shared_memory(self._buffer_bytes)
        their_requests, self._requests = os.pipe()
        self._answers, their_answers = os.pipe()
        theirs = (their_requests, their_answers, photo, pixels)
        limit_words = (limits.max_pixels, limits.max_bytes, limits.timeout_s, limits.memory_bytes, limits.work_side_px)
        command = [sys.executable, "-I", "-S", "-c", _BOOT, json.dumps(_search_path()), module]
        command += [str(word) for word in (*theirs, self.owner, *limit_words, self._buffer_bytes)]
        nowhere = subprocess.DEVNULL
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command, stdin=nowhere, stdout=nowhere, stderr=nowhere, pass_fds=theirs, env=_environment(), cwd="/"
            )
        except OSError as error:
            self._close()
            msg = f"the decoder process cannot be started: {error}"
            raise CountenanceError(msg) from error
        finally:
            for handle in theirs:
                os.close(handle)

    def greet(self) -> None:
        """Wait until the child is confined and ready."""
        try:
            self.layers = wire.check_layers(wire.receive(self._answers, time.monotonic() + _START_TIMEOUT_S))
        except (wire.WireError, wire.LateError, OSError) as error:
            msg = f"the decoder process did not start: {error} (exit status {self.end()})"
            raise CountenanceError(msg, advice="Install Countenance again; its image libraries do not load.") from error
        self.greeted = True

    def ask(self, data: bytes | bytearray | memoryview) -> wire.Answer | wire.Refused:
        self.asked += 1
        length = len(data)
        self._photo[:length] = data
        deadline = time.monotonic() + self._limits.timeout_s
        try:
            wire.send(self._requests, {"serial": self.asked, "length": length})
            message = wire.receive(self._answers, deadline)
        finally:
            if length > _KEEP_BYTES and hasattr(mmap, "MADV_REMOVE"):
                self._photo.madvise(mmap.MADV_REMOVE)
        return wire.check_answer(message, self.asked, self._buffer_bytes, self._limits.max_pixels)

    def pixels_of(self, answer: wire.Answer) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
        """A copy: the child could still write into the shared memory."""
        count = answer.height * answer.width * 3
        shared = np.frombuffer(self._pixels, np.uint8, count)
        return shared.reshape(answer.height, answer.width, 3).copy()

    def end(self) -> int | None:
        """Kill it, wait for it, close all that was shared; returns its exit status."""
        if self.owner != os.getpid():
            self.process.returncode = 0  # it belongs to the process that we were forked from
        elif self.process.returncode is None:
            self.process.kill()
            self.process.wait()
        self._close()
        return self.process.returncode

    def _close(self) -> None:
        for name in ("_requests", "_answers"):
            handle = getattr(self, name)
            if handle >= 0:
                setattr(self, name, -1)
                os.close(handle)
        for memory in (self._photo, self._pixels):
            # Ctrl-C in the middle of a copy leaves a view of it in the trace; it is unmapped when that is gone.
            with contextlib.suppress(BufferError):
                memory.close()


def _shared_memory(length: int) -> tuple[int, mmap.mmap]:
    """A file without a name, sealed in its size so that the child cannot pull it away under us, and its mapping."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("countenance", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(handle, length)
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    else:
        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
        os.ftruncate(handle, length)
    return handle, mmap.mmap(handle, length)


def _search_path() -> list[str]:
    """Where the child finds its modules: where we found ours, but never the folder we happen to be in."""
    here = str(Path(countenance.__file__).resolve().parents[1])
    return [*(entry for entry in sys.path if entry and Path(entry).is_absolute()), here]


def _environment() -> dict[str, str]:
    """Nothing of our environment reaches the child: it may hold secrets. It works with one thread."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):  # such an interpreter may not find its own library by itself
        threads["LD_LIBRARY_PATH"] = str(Path(sys.base_prefix) / "lib")
    return {**threads, "LC_ALL": "C.UTF-8"}
