"""Read photos of a collection again, with the faces that are known of them: nothing is detected anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress

from countenance.errors import NotFoundError, PhotoRefusedError
from countenance.flows.scope import Scope
from countenance.flows.stages import Work, give_faces
from countenance.ingest.source import reopen
from countenance.run.stage import Batch
from countenance.store import faces, photos
from countenance.store.photos import Photo


def read_again(
    scope: Scope, missed: Callable[[], None], only: Mapping[str, Collection[str]] | None = None
) -> Iterator[Batch[Work]]:
    """Photos with faces, in the order of their ids, each from the newest path under which its very bytes still lie.

    Args:
        scope: the collection.
        missed: called for each photo that lies nowhere any more; it is left out.
        only: ids of faces by id of a photo, when neither all photos nor all of their faces are wanted.
    """
    for rows in _pages(scope, only):
        works = []
        with scope.store.reading() as tx:
            known = {row.id: (faces.of_photo(tx, row.id), photos.paths_of(tx, row.id)) for row in rows}
        for row in rows:
            found, paths = known[row.id]
            work = _read(row.sha256, paths, scope.settings.decode.max_bytes)
            if work is None:
                missed()
                continue
            give_faces(work, [face for face in found if only is None or face.id in only[row.id]])
            works.append(work)
        if works:
            yield Batch(works)


def _pages(scope: Scope, only: Mapping[str, Collection[str]] | None) -> Iterator[list[Photo]]:
    after, most = "", scope.settings.batch_photos
    wanted = sorted(only or ())
    for start in range(0, len(wanted), most):
        rows = []
        with scope.store.reading() as tx:
            for photo in wanted[start : start + most]:
                with suppress(NotFoundError):  # erased since it was asked for
                    rows.append(photos.by_id(tx, photo))
        yield rows
    while only is None:
        with scope.store.reading() as tx:
            rows = photos.page(tx, scope.collection.id, after=after, most=most)
        if not rows:
            return
        after = rows[-1].id
        yield [row for row in rows if row.n_faces]


def _read(sha256: bytes, paths: list[tuple[bytes, bytes]], max_bytes: int) -> Work | None:
    """The photo from the newest path under which its very bytes still lie; None when there is none."""
    for path, member in paths:
        try:
            content = reopen(path, member or None, max_bytes)
        except PhotoRefusedError:
            continue
        if hashlib.sha256(content).digest() == sha256:  # otherwise another photo lies there now
            return Work(path, member, sha256, len(content), content)
    return None
