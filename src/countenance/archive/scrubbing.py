"""Check every byte that the archive owns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from countenance.archive import DATABASE, KEYS, Archive
from countenance.errors import CountenanceError
from countenance.flows import scrub as flow
from countenance.flows.scrub import Checked


def scrub(
    folder: Path,
    open_archive: Callable[[], Archive],
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Iterator[Checked]:
    """Check an archive that may not even open; see ``flows.scrub``.

    Args:
        folder: of the archive.
        open_archive: opens it.
        progress: is told how many sealed rows are done, and of how many.
    """
    yield from flow.at_rest(folder / DATABASE, folder / KEYS)
    try:
        archive = open_archive()
    except CountenanceError as error:
        yield Checked("archive", good=False, what=f"It does not open: {error.message}", advice=error.advice)
        return
    with archive:
        yield from flow.opened(archive._record, archive.settings, progress)  # noqa: SLF001 - a part of the archive
