"""``countenance erase``: erase a person, people or a photo, with a signed receipt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from countenance.archive import Archive
from countenance.cli.frame import Frame, one_line, somebody_there, with_frame
from countenance.cli.progress import steps
from countenance.cli.values import FOLDER, LINE, PATH, SeveralWords
from countenance.erase.plan import Plan
from countenance.errors import ConflictError, CountenanceError, NotFoundError, UsageError
from countenance.flows.erase import Erased
from countenance.flows.redact_person import INDEX, Redacted

N_STEPS = 7


@click.command("erase", cls=SeveralWords)
@click.argument("subject", type=LINE, required=False)
@click.option("--collection", type=LINE, help="Look in this collection only.")
@click.option("--photo", type=LINE, help="Erase what is known of this photo (id or SHA-256) instead of a person.")
@click.option("--where", type=LINE, metavar="NAME=VALUE", help="Everybody of whom this attribute was noted.")
@click.option("--receipt", type=PATH, help="File for the signed receipt; with --where a folder for all of them.")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased, and what cannot be reached.")
@click.option("--resume", is_flag=True, help="Finish erasures that were interrupted.")
@click.option(
    "--redact-pixels", type=FOLDER, metavar="DIR", help="First write copies of the person's photos without the person."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_frame
def command(frame: Frame, subject: str | None, **options: Any) -> None:  # noqa: ANN401 - the options above
    """Erase everything that this archive holds on SUBJECT (a name or an id), and prove it.

    From the first moment on nobody finds this person any more. Then references, templates, appearances, files that were
    written, and the person's key go; the raw bytes of all files are searched; the receipt is signed. Photos are yours
    and stay where they are.
    """
    if options["redact_pixels"] and not subject:
        msg = "--redact-pixels goes with one person."
        raise UsageError(msg)
    chosen = [bool(subject), bool(options["photo"]), bool(options["where"]), options["resume"]]
    if sum(chosen) != 1:
        msg = "Name one thing to erase: a person, --photo, --where, or --resume for what was interrupted."
        raise UsageError(msg)
    if options["resume"] and options["dry_run"]:
        msg = "--resume finishes what has begun; there is nothing to try out."
        raise UsageError(msg, advice="List what is unfinished with `countenance doctor`.")
    if options["receipt"] is None and not (options["dry_run"] or options["resume"]):
        msg = "An erasure leaves a signed receipt; say where it goes with --receipt FILE."
        raise UsageError(msg, advice="Nothing was erased. See what would go with --dry-run.")
    with frame.open() as archive:
        if options["resume"]:
            _resume(frame, archive, options["receipt"])
        elif options["where"]:
            _erase_where(frame, archive, options)
        else:
            _erase_one(frame, archive, subject, options)


def _erase_one(frame: Frame, archive: Archive, subject: str | None, options: dict[str, Any]) -> None:
    if options["photo"]:
        if not options["collection"]:
            msg = "Say in which collection the photo is, with --collection."
            raise UsageError(msg)
        photo = archive.photo_id(options["collection"], options["photo"])
        plan, name = archive.plan_photo_erasure(options["collection"], photo), f"photo {photo}"
    else:
        who = archive.subject(subject or "", options["collection"])
        plan, name = archive.plan_erasure(who.id), who.name
    if options["dry_run"]:
        held = archive.hold_against(plan.target)
        lines = [*plan_lines(plan, name), *([f"But: {held}"] if held else [])]
        frame.print(plan_row(plan) | {"held": held}, "\n".join(lines))
        return
    require_free(options["receipt"])
    confirm(frame, plan, name, asked=not options["yes"])
    row, lines = dict[str, Any](), list[str]()
    with steps(N_STEPS, quiet=frame.as_json) as told:
        if options["photo"]:
            done = archive.erase_photo(options["collection"], plan.target.id, told)
        elif options["redact_pixels"]:
            done, redacted = archive.redact_and_erase(plan.target.id, options["redact_pixels"], told)
            row, lines = _redacted(redacted, options["redact_pixels"])
        else:
            done = archive.erase(plan.target.id, told)
    write_receipt(options["receipt"], done)
    lines = [*erased_lines(done, name, options["receipt"]), *lines]
    frame.print(erased_row(done, options["receipt"]) | row, "\n".join(lines))
    if row.get("not_redacted"):
        frame.partly()


def _redacted(redacted: Redacted, out: Path) -> tuple[dict[str, Any], list[str]]:
    """Copies without the person, as JSON and in words."""
    left = [{"photo": photo, "reason": why} for photo, why in redacted.left_out]
    lines = [f"{len(redacted.photos)} photos copied without this person to {out}; {INDEX} says which is which"]
    lines += [f"  no copy of {one_line(each['photo'])}: {each['reason']}" for each in left]
    return {"redacted": len(redacted.photos), "not_redacted": left}, lines


def _erase_where(frame: Frame, archive: Archive, options: dict[str, Any]) -> None:
    name, equals, value = options["where"].partition("=")
    if not equals or not options["collection"]:
        msg = "Say which people with --where NAME=VALUE, and of which collection with --collection."
        raise UsageError(msg)
    people = archive.subjects_having(options["collection"], name.strip(), value.strip())
    plans = [archive.plan_erasure(each) for each in people]
    if not people:
        msg = f"Nobody in {options['collection']} has {name.strip()}={value.strip()}."
        raise NotFoundError(msg, advice="Attributes are set with `countenance subject set`; nothing was erased.")
    if options["dry_run"]:
        lines = [f"{len(people)} of the people of {options['collection']}: {name.strip()}={value.strip()}"]
        lines += [f"  {each}" for each in people]
        frame.print({"people": [plan_row(plan) for plan in plans], "dry_run": True}, "\n".join(lines))
        return
    folder: Path = options["receipt"]
    require_folder(folder)
    if somebody_there() and not options["yes"] and not frame.as_json:
        click.confirm(f"Erase {len(people)} people for good?", abort=True, err=True)
    with steps(N_STEPS, quiet=frame.as_json) as told:
        done = archive.erase_each(people, told)
    written = [_into(folder, each) for each in done]
    frame.print(
        {"erased": [erased_row(each, path) for each, path in zip(done, written, strict=True)]},
        "\n".join([f"{len(done)} people erased; their receipts are in {folder}"]),
    )


def _resume(frame: Frame, archive: Archive, folder: Path | None) -> None:
    if folder is not None:
        require_folder(folder)
    with steps(N_STEPS, quiet=frame.as_json) as told:
        done = archive.resume_erasures(told)
    for each in done if folder is not None else ():
        _into(folder or Path(), each)
    lines = [f"Erased: {each.target}, receipt `countenance receipt show {each.statement['erasure']}`" for each in done]
    frame.print(
        {"erased": [erased_row(each, None) for each in done]},
        "\n".join(lines) if lines else "No erasure was interrupted; there is nothing to finish.",
    )


def _into(folder: Path, done: Erased) -> Path:
    path = folder / f"{done.statement['erasure']}.json"
    if not path.exists():
        write_receipt(path, done)
    return path


def confirm(frame: Frame, plan: Plan, name: str, *, asked: bool) -> None:
    """Show the plan to whoever sits there, and ask."""
    if asked and somebody_there() and not frame.as_json:
        click.echo("\n".join(plan_lines(plan, name)), err=True)
        click.confirm("Erase this for good?", abort=True, err=True)


def require_folder(folder: Path) -> None:
    """Make the folder for receipts, before anything is erased.

    Raises:
        ConflictError: it is a file, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder} cannot be a folder for receipts: {error.strerror}."
        raise ConflictError(msg, advice="Name a folder with --receipt; nothing was erased.") from error


def require_free(path: Path) -> None:
    """Raise ConflictError when a file stands where the receipt is to go, before anything is erased."""
    if path.exists():
        msg = f"{path} exists already."
        raise ConflictError(msg, advice="Name a new file with --receipt; nothing was erased.")
    if not path.absolute().parent.is_dir():
        msg = f"There is no folder {path.absolute().parent} for the receipt."
        raise ConflictError(msg, advice="Make it first, or name another place with --receipt; nothing was erased.")


def write_receipt(path: Path, done: Erased) -> None:
    """Write the receipt where it was asked for; the archive keeps it as well.

    Raises:
        CountenanceError: it cannot be written; the erasure is done all the same.
    """
    try:
        with path.open("xb") as file:
            file.write(done.receipt)
    except OSError as error:
        msg = f"It is erased, but the receipt cannot be written to {path}: {error.strerror}."
        raise CountenanceError(
            msg, advice=f"Get it with `countenance receipt show {done.statement['erasure']} --out FILE`."
        ) from error


def erased_row(done: Erased, path: Path | None) -> dict[str, Any]:
    """What ``--json`` prints about one erasure."""
    sweep, kind = done.statement["sweep"], done.statement["kind"]
    return {
        kind: done.target,
        "stores": done.statement["stores"],
        "sweep": sweep,
        "left": done.statement["left"],
        "complete_after": done.statement["complete_after"],
        "erasure": done.statement["erasure"],
        "receipt": None if path is None else str(path),
    }


def erased_lines(done: Erased, name: str, path: Path) -> Sequence[str]:
    """The same for people."""
    sweep = done.statement["sweep"]
    lines = [f"{one_line(name)} is erased"]
    lines += [f"  {row['store']:37} {row['before']:>7} -> {row['after']}" for row in done.statement["stores"]]
    lines.append(
        f"Sweep: {sweep['needles']} needles looked for in {sweep['files']} files ({sweep['bytes']:,} bytes), "
        f"{sweep['found']} found; positive control {sweep['control_found']} of {sweep['control']} found"
    )
    lines += _left(done.statement["left"])
    lines.append(f"Backups made before hold sealed remains until {done.statement['complete_after']}")
    lines.append(f"Receipt: {path}; anybody checks it with `countenance-verify {path} --key KEY`")
    return lines


def plan_lines(plan: Plan, name: str) -> Sequence[str]:
    """What would go, for people."""
    lines = [f"Erasing {one_line(name)} takes out:"]
    lines += [f"  {store:37} {n:>7}   {plan.methods[store]}" for store, n in plan.before.items()]
    return [*lines, *_left(plan.left)]


def _left(left: dict[str, int]) -> list[str]:
    return [f"Not ours to erase: {what}: {n}" for what, n in left.items() if n]


def plan_row(plan: Plan) -> dict[str, Any]:
    """What ``--json`` prints about a plan."""
    stores = [{"store": store, "before": n, "method": plan.methods[store]} for store, n in plan.before.items()]
    return {plan.target.kind: plan.target.id, "dry_run": True, "stores": stores, "left": plan.left}
