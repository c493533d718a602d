"""Mutation testing of the rules: small changes of the code, each of which some test must notice.

The tester, cosmic-ray, lives in an environment of its own, named by MUTATION_PYTHON (docs/adr/0016):

    python -m venv mutation
    mutation/bin/pip install cosmic-ray==8.7.0
    MUTATION_PYTHON=mutation/bin/python python -m benchmarks.mutation [NAME...]

The tests run with the Python that runs this, in a scratch copy of the checkout, one mutant at a time.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.places import CHECKOUT, RESULTS
from countenance.measure.report import write_json

# The tests that must notice, the quickest first: a run ends at the first that fails.
TESTS = {
    "consent": ("tests/unit/core/test_consent.py",),
    "clearance": (
        "tests/unit/core/test_clearance.py",
        "tests/unit/core/test_clearance_doubts.py",
        "tests/promises/test_p3_unknown_is_not_clear.py",
    ),
    "policy": ("tests/unit/core/test_policy.py",),
}
BARS = {"consent": 0.95, "clearance": 0.95}
TIMEOUT_S = 120
# Only the plugin that the project's options name: loading the others takes longer than most of these tests.
PYTEST = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "pytest_socket")
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
COPIED = ("src", "tests", "pyproject.toml")
# The project's own conftest loads every part of the package for the fixtures of whole stories. These tests need the
# profile of hypothesis only, and must not fall back on the installed package, in which nothing is ever mutated.
CONFTEST = """\
from pathlib import Path

import countenance
from hypothesis import settings

assert Path(countenance.__file__).is_relative_to(Path(__file__).parents[1])
settings.register_profile("house", deadline=None, derandomize=True, database=None)
settings.load_profile("house")
"""
CONFIG = """\
[cosmic-ray]
module-path = "{module}"
timeout = {timeout}
excluded-modules = []
test-command = '{command}'

[cosmic-ray.distributor]
name = "local"
"""


def copy_checkout(scratch: Path) -> None:
    """What the tests need, in a folder where files may be changed."""
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, scratch / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, scratch / name)
    (scratch / "tests" / "conftest.py").write_text(CONFTEST, "utf-8")


def tester(scratch: Path, *arguments: str) -> str:
    """What a program of the tester's environment says.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [os.environ["MUTATION_PYTHON"], *arguments]
    # Programs of our choice; nothing of a user reaches the command line.
    done = subprocess.run(  # noqa: S603
        command, cwd=scratch, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | ENVIRONMENT
    )
    return done.stdout


def warm_up(name: str, scratch: Path) -> None:
    """Run the tests once as they are, and keep the bytecode of everything but the module that will change.

    Raises:
        subprocess.CalledProcessError: they fail.
    """
    whole = os.environ | ENVIRONMENT
    command = [sys.executable, *PYTEST, *TESTS[name]]
    subprocess.run(command, cwd=scratch, check=True, stdout=subprocess.DEVNULL, env=whole)  # noqa: S603 - our own tests
    for compiled in scratch.glob(f"src/countenance/core/__pycache__/{name}.*"):
        compiled.unlink()


def run(name: str, scratch: Path) -> dict[str, Any]:
    """All mutants of one module of ``core``: numbers, and every survivor with its change."""
    module, session = f"src/countenance/core/{name}.py", f"{name}.sqlite"
    command = shlex.join([sys.executable, *PYTEST, *TESTS[name]])
    config = CONFIG.format(module=module, timeout=TIMEOUT_S, command=command)
    (scratch / f"{name}.toml").write_text(config, "utf-8")
    cosmic_ray = ("-c", "from cosmic_ray.cli import main; main()")
    started = time.monotonic()
    warm_up(name, scratch)
    tester(scratch, *cosmic_ray, "init", f"{name}.toml", session)
    tester(scratch, str(Path(__file__).parent / "mutants.py"), session)
    tester(scratch, *cosmic_ray, "exec", f"{name}.toml", session)
    lines = tester(scratch, *cosmic_ray, "dump", session).splitlines()
    return {**tally([json.loads(line) for line in lines]), "seconds": round(time.monotonic() - started)}


def tally(dumped: list[Any]) -> dict[str, Any]:
    """Numbers of one session, and its survivors by line."""
    left_out: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    survived = []
    for item, result in dumped:
        if result["worker_outcome"] == "skipped":
            left_out[result["output"]] += 1
            continue
        timed_out = result["output"] == "timeout"
        outcomes["timed out" if timed_out else result["test_outcome"]] += 1
        if result["test_outcome"] == "survived":
            (spec,) = item["mutations"]
            change = [
                line for line in result["diff"].splitlines() if line[:1] in "+-" and line[:3] not in {"+++", "---"}
            ]
            operator = spec["operator_name"].removeprefix("core/")
            survived.append({"line": spec["start_pos"][0], "operator": operator, "change": change})
    n_mutants = outcomes.total()
    n_killed = n_mutants - len(survived)
    return {
        "mutants": n_mutants,
        "killed": n_killed,
        "of them by the time limit": outcomes["timed out"],
        "score": round(n_killed / n_mutants, 4),
        "left out": dict(left_out),
        "survived": sorted(survived, key=lambda each: (each["line"], each["operator"])),
    }


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    if "MUTATION_PYTHON" not in os.environ:
        sys.stdout.write("mutation: skipped, MUTATION_PYTHON is not set (see the head of this file)\n")
        return 0
    names = sys.argv[1:] or list(TESTS)
    version = "from importlib.metadata import version; print(version('cosmic-ray'))"
    results, path = {}, RESULTS / "mutation.json"
    if path.is_file() and sys.argv[1:]:
        results = json.loads(path.read_text("utf-8"))["results"]
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        scratch = Path(folder).resolve()
        copy_checkout(scratch)
        used = f"cosmic-ray {tester(scratch, '-c', version).strip()}"
        for name in names:
            found = results[name] = run(name, scratch)
            sys.stdout.write(
                f"{name:10} {found['killed']}/{found['mutants']} killed ({found['score']:.2%}), "
                f"{sum(found['left out'].values())} left out, {found['seconds']} s\n"
            )
            for each in found["survived"]:
                sys.stdout.write(
                    f"  line {each['line']}: {each['operator']}\n    " + "\n    ".join(each["change"]) + "\n"
                )
            sys.stdout.flush()
    missed = [name for name, bar in BARS.items() if name in results and results[name]["score"] < bar]
    write_json(path, {"tester": used, "bars": BARS, "results": results, "missed": missed}, seed=0, checkout=CHECKOUT)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
