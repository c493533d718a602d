"""P7: every act is an entry of the ledger that names nobody, and what cannot be logged is not done."""

from __future__ import annotations

import ast
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from countenance import cli
from countenance.archive import DATABASE, Archive
from countenance.cli.frame import Frame
from countenance.cli.main import COMMANDS, main
from countenance.core.canonical import parse
from countenance.errors import CountenanceError
from countenance.flows import case_probes, enrol
from countenance.ledger.event import Act
from countenance.settings import Settings
from countenance.store import actors
from tests.drawn import CLUB, name_of
from tests.pretend import Party, Pass, Seen, _master, state_of
from tests.promises.logged import ACTOR, ANN, NEW, TWIN, Scene, bodies_of, told
from tests.promises.logged import STORIES as OTHERS
from tests.promises.logged_cases import CASE_STORIES
from tests.searching import read_probes

STORIES = {**OTHERS, **CASE_STORIES}
QUIET = {
    "open": "opens the parts; nobody is shown",
    "close": "closes them",
    "collections": "counts",
    "collection": "a name and an id",
    "refused": "files that are no photos; nobody is in them",
    "pack_of": "a model pack",
    "subjects": "the register of who is enrolled, of a whole collection: no photo and no score",
    "subject": "whom a name stands for, as every other story asks first",
    "renewals": "which of the consents that were given to it end soon",
    "policy_pages": "pages that everybody may read",
    "review_counts": "counts",
    "actors": "who did something here, without what or to whom",
    "plan_photo_erasure": "how many rows and files there are of a photo, before it is asked whether to erase it",
    "plan_destruction": "the same of a collection",
    "hold_against": "whether a legal hold refuses what was planned",
    "subjects_having": "ids out of the register, for a story that logs what it does to each",
    "photo_id": "an id for an id",
    "unfinished_erasures": "ids of what is being erased",
    "erasure": "a receipt, which names nobody",
    "ledger_key": "a public key",
    "verify_ledger": "the ledger about itself",
    "ledger_checkpoint": "the ledger about itself",
    "ledger_proof": "the ledger about itself",
    "ledger_trouble": "the ledger about itself",
    "retention_rule": "a rule",
    "holds": "the register of legal holds",
    "retention": "the register of what is due, of whole collections",
    "ended_collections": "the register of collections whose last day has passed",
    "cases": "the register of cases: no probe and no candidate",
    "case": "the same of one case",
    "case_usage": "numbers",
    "clock_doubt": "the state of this machine's clock",
    "calibration": "a score and counts of a whole collection",
}
"""Methods that show nobody's photos, scores, consents or marks, with the reason."""

ELSEWHERE = {
    "show_me": ("unit/flows/test_show_me.py", "show-me"),
    "redact_and_erase": ("unit/flows/test_redact_person.py", "erase"),
    "calibrate": ("unit/flows/test_calibrate.py", "calibrate"),
    "run_retention": ("unit/flows/test_retention.py", "retention"),
    "resume_erasures": ("promises/test_p5_erased_is_erased.py", "erase"),
    "replay_ledger": ("promises/test_p5_erased_is_erased.py", "restore"),
}
"""Methods whose acts another test shows to be logged: its file, and the act."""
ERASING: dict[str, Callable[[Archive, str], object]] = {
    "erase": lambda archive, _: archive.erase(name_of(ANN)),
    "erase_each": lambda archive, _: archive.erase_each([archive.subject(name_of(ANN)).id]),
    "erase_photo": lambda archive, photo: archive.erase_photo(CLUB, photo),
    "destroy_collection": lambda archive, _: archive.destroy_collection(CLUB),
}
"""What destroys the keys by which one could say whom an entry touches."""

SILENT = {
    "models": "model packs of this machine",
    "evaluate": "a folder of photos and a list; no archive is there",
}
"""Commands that ask no archive about anybody, with the reason."""


@pytest.fixture
def scene(party: Party, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(enrol, "Decode", lambda *_: Pass())
    monkeypatch.setattr(enrol, "Detect", lambda *_: Pass())
    monkeypatch.setattr(enrol, "Embed", lambda *_: Seen())
    monkeypatch.setattr(case_probes, "read_probes", read_probes)
    return Scene.set_up(party)


def public() -> set[str]:
    return {name for name in dir(Archive) if not name.startswith("_")}


def test_every_method_is_told_or_shows_nobody() -> None:
    assert public() == STORIES.keys() | QUIET.keys() | ELSEWHERE.keys() | ERASING.keys() | {"create"}
    for file, act in ELSEWHERE.values():
        assert Act(act) in Act
        assert (Path(__file__).parents[1] / file).is_file()


@pytest.mark.parametrize("name", ERASING)
def test_erasing_is_logged_from_its_beginning_to_its_end(scene: Scene, name: str) -> None:
    before, secrets, (photo, _) = len(bodies_of(scene.archive)), list(scene.secrets()), scene.lone()
    target = {"erase_photo": photo, "destroy_collection": scene.party.scope.collection.id}
    wanted = target.get(name, scene.archive.subject(name_of(ANN)).id)
    ERASING[name](scene.archive, photo)
    bodies = bodies_of(scene.archive)[before:]
    assert [parse(body)["act"] for body in bodies] == [Act.ERASE_BEGIN, Act.ERASE]
    assert [parse(body)["facts"]["target"] for body in bodies] == [wanted] * 2
    assert [secret for secret in secrets if secret != wanted.encode() and any(secret in body for body in bodies)] == []


@pytest.mark.parametrize("name", sorted(STORIES))
def test_every_act_is_an_entry_that_names_nobody(scene: Scene, name: str) -> None:
    before = bodies_of(scene.archive)
    expected = STORIES[name](scene)
    bodies = bodies_of(scene.archive)
    assert bodies[: len(before)] == before
    assert told(scene.archive, bodies[len(before) :], scene.ids()) == expected
    secrets = [secret for secret in scene.secrets() if any(secret in body for body in bodies)]
    assert secrets == []


def test_a_new_archive_begins_its_ledger(tmp_path: Path) -> None:
    with Party.make(tmp_path) as made:
        acts = [parse(body)["act"] for body in bodies_of(made.archive)]
    assert acts == [Act.BEGIN, Act.POLICY, Act.CREATE_COLLECTION]


def rows_of(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything in the database, but ids and moments of what is noted anew of files that lie there already."""
    with closing(sqlite3.connect(folder / DATABASE)) as raw:
        tables = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {table: sorted(raw.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}  # noqa: S608
    found["written_files"] = sorted(row[1:-1] for row in found["written_files"])
    return found


@pytest.mark.parametrize("name", sorted(STORIES))
def test_what_cannot_be_logged_is_not_done(scene: Scene, name: str) -> None:
    folder = scene.archive.folder
    with closing(sqlite3.connect(folder / DATABASE)) as raw:
        raw.execute(
            "CREATE TRIGGER full BEFORE INSERT ON ledger_entries BEGIN SELECT RAISE(ABORT, 'the ledger is full'); END"
        )
    if name == "rescan":  # its story enrols somebody behind the archive's back first
        scene.party.enrol(NEW)
    before, files = rows_of(folder), state_of(scene.party.out)
    with pytest.raises(CountenanceError):
        scene.archive.rescan(CLUB) if name == "rescan" else STORIES[name](scene)
    assert rows_of(folder) == before
    assert state_of(scene.party.out) == files
    assert not list((scene.party.folder / "sheet").glob("*"))


def asked_of_archives(command: str) -> set[str]:
    """Methods of ``Archive`` that a command's file calls."""
    file = Path(cli.__file__).parent / f"{command.replace('-', '_')}.py"
    tree = ast.parse(file.read_text("utf-8"))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in {"archive", "Archive"}
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_goes_through_methods_that_log(command: str) -> None:
    asked = asked_of_archives(command)
    assert asked <= public(), "a command reaches past the archive"
    assert bool(asked) == (command not in SILENT)


FORM = ("--purpose", "publication", "--channel", "website", "--until", "2999-12-31", "--evidence", "{page}")
RUNS: dict[str, tuple[list[str], dict[str, int]]] = {
    "collection": (["create", "the school"], {"create-collection": 1}),
    "ingest": ([CLUB, "{photo}", "--engine", "serial"], {"ingest": 1}),
    "enrol": ([CLUB, name_of(NEW), "--photo", "{photo}", *FORM], {"enrol": 1, "rescan": 2}),
    "consent": (["withdraw", name_of(ANN)], {"withdraw": 1, "view": 1}),
    "policy": (["publish", "{page}"], {"policy": 1}),
    "find": ([name_of(ANN), "--out", "{folder}"], {"find": 1, "contact-sheet": 1}),
    "review": ([CLUB, "--merge", name_of(ANN), name_of(TWIN)], {"merge": 1}),
    "clear": (["{photo}", "--channel", "website", "--out", "{folder}"], {"ingest": 1, "clear": 2}),
    "take-down": ([name_of(ANN)], {"view": 1}),
    "rescan": ([CLUB], {"rescan": 2}),
}
"""Words of a command, and how often each act is logged by it."""


@pytest.mark.parametrize("command", RUNS)
def test_commands_log_who_did_it(scene: Scene, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words, expected = RUNS[command]
    page = scene.party.folder / "page.html"
    page.write_text("What the school does with photos.", "utf-8")
    paths = {"photo": scene.new_photo(NEW), "page": page, "folder": scene.party.folder / "sheet"}
    if command == "rescan":
        scene.party.enrol(NEW)
    before = len(bodies_of(scene.archive))
    scene.archive.close()
    monkeypatch.setattr(Frame, "master", lambda _: _master())
    home = str(scene.archive.folder)
    with pytest.raises(SystemExit) as done:
        main([command, *(word.format(**paths) for word in words), "--actor", ACTOR, "--archive", home, "--json"])
    assert done.value.code == 0
    with Archive.open(scene.archive.folder, _master(), Settings()) as again:
        logged = [parse(body) for body in bodies_of(again)[before:]]
        with again._store.reading() as tx:
            names = {each.name for entry in logged for each in [actors.everybody(tx)[entry["actor"]]]}
    assert Counter(entry["act"] for entry in logged) == expected
    assert names == {ACTOR}
