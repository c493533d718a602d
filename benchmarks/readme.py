"""Writes README.md: runs the tour on drawn people, fills in the numbers from ``benchmarks/results``, takes the picture.

python -m benchmarks.readme
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jinja2

from benchmarks import screenshot
from benchmarks.places import CHECKOUT, RESULTS
from benchmarks.readme_search import search_rows
from countenance.demo import gala
from countenance.demo.gala import GUESTS
from countenance.redact.render import encode_jpeg

TEMPLATE = CHECKOUT / "docs" / "readme.md.j2"
README = CHECKOUT / "README.md"
PICTURE = CHECKOUT / "docs" / "images" / "report.png"
PACKS = ("default", "recommended")
ENROL = (
    'countenance enrol gala "{name}" --photo "../forms/{name}.jpg" --purpose publication find-my-photos '
    '--channel website --until 2030-12-31 --evidence "../forms/{name}.txt"'
)
CLEAR = "countenance clear ../photos --channel website --out ../website"
TOUR = (
    "countenance init club --key-file club.key",
    "cd club; export COUNTENANCE_KEY_FILE=../club.key",
    "countenance collection create gala",
    ENROL.format(name="Ada Fern"),
    ENROL.format(name="Bo Lind"),
    "countenance ingest gala ../photos",
    'countenance find "Ada Fern"',
    "countenance review gala --confirm {all}",
    f"{CLEAR} --published-to https://club.example/gala",
    'countenance consent withdraw "Ada Fern"',
    CLEAR,
    'countenance find "Bo Lind"',
    "countenance review gala --confirm {rest} --reject {worst}",
    "countenance consent list",
    'countenance show-me "Bo Lind" --out for-bo --met-in-person',
    'countenance erase "Ada Fern" --receipt ada.json',
    "countenance receipt verify ada.json",
    "countenance ledger verify",
)
N_PHOTOS = 12


def run_tour() -> list[dict[str, str]]:
    """Command and output of each step, run for real in a folder of drawn photos."""
    steps = []
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        _draw(scratch)
        before, seen = f"cd {scratch}", list[str]()
        for command in TOUR:
            shown = command.format(worst=seen[-1] if seen else "", all=" ".join(seen), rest=" ".join(seen[:-1]))
            output = _shell(f"{before}; {shown}", scratch)
            if shown.startswith("cd "):
                before += f"; {shown}"
            found = re.findall(r"^[\d.]+  suggested  (\w+)", output, flags=re.MULTILINE)
            seen = found or seen
            plain = output.replace(f"{scratch}/club", "club").replace(str(scratch), "..")
            steps.append({"command": shown, "output": _indented(plain)})
    return steps


def _draw(folder: Path) -> None:
    """Photos of the drawn gala on which one of the two is, or nobody, and what the two are enrolled with."""
    two = GUESTS[:2]
    wanted = {guest.seat for guest in two}
    chosen = [photo for photo in gala.photos() if wanted & set(photo.seats)][: N_PHOTOS - 1]
    chosen += [photo for photo in gala.photos() if not photo.seats][:1]
    (folder / "forms").mkdir()
    for photo in chosen:
        path = folder / "photos" / photo.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(photo.draw()[0]))
    for guest in two:
        (folder / "forms" / f"{guest.name}.jpg").write_bytes(encode_jpeg(gala.portrait_of(guest)))
        (folder / "forms" / f"{guest.name}.txt").write_text(f"{guest.name} said yes.\n", "utf-8")


def _shell(command: str, scratch: Path) -> str:
    binaries = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{binaries}:{os.environ['PATH']}", "COUNTENANCE_ACTOR": "Mo"}
    done = subprocess.run(  # noqa: S602 - the tour is shown as a person would type it
        command, shell=True, check=False, capture_output=True, text=True, env=environment, cwd=scratch
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        msg = f"The tour stopped at: {command}"
        raise SystemExit(msg)
    return done.stdout


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in text.rstrip("\n").splitlines())


def result(name: str) -> dict[str, Any]:
    """One file of results."""
    return dict(json.loads((RESULTS / f"{name}.json").read_text("utf-8")))


def rows() -> list[dict[str, str]]:
    """The table of numbers, every cell from a result file."""
    pipeline, workers, memory, peers = (result(name) for name in ("pipeline", "workers", "memory", "peers"))
    verification, album = result("verification"), result("album")

    def row(what: str, command: str, cells: dict[str, str]) -> dict[str, str]:
        return {"what": what, "command": command} | {pack: cells.get(pack, "-") for pack in PACKS}

    def each(what: str, command: str, cell: Any) -> dict[str, str]:  # noqa: ANN401 - a function of the pack's name
        return row(what, command, {pack: cell(pack) for pack in PACKS})

    table = [
        each(
            "ingest, photos/s, one face a photo",
            "speed.pipeline",
            lambda pack: f"{pipeline['results'][f'{pack} london']['photos_per_second']:.1f}",
        ),
        each(
            "cores for 579 photos/s (1.5 billion a month)",
            "speed.pipeline",
            lambda pack: f"{pipeline['results'][f'{pack} london']['cores_for_seed_rate']:.1f}",
        ),
        *(
            each(
                f"ingest over the sum of its kernels, {sets}, start-up included (1 is the floor)",
                "speed.pipeline",
                lambda pack, sets=sets: f"{pipeline['results'][f'{pack} {sets}']['overhead']:.2f}",
            )
            for sets in ("album+london", "london")
        ),
        each(
            "times as fast as `face_recognition` (hog), same photos, same core",
            "speed.peers",
            lambda pack: f"{peers['ratios'][pack]['face_recognition']:.1f}",
        ),
        row(
            "times as fast as `deepface` (YuNet, Dlib)",
            "speed.peers",
            {"recommended": f"{peers['ratios']['recommended']['deepface']:.1f}"},
        ),
        each(
            "labelled faces found (`face_recognition` "
            f"{peers['faces']['face_recognition']['found']}, `deepface` {peers['faces']['deepface']['found']})",
            "speed.peers",
            lambda pack: f"{peers['faces'][pack]['found']} of {peers['faces'][pack]['labelled']}",
        ),
        each("two workers against one", "speed.workers", lambda pack: f"{workers['results'][pack]['ratio']:.2f}"),
        each(
            "peak memory of a worker, 200-megapixel JPEG / 100 faces, MiB",
            "speed.memory",
            lambda pack: " / ".join(
                f"{memory['results'][f'{pack} {photo}']['peak_bytes'] / 2**20:.0f}"
                for photo in ("200 megapixels", "100 faces")
            ),
        ),
    ]
    rates = [
        each(
            f"FNMR at FMR 0.001, {name} ({verification['default']['sets'][name]['mated']} true pairs)",
            "accuracy.verification",
            lambda pack, name=name: _rate(verification[pack]["sets"][name]["fnmr"]["0.001"]),
        )
        for name in ("london", "congress", "caltech")
    ]
    search = search_rows(row, result)
    return clear_rows(row) + rights_rows(row) + search + table + rates + album_rows(album, each) + fault_rows(row)


def clear_rows(row: Any) -> list[dict[str, str]]:  # noqa: ANN401 - the row maker above
    """Rows on clearing. Both packs with both detectors, which is what publishing needs."""
    clear, missed, redacted, leaks = (result(name) for name in ("clear", "missed", "redacted", "leaks"))
    ways = {"default": "default + YuNet", "recommended": "recommended + MTCNN"}
    groups = {pack: missed["missed"][way]["groups"] for pack, way in ways.items()}
    alone = missed["missed"]["default alone"]["groups"]["as taken + spoiled, clearing"]["per_1000"]

    def per_1000(pack: str) -> str:
        rates = [groups[pack][f"as taken + spoiled, {mode}"]["per_1000"] for mode in ("clearing", "finding")]
        one = f"; one detector {alone:.1f}" if pack == "default" else ""
        return f"{rates[0]:.1f} (finding {rates[1]:.1f}{one})"

    def ratios(pack: str) -> str:
        return " / ".join(f"{clear['sets'][each]['ratio'][ways[pack]]:.1f}" for each in ("album", "london", "drawn"))

    def again(pack: str) -> str:
        found = redacted["results"][pack]
        seen, known = sum(found["found_again"].values()), len(found["recognised_where_hidden"])
        beside = sum(found["beside_fills"].values())
        return f"{seen} and {known} of {found['hidden_faces']} ({beside})"

    return [
        row(
            "clearing with both detectors: faces missed per 1,000, 24 px and higher, as taken and spoiled",
            "accuracy.missed",
            {pack: per_1000(pack) for pack in PACKS},
        ),
        row(
            "clearing with both detectors: times as fast as `deface`, group scenes / portraits / drawn, same core",
            "speed.clear",
            {pack: ratios(pack) for pack in PACKS},
        ),
        row(
            "clearing: hidden faces found again by any of three detectors, and recognised (boxes of shown faces "
            "whose middle lies in a neighbour's fill)",
            "accuracy.redacted",
            {pack: again(pack) for pack in PACKS},
        ),
        row(
            f"clearing: remains of metadata, previews and names in {leaks['files']:,} released files and thumbnails",
            "accuracy.leaks",
            {"default": str(len(leaks["found"]))},
        ),
    ]


def rights_rows(row: Any) -> list[dict[str, str]]:  # noqa: ANN401 - the row maker above
    """Rows on erasing, on the log, and on collections that are strangers. Most need no model, and stand once."""
    erasure, kills, receipts = result("erasure"), result("erase_kills"), result("receipts")
    log, edits, answers, flips, strangers = (
        result(name) for name in ("ledger", "log_edits", "answer_kills", "flips", "strangers")
    )
    counts, stores = erasure["counts"], erasure["stores"]
    left = sum(each["after"] for each in stores.values())
    n_kinds = sum(each["before"] > 0 for each in stores.values())
    return [
        row(
            f"erasing 1 of {counts['subjects']:,} people in {counts['faces']:,} faces: left in {n_kinds} kinds of "
            "store, seconds (both cores)",
            "erasure.million",
            {"default": f"{left}, {erasure['seconds']:.1f}"},
        ),
        row(
            f"erasures not completed after {sum(kills['kills'].values())} kills, {kills['kills']['rows']} at each step",
            "faults.erase_kills",
            {"default": str(kills["incomplete"])},
        ),
        row(
            f"changed receipts accepted, of {sum(receipts['tried'].values()):,}",
            "faults.receipts",
            {"default": str(receipts["accepted"])},
        ),
        row(
            f"random edits of a {edits['entries']:,}-entry log found by whoever holds an older checkpoint",
            "faults.log_edits",
            {"default": f"{edits['found']:,} of {edits['edits']:,}"},
        ),
        row(
            f"log: entries appended a second in groups; bytes of a proof at {log['large']['entries']:,} entries; "
            "milliseconds to verify it",
            "speed.ledger",
            {
                "default": f"{log['appends_per_s']['groups of 100']:,.0f}; {log['large']['proof_bytes_most']:,}; "
                f"{log['large']['verify_ms_median']:.1f}"
            },
        ),
        row(
            f"answers without an entry in the log, {answers['tally']['kills']:,} kills",
            "faults.answer_kills",
            {"default": f"{answers['without_an_entry']} of {answers['tally']['answers']:,}"},
        ),
        row(
            f"bits flipped at rest ({flips['total']['flips']:,}): wrong results, and flips that `doctor --scrub` finds",
            "faults.flips",
            {"default": f"{flips['total']['wrong']}, {flips['total']['found']:,}"},
        ),
        row(
            "collections are strangers: AUC between them (0.5 is chance), scores at or above the match score",
            "accuracy.strangers",
            {
                pack: f"{strangers[pack]['across']['auc']:.3f}, {strangers[pack]['across']['above_match']} of "
                f"{strangers[pack]['across']['comparisons']:,}"
                for pack in PACKS
            },
        ),
    ]


def album_rows(album: dict[str, Any], each: Any) -> list[dict[str, str]]:  # noqa: ANN401 - the row maker above
    """Rows on the album of group scenes."""

    def scene(pack: str) -> dict[str, Any]:
        return dict(album[pack]["album"]["1"])

    return [
        each(
            "group scenes: faces found, false faces",
            "accuracy.album",
            lambda pack: f"{scene(pack)['found']} of {scene(pack)['labelled']}, {scene(pack)['false_faces']} false",
        ),
        each(
            "group scenes: rank-1 against 60 enrolled people",
            "accuracy.album",
            lambda pack: f"{scene(pack)['identification']['rank_1']['value']:.4f}",
        ),
        each(
            "group scenes: FNIR at FPIR 0.01",
            "accuracy.album",
            lambda pack: _rate(scene(pack)["identification"]["fnir_at_fpir_0.01"]),
        ),
        each(
            "false faces in 180 photos of things and 96 of animals, statues and drawings",
            "accuracy.album",
            lambda pack: (
                f"{album[pack]['noface']['no_face']['false_faces']} and "
                f"{album[pack]['noface']['animal_or_drawn_face']['false_faces']}"
            ),
        ),
    ]


def fault_rows(row: Any) -> list[dict[str, str]]:  # noqa: ANN401 - the row maker above
    """Rows on what goes wrong."""
    bad, kills = result("bad_files")["results"], result("kills")

    def files(pack: str) -> str:
        runs = [bad[f"{pack} {engine}"] for engine in ("serial", "processes")]
        longest = max(run["longest_batch_s"] for run in runs)
        return f"{runs[0]['dealt_with']} of {runs[0]['photos']['given']}, {longest:.1f} s"

    return [
        row(
            "files made to break decoders: used or refused with a reason, longest batch of 8",
            "faults.bad_files",
            {pack: files(pack) for pack in PACKS},
        ),
        row(
            f"photos lost or doubled by {kills['tally']['kills']} kills of an ingest",
            "faults.kills",
            {"default": str(kills["lost_or_doubled"])},
        ),
    ]


def _rate(cell: dict[str, float]) -> str:
    return f"{cell['value']:.4f} ({cell['low']:.4f}-{cell['high']:.4f})"


def better_sentence() -> str:
    """What every report of the default pack says about the recommended one."""
    sets = {pack: result("verification")[pack]["sets"]["congress"] for pack in PACKS}
    ours, theirs = (100 * sets[pack]["fnmr"]["0.001"]["value"] for pack in PACKS)
    return (
        f"The recommended pack misses {theirs:.1f} % instead of {ours:.1f} % of {sets['default']['mated']} pairs of "
        "portraits taken years apart, at FMR 0.001: countenance models install recommended"
    )


def render(tour: list[dict[str, str]]) -> str:
    """README's text."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True)  # noqa: S701 - Markdown
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    return template.render(tour=tour, rows=rows(), machine=result("workers")["machine"])


def picture() -> None:
    """The report of the demo, as a browser shows it."""
    with tempfile.TemporaryDirectory() as name:
        told = json.loads(_shell(f"countenance demo {name}/demo --json", Path(name)))
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        screenshot.take(Path(told["report"]), PICTURE, width=1280, height=1150)


def main() -> int:
    """Write README.md and its picture."""
    picture()
    README.write_text(render(run_tour()), "utf-8")
    sys.stdout.write(f"{README.name} and {PICTURE.name} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
