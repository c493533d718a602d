"""Take a picture of a page as a real browser draws it: ``python -m benchmarks.screenshot PAGE OUT.png``.

Chromium runs without a window, in a profile of its own that is thrown away, and asks no network for anything.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER = "no Chromium on this machine: install the package `chromium`, or Google Chrome"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
PATIENCE_S = 120
PATIENCE_MS = 2000
"""Milliseconds of the page's own clock that it has to load its pictures."""
_PNG = b"\x89PNG\r\n\x1a\n"


class ScreenshotError(Exception):
    """There is no picture, and why."""


def find_browser() -> str | None:
    """Path of a Chromium; None when there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name)) is not None), None)


def take(page: Path, out: Path, width: int = 1280, height: int = 900, *, dark: bool = False) -> None:
    """Draw a page into a PNG file.

    Args:
        page: HTML file.
        out: PNG file; replaced when it exists.
        width: of the window, in pixels.
        height: the same.
        dark: as somebody sees it who prefers dark pages.

    Raises:
        ScreenshotError: there is no page, no browser, or no picture came of it.
    """
    out.unlink(missing_ok=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    said = browse(page, [f"--screenshot={out.resolve()}"], width, height, dark=dark)
    if not out.is_file() or out.read_bytes()[: len(_PNG)] != _PNG:
        msg = f"the browser wrote no picture: {said.stderr.strip()[-500:]}"
        raise ScreenshotError(msg)


def browse(
    page: Path, wanted: Sequence[str], width: int = 1280, height: int = 900, *, dark: bool = False
) -> subprocess.CompletedProcess[str]:
    """Open a page and do what some further options of Chromium say.

    Raises:
        ScreenshotError: there is no page or no browser, or the browser failed.
    """
    browser = find_browser()
    if browser is None:
        raise ScreenshotError(NO_BROWSER)
    if not page.is_file():
        msg = f"there is no page {page}"
        raise ScreenshotError(msg)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            browser,
            *FLAGS,
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            f"--virtual-time-budget={PATIENCE_MS}",
            *(["--blink-settings=preferredColorScheme=0"] if dark else []),
            *wanted,
            page.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(  # noqa: S603 - a browser that was found on the path, and our own page
                command, capture_output=True, text=True, errors="replace", check=False, timeout=PATIENCE_S
            )
        except subprocess.TimeoutExpired as error:
            msg = f"the browser did not finish within {PATIENCE_S} s"
            raise ScreenshotError(msg) from error
    if done.returncode != 0:
        msg = f"the browser ended with {done.returncode}: {done.stderr.strip()[-500:]}"
        raise ScreenshotError(msg)
    return done


def main(words: Sequence[str] | None = None) -> int:
    """Read the command line; 0 when there is a picture, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshot", description=__doc__)
    parser.add_argument("page", type=Path, metavar="PAGE")
    parser.add_argument("out", type=Path, metavar="OUT.png")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--dark", action="store_true", help="as somebody sees it who prefers dark pages")
    given = parser.parse_args(words)
    try:
        take(given.page, given.out, given.width, given.height, dark=given.dark)
    except ScreenshotError as error:
        print(f"No picture: {error}.", file=sys.stderr)
        return 1
    print(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
