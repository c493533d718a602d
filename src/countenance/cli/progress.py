"""Progress bars, on terminals only and never on stdout."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich import progress
from rich.console import Console

if TYPE_CHECKING:
    from countenance.archive import Archive


class Progress:
    """One bar; silent when nobody watches."""

    def __init__(self, title: str, total: int | None, *, quiet: bool, unit: str = "photos") -> None:
        """Prepare a bar for ``total`` photos, or something else (None when unknown)."""
        console = Console(stderr=True)
        self._started = time.monotonic()
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn(f"{{task.fields[rate]}} {unit}/s"),
            progress.TextColumn("{task.fields[note]}"),
            progress.TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=total, rate="-", note="")

    def update(self, done: int, note: str) -> None:
        """Show how many photos are done."""
        spent = time.monotonic() - self._started
        self._bar.update(self._task, completed=done, rate=f"{done / spent:.1f}" if spent > 0 else "-", note=note)

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bar."""
        self._bar.stop()


@contextmanager
def steps(total: int, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A bar over named steps; gives what is to be called before each."""
    console = Console(stderr=True)
    bar = progress.Progress(
        progress.TextColumn("{task.description:16}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    task = bar.add_task("", total=total)
    done = iter(range(total + 1))

    def told(step: str) -> None:
        bar.update(task, description=step, completed=next(done, total))

    with bar:
        yield told


def note_opening(archive: Archive, progress: Progress) -> None:
    """Let a bar that is there anyway say how many templates of the archive are open, while many are opened."""
    archive.told = lambda done, of: progress.update(0, f"{done:,} of {of:,} templates open")


@contextmanager
def opening(archive: Archive, *, quiet: bool) -> Iterator[None]:
    """Inside, a bar shows how many templates of the archive are open, where many of them are opened."""
    with ExitStack() as stack:
        bar: list[Progress] = []

        def told(done: int, of: int) -> None:
            if not bar:
                bar.append(stack.enter_context(Progress("Open templates", of, quiet=quiet, unit="templates")))
            bar[0].update(done, "")

        archive.told = told
        yield
