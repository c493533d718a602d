"""Leaves out of a cosmic-ray session what is no mutant; runs in the environment that MUTATION_PYTHON names.

    python mutants.py SESSION

Two kinds are left out before any test runs, so that they count neither as killed nor as survived: text that is no
Python any more (the star of keyword-only arguments taken for a product), and changes of annotations alone, which
nothing reads while the program runs.
"""

from __future__ import annotations

import ast
import sys
import warnings
from importlib import import_module
from pathlib import Path


def meaning(source: str) -> str | None:
    """What a module does, its annotations left out; None when it is no Python."""
    try:
        with warnings.catch_warnings(action="ignore", category=SyntaxWarning):  # of "is" with a literal
            tree = ast.parse(source)
            compile(source, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    return ast.dump(tree)


def why_no_mutant(original: str, mutated: str | None) -> str | None:
    """Why a change is left out; None when it is a mutant."""
    if mutated is None or mutated == original:
        return "changes nothing"
    found = meaning(mutated)
    if found is None:
        return "no Python"
    return "annotations only" if found == meaning(original) else None


def main() -> None:
    """Mark what is left out as skipped, with the reason."""
    # Only this environment has cosmic-ray; names are looked up when it runs so that others can read this file.
    databases, items = import_module("cosmic_ray.work_db"), import_module("cosmic_ray.work_item")
    plugins, mutating = import_module("cosmic_ray.plugins"), import_module("cosmic_ray.mutating")
    with databases.use_db(sys.argv[1], databases.WorkDB.Mode.open) as session:
        for item in list(session.pending_work_items):
            (spec,) = item.mutations
            original = Path(spec.module_path).read_text("utf-8")
            operator = plugins.get_operator(spec.operator_name)(**spec.operator_args)
            why = why_no_mutant(original, mutating.mutate_code(original, operator, spec.occurrence))
            if why is not None:
                skipped = items.WorkResult(worker_outcome=items.WorkerOutcome.SKIPPED, output=why)
                session.set_result(item.job_id, skipped)


if __name__ == "__main__":
    main()
