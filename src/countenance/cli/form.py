"""The consent form on the command line: the options that enrolment and renewal share, and what both say of it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from countenance.cli.values import DAY, LAST_DAY, LINE, MOMENT, PATH, hash_evidence
from countenance.core.consent import PARENTAL, last_day
from countenance.errors import UsageError
from countenance.flows.enrol import ConsentForm
from countenance.ingest.source import display_name
from countenance.store.consents import StoredConsent

Command = TypeVar("Command", bound=Callable[..., Any])
_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--purpose", "purposes", multiple=True, required=True, type=LINE, help="What for: publication, ..."),
    click.option("--channel", "channels", multiple=True, required=True, type=LINE, help="Where shown: website, ..."),
    click.option("--from", "start", type=MOMENT, help="From when the consent holds (default: now)."),
    click.option("--until", "end", type=LAST_DAY, required=True, help="Last day of the consent."),
    click.option("--evidence", type=PATH, required=True, help="The signed form or the recording."),
    click.option("--guardian", type=LINE, help="Who signed for a minor."),
    click.option("--authority", type=LINE, help=f"What gives the guardian the right to sign (default: {PARENTAL})."),
    click.option("--born", type=DAY, help="Date of birth; a guardian's consent ends when this person comes of age."),
)


def with_form(command: Command) -> Command:
    """Give a command the options of a consent form and a ``form`` argument, read before the archive is opened."""

    @functools.wraps(command)
    def formed(  # noqa: PLR0913 - one parameter per option of the form
        *args: object,
        purposes: Sequence[str],
        channels: Sequence[str],
        start: datetime | None,
        end: datetime,
        evidence: Path,
        guardian: str | None,
        authority: str | None,
        born: date | None,
        **options: Any,  # noqa: ANN401 - whatever else the command takes
    ) -> object:
        if authority is not None and guardian is None:
            msg = "--authority says what gives a guardian the right to sign, and there is no --guardian."
            raise UsageError(msg)
        form = ConsentForm(
            spelled(purposes),
            tuple(dict.fromkeys(channels)),
            start or datetime.now(UTC),
            end,
            hash_evidence(evidence),
            display_name(os.fsencode(evidence.name)),
            guardian,
            PARENTAL if authority is None else authority,
            born,
        )
        return command(*args, form=form, **options)

    for option in reversed(_OPTIONS):
        formed = option(formed)
    return cast("Command", formed)


def consent_row(stored: StoredConsent) -> dict[str, Any]:
    """One consent as programs get it."""
    consent, record = stored.consent, stored.record
    return {
        "consent": stored.id,
        "purpose": consent.purpose,
        "channels": list(consent.channels),
        "from": consent.from_at.isoformat(),
        "until": consent.until_at.isoformat(),
        "last_day": last_day(consent.until_at).isoformat(),
        "withdrawn": consent.withdrawn_at.isoformat() if consent.withdrawn_at else None,
        "minor": consent.minor,
        "guardian": consent.guardian,
        "authority": consent.authority if consent.minor else None,
        "evidence": consent.evidence_sha256,
        "evidence_name": record.evidence_name,
        "notice": record.notice_version,
        "recorded_by": record.granted_by,
        "recorded": stored.granted_at.isoformat(),
    }


def lapse_line(form: ConsentForm, recorded: Sequence[StoredConsent], born_on: date | None) -> list[str]:
    """A line that says when a guardian's consent ends sooner than the form says, or that it cannot end by itself."""
    if form.guardian is not None and born_on is None:
        return ["No date of birth is known, so it does not end by itself when this person comes of age; give --born."]
    ends = min((stored.consent.until_at for stored in recorded), default=form.until_at)
    if ends >= form.until_at:
        return []
    return [f"It ends on {last_day(ends)}, because this person then comes of age and signs alone."]


def spelled(purposes: Sequence[str]) -> tuple[str, ...]:
    """Purposes as the code spells them; blanks count as hyphens."""
    return tuple(dict.fromkeys(purpose.replace(" ", "-") for purpose in purposes))
