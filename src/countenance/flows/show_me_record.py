"""Everything the archive holds on one person, as one JSON object that says of others no more than their role.

Left out, because it is about somebody else: names of files and folders (people name photos after whoever is on them),
the words of remarks (it says that there is one), and who a second-best candidate was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from countenance.core.consent import last_day
from countenance.core.permit import Permit
from countenance.flows import retention
from countenance.flows.consent import state_of
from countenance.flows.scope import Scope
from countenance.store import (
    actors,
    appearances,
    attributes,
    case_results,
    clearings,
    consents,
    labels,
    photos,
    policies,
    publications,
    subjects,
    templates,
    written,
)
from countenance.store.appearances import CONFIRMED, REJECTED, Appearance
from countenance.store.connection import Tx
from countenance.store.labels import Operation
from countenance.store.publications import Publication
from countenance.store.written import SHOW_ME

FORM: Final = 1
NOT_HERE: Final = (
    "Names of files and folders, because people name photos after whoever is on them.",
    "The words of remarks that staff wrote beside a label; where there is one, it says so.",
    "Who else a face was compared with; only the score of the second-best is given.",
    "The numbers of a template: it is said that there is one, how long it is and which model made it.",
    "The signed forms: only their names and fingerprints (SHA-256) are held here.",
)
"""What the pack leaves out, and why."""
Record = dict[str, Any]
_MACHINE: Final = "machine:"
"""How the maker of a label is written that no person made; the model pack follows."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Says who did something: the role; the name as well only where the settings say so."""

    roles: Mapping[str, str]
    with_names: bool

    @classmethod
    def of(cls, tx: Tx, scope: Scope) -> Teller:
        """One that knows the roles of everybody who ever did something here."""
        known = {each.name: each.role for each in actors.everybody(tx).values()}
        return cls(known, scope.settings.show_actor_names)

    def person(self, name: str | None) -> Record | None:
        """Somebody by name; None for nobody."""
        if name is None:
            return None
        told = {"role": self.roles.get(name, actors.STAFF)}
        return told | ({"name": name} if self.with_names else {})

    def maker(self, name: str) -> Record | None:
        """Whoever made a label what it is: a machine, or somebody who undid what was said after it."""
        by_machine = name.startswith(_MACHINE) and name not in self.roles
        return {"machine": name.removeprefix(_MACHINE)} if by_machine else self.person(name)


@dataclass(frozen=True, slots=True)
class Of:
    """Whose record it is.

    Attributes:
        scope: the collection.
        ids: every id of the person, the one that counts first.
        permit: to show this person what is held.
        teller: says who did what.
    """

    scope: Scope
    ids: tuple[str, ...]
    permit: Permit
    teller: Teller


def person(tx: Tx, of: Of) -> Record:
    """Who it is, and why this person must not appear, if so."""
    keys = of.scope.keys
    known = [subjects.by_id(tx, keys, each) for each in of.ids]
    return {
        "subject": of.ids[0],
        "name": known[0].name,
        "born_on": known[0].born_on.isoformat() if known[0].born_on else None,
        "minor": known[0].minor,
        "enrolled_at": moment(known[0].created_at),
        "not_yet_looked_for_in_older_photos": any(each.pending_rescan for each in known),
        "also_enrolled_as": [
            {"subject": each.id, "name": each.name, "enrolled_at": moment(each.created_at)} for each in known[1:]
        ],
        "must_not_appear": next(
            ({"reason": why} for each in of.ids if (why := subjects.why_hidden(tx, keys, each)) is not None), None
        ),
    }


def keeping(tx: Tx, of: Of) -> Record:
    """How long this person's data are kept, and what holds them longer."""
    term = retention.term_for(tx, of.scope.collection.id, of.ids[0], of.scope.clock())
    return {
        "due_at": moment(term.due_at),
        "last_day": last_day(term.due_at).isoformat() if term.due_at is not None else None,
        "because": term.reason.value if term.reason is not None else None,
        "state": term.state.value,
        "dates": {reason.value: moment(at) for reason, at in term.dates.items()},
        "legal_holds": [
            {
                "reference": hold.reference,
                "whole_collection": hold.subject is None,
                "placed_at": moment(hold.placed_at),
                "until_at": moment(hold.until_at),
                "last_day": last_day(hold.until_at).isoformat(),
                "placed_by": of.teller.person(hold.placed_by),
            }
            for hold in term.holds
        ],
    }


def noted(tx: Tx, of: Of) -> dict[str, str]:
    """What the organisation noted of this person, by name of the attribute; the id that counts goes first."""
    found: dict[str, str] = {}
    for each in of.ids:
        found = attributes.of_subject(tx, of.scope.keys, each) | found
    return found


def references(tx: Tx, of: Of) -> list[Record]:
    """The faces that new photos are compared with, without the numbers of their templates."""
    size = of.scope.pack.embedder.template_size
    return [
        {
            "id": row.id,
            "photo_sha256": row.photo_sha256.hex(),
            "box": box_of(row.box),
            "quality": round(row.quality, 1),
            "consent": row.consent,
            "added_at": moment(row.created_at),
            "template": {"model": row.pack, "numbers": size if row.pack == of.scope.pack.id else None},
        }
        for each in of.ids
        for row in templates.references_of_subject(tx, each)
    ]


def all_consents(tx: Tx, of: Of) -> list[Record]:
    """What the person (or a guardian) agreed to."""
    now, found = of.scope.clock(), []
    for stored in (row for each in of.ids for row in consents.of_subject(tx, of.scope.keys, each)):
        consent, record = stored.consent, stored.record
        found.append(
            {
                "id": stored.id,
                "purpose": consent.purpose,
                "channels": list(consent.channels),
                "from_at": moment(consent.from_at),
                "until_at": moment(consent.until_at),
                "last_day": last_day(consent.until_at).isoformat(),
                "withdrawn_at": moment(consent.withdrawn_at),
                "state": state_of(consent, now).value,
                "evidence": {"name": record.evidence_name, "sha256": consent.evidence_sha256, "held_here": False},
                "policy_page": record.notice_version,
                "signed_by": "guardian" if consent.guardian is not None else "self",
                "guardian": {"name": consent.guardian, "authority": consent.authority} if consent.guardian else None,
                "recorded_at": moment(stored.granted_at),
                "recorded_by": of.teller.person(record.granted_by),
            }
        )
    return found


def pages_told(tx: Tx, wanted: Sequence[Record]) -> dict[str, str]:
    """Text of every policy page that these consents name, by version."""
    named = {each["policy_page"] for each in wanted}
    return {str(page.version): page.page for page in policies.all_versions(tx) if str(page.version) in named}


def photo_records(tx: Tx, of: Of) -> list[Record]:
    """Every photo with a label of this person, in order of ingest, with every such label."""
    held = appearances.held_of(tx, of.permit, of.scope.collection.id, of.ids)
    by_photo: dict[str, list[Appearance]] = {}
    for row in held:
        by_photo.setdefault(row.photo, []).append(row)
    return [_photo(tx, of, photo, by_photo[photo]) for photo in sorted(by_photo)]


def _photo(tx: Tx, of: Of, photo: str, rows: Sequence[Appearance]) -> Record:
    known = photos.by_id(tx, photo)
    others = {
        each.face for each in appearances.of_photo(tx, photo) if each.state == CONFIRMED and each.subject not in of.ids
    }
    mine = [row for row in rows if row.state != REJECTED and row.face not in others]
    kept = templates.kept_of(tx, [row.face for row in rows])
    return {
        "photo": photo,
        "sha256": known.sha256.hex(),
        "width": known.width,
        "height": known.height,
        "taken_at": moment(known.taken_at),
        "added_at": moment(known.ingested_at),
        "copy": None,
        "preview": None,
        "left_out": None,
        "others_hidden": 0,
        "surely_not_you": not mine,
        "regions": [_region(tx, of, row, kept=row.face in kept, overruled=row.face in others) for row in rows],
        # What became of a photo that shows somebody else is not about this person.
        "cleared": []
        if not mine
        else [
            {
                "channel": each.channel,
                "verdict": each.verdict,
                "released": each.output is not None,
                "decided_at": moment(each.decided_at),
            }
            for each in clearings.of_photo(tx, photo)
        ],
    }


def _region(tx: Tx, of: Of, row: Appearance, *, kept: bool, overruled: bool) -> Record:
    return {
        "label": row.id,
        "face": row.face,
        "box": box_of(row.box),
        "state": row.state,
        "somebody_else_by_a_persons_word": overruled,
        "score": round(row.score, 4) if row.measured else None,
        "second_best_score": round(row.rival_score, 4) if row.rival_score is not None else None,
        "model": row.pack or None,
        "said_by": of.teller.maker(row.made_by),
        "said_at": moment(row.made_at),
        "template_kept": kept,
        "visible_in_copy": False,
        "history": [
            {
                "from": change.from_state,
                "to": change.to_state,
                "by": of.teller.maker(change.actor),
                "at": moment(change.at),
                "has_remark": change.note is not None,
            }
            for change in appearances.history_of(tx, row.id)
        ],
    }


def second_best(tx: Tx, of: Of) -> int:
    """For how many faces that were taken for somebody else this person was the second-best candidate."""
    return appearances.count_as_rival(tx, of.ids)


def found_in_cases(tx: Tx, of: Of) -> list[str]:
    """When a face of this person was a candidate of a search under a case, as far as candidates are still kept."""
    return [text for at in case_results.times_of(tx, of.ids) if (text := moment(at)) is not None]


def published(tx: Tx, of: Of, held: Sequence[Record]) -> list[Record]:
    """Every published copy of a photo that this person is on, by what was said then or is said now."""
    own = {
        photo["photo"]: {region["face"] for region in photo["regions"] if region["state"] != REJECTED} for photo in held
    }
    found = []
    for copy in publications.of_collection(tx, of.scope.collection.id):
        faces = own.get(copy.photo, set()) | {face for face, who in copy.shown.items() if who in of.ids}
        if faces:
            found.append(_copy(of, copy, seen=bool(faces - copy.hidden)))
    return found


def _copy(of: Of, copy: Publication, *, seen: bool) -> Record:
    return {
        "id": copy.id,
        "photo": copy.photo,
        "channel": copy.channel,
        "place": copy.place,
        "sha256": copy.output_sha256.hex(),
        "you_can_be_seen": seen,
        "published_at": moment(copy.published_at),
        "published_by": of.teller.person(copy.published_by),
        "taken_down_at": moment(copy.taken_down_at),
    }


def label_history(tx: Tx, of: Of) -> list[Record]:
    """What people did to this person's labels, newest first."""
    return [_operation(of, each) for each in labels.history(tx, of.scope.collection.id, of.ids[0])]


def _operation(of: Of, each: Operation) -> Record:
    return {
        "id": each.id,
        "kind": each.kind,
        "at": moment(each.at),
        "by": of.teller.person(each.actor),
        "has_remark": each.note is not None,
        "undone_at": moment(each.undone_at),
        "undone_by": of.teller.person(each.undone_by),
        "labels": [
            {"label": change.appearance, "face": change.face, "from": change.from_state, "to": change.to_state}
            for change in each.changes
            if change.subject in of.ids
        ],
    }


def files_about(tx: Tx, of: Of) -> list[Record]:
    """Files about this person that were written outside the archive, but for packs like this one."""
    rows = [row for each in of.ids for row in written.of_subject(tx, each)]
    kept = {row.path: row for row in rows if row.kind != SHOW_ME}
    return [
        {"kind": row.kind, "bytes": row.bytes, "written_at": moment(row.written_at)}
        for row in sorted(kept.values(), key=lambda row: row.written_at)
    ]


def box_of(box: tuple[float, float, float, float]) -> list[float]:
    """Left, top, width, height in pixels of the upright photo, to a tenth."""
    return [round(value, 1) for value in box]


def moment(at: datetime | None) -> str | None:
    """A moment as text, to the second."""
    return at.isoformat(timespec="seconds") if at is not None else None
