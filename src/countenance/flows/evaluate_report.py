"""What an evaluation found, for people and for programs: a page, JSON and plots, in a folder of the user's choice."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from countenance.errors import CountenanceError, UsageError
from countenance.flows.pages import render, write_whole
from countenance.measure.outcome import needed, sides_of
from countenance.measure.rates import det_curve
from countenance.measure.report import plot_det, plot_shares
from countenance.measure.trials import Scored

JSON, PAGE, DET, CMC = "evaluation.json", "evaluation.html", "det", "cmc"
RATES = {"fnmr": "FNMR", "fmr": "FMR"}
MOST_ROWS = 200
"""Photos of one kind that the page lists; all of them are in the JSON."""


def prepare(out: Path) -> None:
    """Make the folder, before hours of work are done for nothing.

    Raises:
        CountenanceError: it cannot be made or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(os.fsencode(out / JSON), b'{"ok": false}\n', mode=0o600)
    except OSError as error:
        raise _not_written(out, error) from error


def write(report: Mapping[str, Any], scored: Scored, out: Path) -> dict[str, Any]:
    """Write plots, page and JSON; gives the report with what was added to it.

    Args:
        report: as ``flows.evaluate`` gives it.
        scored: one-to-one scores, for the plot.
        out: folder; ``prepare`` made it.

    Raises:
        CountenanceError: a file cannot be written.
    """
    told = {
        **report,
        "groups": {column: {**found, "says": says(found)} for column, found in report["groups"].items()},
    }
    told["largest_ratio"] = largest_ratio(told["groups"])
    try:
        plots, without = _plot(told, scored, out)
        told["notes"] = {"plots": without, "better": report["pack"]["better"]}
        told["files"] = [path.name for path in plots] + [PAGE, JSON]
        page = as_html(told, {path.stem: path.read_bytes() for path in plots if path.suffix == ".svg"})
        for name, text in ((PAGE, page), (JSON, json.dumps({"ok": True, **told}, indent=1) + "\n")):
            write_whole(os.fsencode(out / name), text.encode("utf-8", "backslashreplace"), mode=0o600)
    except OSError as error:
        raise _not_written(out, error) from error
    return told


def _not_written(out: Path, error: OSError) -> CountenanceError:
    return CountenanceError(
        f"The folder {out} cannot be written: {error.strerror}.",
        advice="Name a folder that this account may write with --out.",
    )


def _plot(report: Mapping[str, Any], scored: Scored, out: Path) -> tuple[list[Path], str | None]:
    """The plots, or why there are none."""
    mates, alarms = sides_of(scored)
    curve = det_curve(mates.scores, alarms.scores)
    try:
        paths = plot_det({report["pack"]["name"]: curve}, out / DET, floor=3 / len(alarms.scores))
        if report["identification"] is not None:
            shares = report["identification"]["cmc"]
            line = {report["pack"]["name"]: (np.arange(1, len(shares) + 1), np.array(shares))}
            paths += plot_shares(line, out / CMC, across="rank", up="share of mated searches within that rank")
    except UsageError as error:  # plots are pictures of numbers that are written anyway
        return [], f"{error.message} {error.advice}"
    return paths, None


def says(found: Mapping[str, Any]) -> list[str]:
    """One sentence for each rate of a column's groups."""
    sentences = []
    for rate, name in RATES.items():
        ratio = found["ratios"][rate]
        if ratio is None:
            sentences.append(f"{name}: fewer than two groups are large enough to compare.")
        elif ratio["value"] is None:
            sentences.append(
                f"{name}: highest for {ratio['highest']}; {ratio['lowest']} had no error, so no ratio says how much"
                f"{_overlap(ratio)}."
            )
        elif ratio["highest"] == ratio["lowest"]:
            sentences.append(f"{name}: the same in all groups.")
        else:
            sentences.append(
                f"{name}: {ratio['highest']} has {ratio['value']:.2f} times that of {ratio['lowest']}{_overlap(ratio)}."
            )
    return sentences


def _overlap(ratio: Mapping[str, Any]) -> str:
    return "; the intervals overlap, so chance may explain it" if ratio["overlap"] else ""


def largest_ratio(groups: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """The largest gap of all columns and rates.

    One over a lowest rate of 0 has no number. It counts as larger than any where the intervals are apart, as smaller
    than any where they overlap: then it may be nothing.
    """
    found = [
        {"group": column, "rate": rate, **ratio}
        for column, each in groups.items()
        for rate, ratio in each["ratios"].items()
        if ratio is not None and ratio["highest"] != ratio["lowest"]
    ]

    def size(each: Mapping[str, Any]) -> float:
        value = each["value"]
        return float(value) if value is not None else (0.0 if each["overlap"] else float("inf"))

    return max(found, key=size, default=None)


def as_html(report: Mapping[str, Any], plots: Mapping[str, bytes]) -> str:
    """The page: no script, nothing from a network, and no photo.

    Args:
        report: as ``write`` completes it.
        plots: SVG by name.
    """
    drawn = {name: base64.b64encode(content).decode() for name, content in plots.items()}
    photos = report["photos"]
    return render(
        "evaluate.html",
        report=report,
        plots=drawn,
        rates=RATES,
        most=MOST_ROWS,
        unused=photos["not_used"],
        poor=photos["poor"],
        needed=needed,
    )
