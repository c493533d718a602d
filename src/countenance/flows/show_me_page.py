"""A pack as a page that people can read: it stands alone, works without a network, and can be printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from countenance.core.consent import PARENTAL
from countenance.flows.pages import render
from countenance.flows.show_me_folder import NewFile
from countenance.flows.show_me_record import Record
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED

CONSENTS: Final = "consents"
CHECKED: Final = {
    "account": "by the account that you logged in with",
    "selfie": "by a selfie, which was compared and dropped",
    "met-in-person": "in person",
}
PURPOSES: Final = {
    "find-my-photos": "Your photos may be found for you",
    "internal-tagging": "Your photos may be found by the organisation\u2019s own people",
    "publication": "Photos with you may be published",
    "case-search": "You may be searched for under an approved case",
}
STATES: Final = {
    "holds": "holds now",
    "not-yet": "begins later",
    "expired": "has ended",
    "withdrawn": "taken back",
}
SAID: Final = {
    CONFIRMED: "A person said that this is you",
    SUGGESTED: "The machine suggests that this is you; nobody has confirmed it",
    REJECTED: "A person said that this is not you",
}
OVERRULED: Final = "The machine suggested that this is you, and a person has said that it is somebody else"
VERDICTS: Final = {
    "clear": "may go out as it is",
    "redact": "may go out with somebody hidden",
    "review": "waits for somebody to look",
    "blocked": "stays in",
}
WHY_KEPT: Final = {
    "purpose-ended": "what the photos are for ends then",
    "basis-ended": "the documented basis of the collection ends then",
    "consent-ended": "your last consent ends then, or has ended",
    "no-contact": "nobody was in contact with you for so long",
    "keep-until": "the collection keeps nothing longer",
}
FILES: Final = {
    "rendition": "a copy of a photo made for publishing",
    "thumbnail": "a small picture of such a copy",
    "report": "a report about photos that were made ready for publishing",
    "contact-sheet": "a page with pictures of you",
    "redacted-pixels": "a copy of a photo from which somebody was taken out",
}


def as_html(told: Record) -> str:
    """The page: no script, nothing from a network, no picture but those of the pack."""
    photos = told["photos"]
    mine = [_card(photo) for photo in photos if not photo["surely_not_you"]]
    return render(
        "show_me.html",
        told=told,
        person=told["person"],
        made_at=day(told["made_at"], "%H:%M UTC"),
        checked=CHECKED[told["identity_checked_by"]],
        born_on=day(told["person"]["born_on"]) if told["person"]["born_on"] else None,
        enrolled_at=day(told["person"]["enrolled_at"]),
        cards=mine,
        n_shown=sum(card["preview"] is not None for card in mine),
        mistakes=[_card(photo) for photo in photos if photo["surely_not_you"]],
        consents=[_consent(each, number) for number, each in enumerate(told["consents"], start=1)],
        n_holding=sum(each["state"] == "holds" for each in told["consents"]),
        publications=[_publication(each) for each in told["publications"]],
        n_out=sum(each["you_can_be_seen"] and each["taken_down_at"] is None for each in told["publications"]),
        references=[{**each, "added_at": day(each["added_at"])} for each in told["references"]],
        entries=[
            {**each, "at": day(each["at"], "%H:%M UTC"), "by": who(each["by"])} for each in told["ledger"]["entries"]
        ],
        keeping=_keeping(told["keeping"]),
        files=[{"what": what, "at": at, "number": number} for (what, at), number in _files(told).items()],
    )


def consent_files(told: Record) -> list[NewFile]:
    """One short text for each consent, to be kept or printed by itself."""
    return [
        NewFile(f"{CONSENTS}/{_name_of(each, number)}", _consent_text(each).encode("utf-8", "backslashreplace"))
        for number, each in enumerate(told["consents"], start=1)
    ]


def who(by: Mapping[str, Any] | None) -> str:
    """Who did something, in words."""
    if by is None:
        return "nobody"
    if "machine" in by:
        return "the machine"
    return f"{by['name']} ({by['role']})" if "name" in by else str(by["role"])


def day(moment: str, clock: str = "") -> str:
    """A moment, or a date, in words."""
    at = datetime.fromisoformat(moment)
    return f"{at.day} {at.strftime(f'%B %Y, {clock}' if clock else '%B %Y')}"


def _files(told: Record) -> Counter[tuple[str, str]]:
    """How many files of one kind were written on one day."""
    return Counter((FILES.get(each["kind"], each["kind"]), day(each["written_at"])) for each in told["files_about_you"])


def _card(photo: Record) -> Record:
    return {
        "preview": photo["preview"],
        "full": photo["copy"],
        "why": photo["left_out"]["sentence"] if photo["left_out"] is not None else "",
        "taken_at": day(photo["taken_at"]) if photo["taken_at"] else None,
        "added_at": day(photo["added_at"]),
        "id": photo["photo"],
        "sha256": photo["sha256"],
        "hidden": photo["others_hidden"],
        "marks": [_mark(photo, region) for region in photo["regions"] if region["visible_in_copy"]],
        "regions": [_region(region) for region in photo["regions"]],
        "cleared": [
            f"{each['channel']}, {day(each['decided_at'])}: {VERDICTS[each['verdict']]}"
            + ("; a copy was made" if each["released"] else "")
            for each in photo["cleared"]
        ],
    }


def _mark(photo: Record, region: Record) -> str:
    """Where a face is, as style of a mark over the picture, in percent of it."""
    x, y, w, h = region["box"]
    across, down = 100.0 / photo["width"], 100.0 / photo["height"]
    left, right = (min(max(edge * across, 0.0), 100.0) for edge in (x, x + w))
    top, bottom = (min(max(edge * down, 0.0), 100.0) for edge in (y, y + h))
    return f"left:{left:.1f}%;top:{top:.1f}%;width:{right - left:.1f}%;height:{bottom - top:.1f}%"


def _region(region: Record) -> Record:
    score = f"alike by {region['score']:.2f} of 1" if region["score"] is not None else "not compared by the machine"
    return {
        "state": region["state"],
        "words": OVERRULED if region["somebody_else_by_a_persons_word"] else SAID[region["state"]],
        "by": who(region["said_by"]),
        "at": day(region["said_at"]),
        "score": score,
        "kept": region["template_kept"],
    }


def _consent(consent: Record, number: int) -> Record:
    guardian = consent["guardian"]
    return {
        **consent,
        "words": PURPOSES.get(consent["purpose"], consent["purpose"]),
        "in_words": STATES[consent["state"]],
        "from_at": day(consent["from_at"]),
        "last_day": day(consent["last_day"]),
        "withdrawn_at": day(consent["withdrawn_at"]) if consent["withdrawn_at"] else None,
        "recorded_at": day(consent["recorded_at"]),
        "recorded_by": who(consent["recorded_by"]),
        "signed": _signed(guardian),
        "file": f"{CONSENTS}/{_name_of(consent, number)}",
    }


def _signed(guardian: Mapping[str, Any] | None) -> str:
    if guardian is None:
        return "you"
    right = "" if guardian["authority"] == PARENTAL else f", {guardian['authority']}"
    return f"{guardian['name']} (guardian{right})"


def _name_of(consent: Record, number: int) -> str:
    return f"{number:02}-{consent['purpose']}.txt"


def _consent_text(consent: Record) -> str:
    shown = _consent(consent, 0)
    evidence = consent["evidence"]
    lines = [
        f"{shown['words']}: {', '.join(consent['channels'])}",
        f"State: {shown['in_words']}",
        f"From {shown['from_at']} until the end of {shown['last_day']}",
        *([f"Taken back on {shown['withdrawn_at']}"] if consent["withdrawn_at"] else []),
        f"Signed by: {shown['signed']}",
        f"Recorded on {shown['recorded_at']} by {shown['recorded_by']}",
        f"Signed form: {evidence['name']}",
        f"SHA-256 of the signed form: {evidence['sha256']}",
        "The form itself is not held here; whoever asked you to sign has it.",
        f"Version of the page that you were shown: {consent['policy_page'] or 'not known'}",
        f"Id of this consent: {consent['id']}",
    ]
    return "\n".join(lines) + "\n"


def _publication(copy: Record) -> Record:
    return {
        **copy,
        "published_at": day(copy["published_at"]),
        "published_by": who(copy["published_by"]),
        "taken_down_at": day(copy["taken_down_at"]) if copy["taken_down_at"] else None,
    }


def _keeping(keeping: Record) -> Record:
    holds: Sequence[Record] = keeping["legal_holds"]
    return {
        "last_day": day(keeping["last_day"]) if keeping["last_day"] else None,
        "because": WHY_KEPT.get(keeping["because"] or "", ""),
        "state": keeping["state"],
        "holds": [{**each, "last_day": day(each["last_day"]), "placed_at": day(each["placed_at"])} for each in holds],
    }
