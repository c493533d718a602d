"""Pages that stand alone, and files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import Any

import jinja2


def render(template: str, **values: Any) -> str:  # noqa: ANN401 - whatever the template shows
    """A page from ``flows/templates``; every value is escaped, and a missing one is a mistake of ours."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("countenance.flows"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(values)


def write_whole(path: bytes, content: bytes, *, mode: int, part: bytes) -> None:
    """Write a file so that nobody ever sees a part of it, durably.

    Args:
        path: where; its folder is there.
        content: of the file.
        mode: permissions.
        part: how the path of the file begins that is not whole yet; on the same file system.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    handle, new = tempfile.mkstemp(dir=os.path.dirname(part), prefix=os.path.basename(part))  # noqa: PTH119, PTH120 - bytes
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(new, mode)  # noqa: PTH101 - names are bytes here
        os.replace(new, path)  # noqa: PTH105 - as above
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)  # noqa: PTH108 - as above
        raise
