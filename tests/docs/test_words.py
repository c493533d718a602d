"""What papers may not claim, and what code may not leave unsaid."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs.papers import Paper, papers
from tests.house.source import PACKAGE, ROOT, Module, files, modules

CLAIM = re.compile(
    r"(?i)\b(irreversibl[ey]|anonymi[sz](ed|ation)|(GDPR.)?complian(t|ce)|unbreakable|100 ?% (safe|secure))\b"
)
NEVER = re.compile(r"(?i)\b(irreversibl[ey]|anonymi[sz]ed|complian(t|ce))\b")
DENIAL = re.compile(r"(?i)\b(not|never|no|nor|cannot|neither|avoid)\b")


def claims(paper: Paper) -> list[str]:
    """Sentences that promise what no such software can, unless they deny it."""
    sentences = re.split(r"(?<=[.:;!?])\s|\n\s*\n|\|", paper.text)
    return [f"{paper.path}: {each.strip()}" for each in sentences if CLAIM.search(each) and not DENIAL.search(each)]


def test_no_paper_claims_too_much() -> None:
    assert [finding for paper in papers() for finding in claims(paper)] == []
    assert len(papers()) > 8


@pytest.mark.parametrize(
    "text",
    [
        "The rotation is irreversible.",
        "Strangers are anonymised.",
        "This makes you GDPR-compliant.",
        "It does not phone home. It is compliant.",
        "Data are irreversibly gone.",
    ],
)
def test_a_claim_is_seen(text: str) -> None:
    assert claims(Paper("x.md", text)) != []


@pytest.mark.parametrize(
    "text", ["We never call this irreversible: with the key it is not.", "No software makes anybody compliant."]
)
def test_a_denial_is_none(text: str) -> None:
    assert claims(Paper("x.md", text)) == []


def texts_of(module: Module) -> list[str]:
    """Every text in a module's code: messages, help, docstrings."""
    strings = (node for node in ast.walk(module.tree) if isinstance(node, ast.Constant))
    return [node.value for node in strings if isinstance(node.value, str)]


def never_said(where: str, text: str) -> list[str]:
    """Words that stand nowhere, not even denied: whoever reads in haste takes the word and leaves the not."""
    return [f"{where}: {found.group()}" for found in NEVER.finditer(text)]


def test_three_words_stand_in_no_paper_and_no_text_of_ours() -> None:
    pages = [path for path in files() if path.endswith((".html", ".j2"))]
    said = [finding for paper in papers() for finding in never_said(paper.path, paper.text)]
    said += [finding for page in pages for finding in never_said(page, (ROOT / page).read_text("utf-8"))]
    for module in modules(PACKAGE):
        said += [finding for text in texts_of(module) for finding in never_said(module.path, text)]
    assert said == []
    assert len(pages) > 4


@pytest.mark.parametrize(
    "text",
    [
        "Not irreversible.",
        "anonymised faces",
        "Anonymized.",
        "GDPR-compliant",
        "It is not in compliance.",
        "irreversibly",
    ],
)
def test_a_word_is_seen_even_when_denied(text: str) -> None:
    assert never_said("x.md", text) != []
    code = f"def f():\n    raise Error({text!r}, advice=f'{text}')\n"
    assert [found for each in texts_of(Module("x.py", code)) for found in never_said("x.py", each)] != []


def undocumented(module: Module) -> list[str]:
    """Public functions, methods and classes of a module without a docstring."""
    found = []
    for node in module.tree.body:
        inside = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else []
        for each in (node, *inside):
            if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if not each.name.startswith("_") and not ast.get_docstring(each):
                found.append(f"{module.path}:{each.lineno}: {each.name}")
    return found


def test_everything_public_says_what_it_is() -> None:
    package = [module for module in modules(PACKAGE) if not module.inner.startswith("store/migrations/m")]
    assert [finding for module in package for finding in undocumented(module)] == []
    assert [module.path for module in package if not ast.get_docstring(module.tree)] == []
    assert len(package) > 60


def test_silence_is_seen() -> None:
    text = "def f(): ...\ndef _g(): ...\nclass C:\n    '''Here.'''\n    def m(self): ...\n    def _n(self): ...\n"
    assert [finding.rsplit(" ", 1)[1] for finding in undocumented(Module("x.py", text))] == ["f", "m"]
