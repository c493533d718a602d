"""``countenance policy``: the page that people read before they say yes, and its versions."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path
from typing import Any

import click

from countenance.cli.frame import Frame, with_frame
from countenance.cli.values import PATH
from countenance.errors import ConflictError, NotFoundError, UsageError
from countenance.flows.policy import FILE, draft, gaps
from countenance.store.policies import PolicyPage

MOST_BYTES = 1024 * 1024


@click.group("policy")
@with_frame
def command(frame: Frame) -> None:
    """Show and publish the page that people read before they say yes; every published version is kept."""


@command.command("show")
@click.argument("version", type=click.IntRange(min=1), required=False)
@click.option("--page", "whole", is_flag=True, help="Print the page itself.")
@with_frame
def show(frame: Frame, version: int | None, *, whole: bool) -> None:
    """Show VERSION of the policy page (default: the one in force)."""
    with frame.open() as archive:
        pages = archive.policy_pages()
    found = [page for page in pages if version in {None, page.version}]
    if not found:
        msg = (
            f"There is no version {version} of the policy page." if pages else "No policy page has been published yet."
        )
        raise NotFoundError(msg, advice="Publish the page with `countenance policy publish`.")
    page = found[-1]
    state = _state_of_file(frame.folder / FILE, pages[-1])
    lines = [
        f"Policy page, version {page.version}{' (in force)' if page == pages[-1] else ''}",
        f"published {page.published_at:%Y-%m-%d %H:%M} UTC by {page.published_by}; SHA-256 {page.sha256.hex()}",
        f"{frame.folder / FILE}: {state}",
        *_unfilled(gaps(page.page)),
    ]
    result = {**_row(page), "versions": len(pages), "file": str(frame.folder / FILE), "page": page.page}
    frame.print(result, page.page if whole else "\n".join(lines))


@command.command("draft")
@click.argument("file", type=PATH, required=False)
@with_frame
def write_draft(frame: Frame, file: Path | None) -> None:
    """Write a new draft from the settings into FILE (default: policy.html of the archive); nothing is published."""
    path = file or frame.folder / FILE
    text = draft(frame.settings)
    try:
        with path.open("x", encoding="utf-8") as page:
            page.write(text)
    except FileExistsError as error:
        msg = f"{path} is there already."
        raise ConflictError(msg, advice="Name another file; nothing was changed.") from error
    again = ["countenance", "policy", "publish", *([str(file)] if file else [])]
    frame.print(
        {"file": str(path), "to_fill_in": gaps(text)},
        "\n".join([f"Draft: {path}", *_unfilled(gaps(text)), f"Next: {shlex.join(again)}"]),
    )


@command.command("publish")
@click.argument("file", type=PATH, required=False)
@with_frame
def publish(frame: Frame, file: Path | None) -> None:
    """Publish FILE (default: policy.html of the archive) as the page that people read from now on.

    Consents recorded from then on name the new version. Earlier versions are kept and never rewritten.
    """
    own = frame.folder / FILE
    text = _read(file or own)
    with frame.open() as archive:
        before = archive.policy_pages()
        page = archive.publish_policy(text, frame.who)
    new = page not in before
    lines = [
        f"Version {page.version} of the policy page is {'published' if new else 'in force already; nothing changed'}"
    ]
    if file is not None and _is_ours(own, before):
        own.write_text(text, "utf-8")
        lines.append(f"{own} now holds this page.")
    elif file is not None:
        lines.append(f"{own} holds changes that were never published, so it was left as it is.")
    lines += _unfilled(gaps(text))
    lines += ["Consents recorded from now on name this version; people who agreed before were shown theirs."] * new
    frame.print({**_row(page), "new": new}, "\n".join(lines))


def _row(page: PolicyPage) -> dict[str, Any]:
    return {
        "version": page.version,
        "sha256": page.sha256.hex(),
        "published_by": page.published_by,
        "published": page.published_at.isoformat(),
        "to_fill_in": gaps(page.page),
    }


def _unfilled(missing: list[str]) -> list[str]:
    if not missing:
        return []
    count = f"{len(missing)} place{'s' * (len(missing) != 1)} in [[double brackets]] still to be filled in:"
    return [count, *(f"  {gap}" for gap in missing)]


def _read(path: Path) -> str:
    advice = "Give the page as a text file in UTF-8, such as HTML; `countenance policy draft` writes one."
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as error:
        msg = f"The policy page {path} cannot be read: {error.strerror}."
        raise UsageError(msg, advice=advice) from error
    except UnicodeDecodeError as error:
        msg = f"The policy page {path} is not text in UTF-8."
        raise UsageError(msg, advice=advice) from error
    if len(content) > MOST_BYTES or "\0" in text:
        msg = f"The policy page {path} is no page of text of at most {MOST_BYTES} bytes."
        raise UsageError(msg, advice=advice)
    return text


def _is_ours(path: Path, pages: list[PolicyPage]) -> bool:
    """Whether the file holds nothing that is not kept in a published version."""
    return not path.exists() or hashlib.sha256(path.read_bytes()).digest() in {page.sha256 for page in pages}


def _state_of_file(path: Path, page: PolicyPage) -> str:
    if not path.exists():
        return "not there; `countenance policy show --page` prints what is in force"
    same = hashlib.sha256(path.read_bytes()).digest() == page.sha256
    return "as published" if same else "differs from what is in force; publish it with `countenance policy publish`"
