"""Measurements on paper: JSON with the circumstances that produced it, and plots."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from countenance.errors import UsageError
from countenance.measure.rates import DetCurve

PACKAGES = ("countenance", "numpy", "onnxruntime", "opencv-python-headless", "pillow")
_INCHES = 6.0
_FEW_POINTS = 60
_SALT = "countenance"


def circumstances(folder: Path, seed: int) -> dict[str, Any]:
    """What a number depends on besides the code: commit, machine, versions, seed.

    Args:
        folder: inside the checkout whose commit is meant.
        seed: of everything drawn at random.
    """
    return {"commit": commit_of(folder), "machine": machine(), "versions": versions(), "seed": seed}


def commit_of(folder: Path) -> str:
    """Commit of the checkout around ``folder``, ``+changed`` when files differ from it; empty outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return ""
    answers = []
    for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]):
        try:
            # A fixed program with fixed arguments; nothing of ours or of a user reaches the command line.
            done = subprocess.run([git, *arguments], cwd=folder, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            return ""
        answers.append(done.stdout.strip())
    return answers[0] + ("+changed" if answers[1] else "")


def machine() -> dict[str, Any]:
    """Processor model, cores that this process may use, and memory in bytes."""
    model = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        lines = facts.read_text("utf-8", "replace").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {"cpu": model, "cores": cores, "memory_bytes": memory, "system": platform.system()}


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that can change a measurement."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def write_json(path: Path, results: Mapping[str, Any], *, seed: int, checkout: Path | None = None) -> None:
    """Write results and their circumstances as one JSON object, keys in the order given.

    Args:
        path: file to write; its folder is made.
        results: anything JSON can hold, and numpy scalars and arrays.
        seed: of everything drawn at random.
        checkout: folder inside the checkout whose commit is meant; the current folder when not given.

    Raises:
        UsageError: the file cannot be written.
    """
    whole = {**circumstances(checkout or Path.cwd(), seed), **results}
    text = json.dumps(whole, indent=2, default=_plain, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        msg = f"The report {path.name} cannot be written: {error.strerror}."
        raise UsageError(msg, advice="Choose a folder that this account may write.") from error


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    msg = f"A report cannot hold a {type(value).__name__}."
    raise TypeError(msg)


def plot_det(curves: Mapping[str, DetCurve], stem: Path, *, title: str = "", floor: float | None = None) -> list[Path]:
    """Draw DET curves on logarithmic axes as ``stem.png`` and ``stem.svg``, and return both.

    Points at which a rate is zero are not on logarithmic axes; each curve ends at its last measured rate.

    Args:
        curves: by the name that the legend shows.
        stem: path without ending; its folder is made.
        title: above the plot.
        floor: FMR below which the trials are too few to say anything; that part is shaded.

    Raises:
        UsageError: the optional library that draws is not installed.
    """

    def paint(axes: Any) -> None:  # noqa: ANN401 - of a library that may be missing
        empty = True
        for name, curve in curves.items():
            shown = (curve.fmr > 0) & (curve.fnmr > 0)
            empty &= not shown.any()
            axes.step(curve.fmr[shown], curve.fnmr[shown], where="post", label=name, linewidth=1.2)
        axes.set(xscale="log", yscale="log", xlabel="FMR", ylabel="FNMR", title=title)
        if empty:
            words = "No threshold has errors of both kinds:\nthe scores are wholly apart."
            axes.set(xlim=(1e-4, 1), ylim=(1e-4, 1))  # logarithmic axes cannot be drawn around nothing
            axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center")
        elif floor is not None:
            left = min(axes.get_xlim()[0], floor)
            axes.axvspan(left, floor, color="0.92", zorder=0, label="too few pairs to say")
            axes.set_xlim(left=left)
        axes.grid(which="both", linewidth=0.3, alpha=0.5)
        if not empty:
            axes.legend(fontsize="small")

    return _draw(stem, paint)


def plot_shares(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]], stem: Path, *, across: str, up: str, title: str = ""
) -> list[Path]:
    """Draw curves of shares on plain axes as ``stem.png`` and ``stem.svg``, and return both.

    Args:
        curves: (x, y) by the name that the legend shows.
        stem: path without ending; its folder is made.
        across: words below the plot.
        up: words beside it.
        title: above it.

    Raises:
        UsageError: the optional library that draws is not installed.
    """

    def paint(axes: Any) -> None:  # noqa: ANN401 - as above
        for name, (x, y) in curves.items():
            axes.plot(x, y, label=name, linewidth=1.2, marker="." if len(np.atleast_1d(x)) < _FEW_POINTS else None)
        axes.set(xlabel=across, ylabel=up, title=title)
        axes.set_ylim(top=min(axes.get_ylim()[1], 1.01))
        axes.grid(linewidth=0.3, alpha=0.5)
        axes.legend(fontsize="small")

    return _draw(stem, paint)


def _draw(stem: Path, paint: Callable[[Any], None]) -> list[Path]:
    try:
        import matplotlib as mpl  # noqa: PLC0415 - optional: only reports draw
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        msg = "Drawing a plot needs matplotlib, which is not installed."
        raise UsageError(msg, advice="Install it with: pip install 'countenance[report]'.") from error
    stem.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": _SALT}):  # the same curves give the same file
        figure = Figure(figsize=(_INCHES, _INCHES), layout="constrained")
        paint(figure.subplots())
        paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("png", "svg")]
        figure.savefig(paths[0], dpi=120, metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None})
    return paths
