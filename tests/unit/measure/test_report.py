from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from countenance.errors import UsageError
from countenance.measure import report
from countenance.measure.rates import det_curve


def test_a_report_says_what_its_numbers_depend_on(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.json"
    results = {"rate": np.float64(0.5), "rows": np.arange(2), "where": tmp_path}
    report.write_json(path, results, seed=11, checkout=tmp_path)
    written = json.loads(path.read_text("utf-8"))
    assert written["rate"] == 0.5
    assert written["rows"] == [0, 1]
    assert written["where"] == str(tmp_path)
    assert written["seed"] == 11
    assert written["commit"] == ""
    assert {"cpu", "cores", "memory_bytes"} <= written["machine"].keys()
    assert written["machine"]["cores"] >= 1
    assert written["machine"]["memory_bytes"] > 2**20
    assert written["versions"]["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert {"numpy", "onnxruntime"} <= written["versions"].keys()


def test_a_report_refuses_what_json_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        report.write_json(tmp_path / "x.json", {"x": object()}, seed=0)
    with pytest.raises(ValueError, match="JSON"):
        report.write_json(tmp_path / "x.json", {"x": float("nan")}, seed=0)
    assert not (tmp_path / "x.json").exists()


def test_a_report_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"x\.json"):
        report.write_json(tmp_path / "file" / "x.json", {}, seed=0)


def test_the_commit_is_marked_when_files_differ_from_it(tmp_path: Path) -> None:
    git = shutil.which("git")
    if git is None:
        assert report.commit_of(tmp_path) == ""
        return
    (tmp_path / "a").write_text("1")
    name = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "a"], [*name, "commit", "-q", "--no-verify", "-m", "one"]):
        subprocess.run([git, *command], cwd=tmp_path, check=True)  # noqa: S603
    clean = report.commit_of(tmp_path)
    assert len(clean) == 40
    (tmp_path / "a").write_text("2")
    assert report.commit_of(tmp_path) == f"{clean}+changed"


def test_a_library_that_is_not_there_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PACKAGES", ("numpy", "no-such-package-as-this"))
    assert report.versions()["no-such-package-as-this"] == "not installed"


CURVES = {"one": det_curve(np.array([0.4, 0.6, 0.7]), np.array([0.1, 0.5, 0.45]))}


def test_without_matplotlib_the_advice_is_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # what an import of a missing module meets
    with pytest.raises(UsageError) as caught:
        report.plot_det(CURVES, tmp_path / "det")
    assert "countenance[report]" in caught.value.advice
    assert list(tmp_path.iterdir()) == []


def test_a_det_plot_is_drawn_twice_alike(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in report.plot_det(CURVES, tmp_path / "det", title="t")]
    second = [path.read_bytes() for path in report.plot_det(CURVES, tmp_path / "det", title="t")]
    assert first == second
    assert first[0].startswith(b"\x89PNG")
    assert b"<svg" in first[1][:1000]


def test_scores_that_are_wholly_apart_still_make_a_plot(tmp_path: Path) -> None:
    apart = det_curve(np.array([0.8, 0.9]), np.array([0.1, 0.2]))
    png, svg = report.plot_det({"one": apart}, tmp_path / "det", floor=0.1)
    assert png.read_bytes()[:4] == b"\x89PNG"
    assert svg.stat().st_size > 1_000


def test_where_pairs_are_too_few_the_plot_is_shaded(tmp_path: Path) -> None:
    plain, shaded = (
        report.plot_det(CURVES, tmp_path / name, floor=floor)[1].read_text("utf-8")
        for name, floor in (("plain", None), ("shaded", 0.4))
    )
    assert "#ebebeb" in shaded
    assert "#ebebeb" not in plain


def test_shares_are_drawn_up_to_all(tmp_path: Path) -> None:
    line = {"one": (np.arange(1, 4), np.array([1.0, 1.0, 1.0]))}
    paths = report.plot_shares(line, tmp_path / "cmc", across="rank", up="share")
    assert [path.name for path in paths] == ["cmc.png", "cmc.svg"]
