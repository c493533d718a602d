"""Enrol a person: consent first, then references that agree, then a look back at the photos already there.

Order of checks: there is a policy page, the consent is well formed and signed by whoever may sign, each photo has
exactly one usable face, the references agree. Nothing is written before all of them passed; then subject, key, consent,
references and the entry in the ledger are one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np

from countenance.core.consent import CHANNELS, PARENTAL, Consent, lapsing, refusal
from countenance.core.permit import permit_reference
from countenance.core.signing import birth_refusal, coming_of_age, is_minor, signer_refusal
from countenance.errors import ConsentError, EnrolmentError, PhotoRefusedError
from countenance.flows import policy
from countenance.flows.acts import log
from countenance.flows.scope import Scope
from countenance.flows.stages import Decode, Detect, Embed, Work, analyse_one
from countenance.ledger.event import Act, Event
from countenance.run.stage import Stage
from countenance.settings import Settings
from countenance.store import consents, subjects, templates
from countenance.store.consents import StoredConsent
from countenance.vision.packs import Pack

MOST_PHOTOS = 20
BYSTANDER_SHARE = 0.4
"""A face lower than this share of the largest one is somebody in the background and does not count."""
USABLE_QUALITY = 20.0


@dataclass(frozen=True, slots=True)
class ConsentForm:
    """What the person (or the guardian) agreed to.

    Attributes:
        purposes: one consent is recorded for each.
        channels: where results may appear.
        from_at: aware UTC moment from which it holds.
        until_at: aware UTC moment at which it ends.
        evidence_sha256: hex SHA-256 of the signed form.
        evidence_name: file name of it, for people.
        guardian: who signed for a minor; None for an adult.
        authority: what gives the guardian the right to sign.
        born_on: the subject's date of birth, if it is known.
    """

    purposes: tuple[str, ...]
    channels: tuple[str, ...]
    from_at: datetime
    until_at: datetime
    evidence_sha256: str
    evidence_name: str
    guardian: str | None = None
    authority: str = PARENTAL
    born_on: date | None = None

    def consents(self, subject: str, settings: Settings, now: datetime) -> list[Consent]:
        """One consent for each purpose, checked by itself.

        Args:
            subject: id of the subject.
            settings: channels that the organisation adds.
            now: aware UTC moment.

        Raises:
            ConsentError: one of them cannot be recorded.
        """
        wanted = [
            Consent(
                subject,
                purpose,
                self.channels,
                self.from_at,
                self.until_at,
                self.evidence_sha256,
                minor=self.guardian is not None,
                guardian=self.guardian,
                authority=self.authority,
            )
            for purpose in dict.fromkeys(self.purposes)
        ]
        reasons = [refusal(consent, now=now, channels=CHANNELS + settings.extra_channels) for consent in wanted]
        reasons += ["A consent must name at least one purpose."] if not wanted else []
        reasons += [birth_refusal(self.born_on, now.date())] if self.born_on is not None else []
        for why in filter(None, reasons):
            raise ConsentError(why, advice="Nothing was recorded; give the consent as the person signed it.")
        return wanted


@dataclass(frozen=True, slots=True)
class Reference:
    """One usable reference: photo name, its face box (x, y, w, h in pixels as taken) and quality."""

    photo: str
    work: Work
    face: int

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Box of the face."""
        x, y, w, h = self.work.boxes[self.face].tolist()
        return x, y, w, h

    @property
    def quality(self) -> float:
        """Quality of the face, 0 to 100."""
        return float(self.work.qualities[self.face])


@dataclass(slots=True)
class Enrolment:
    """What came of it: the subject, the references kept, the photos refused with reasons, the consents recorded."""

    subject: str
    references: list[Reference] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    consents: list[StoredConsent] = field(default_factory=list)


def enrol(
    scope: Scope,
    name: str,
    reference_photos: Sequence[tuple[str, bytes]],
    form: ConsentForm,
    actor: str,
    *,
    must_not_appear: str | None = None,
) -> Enrolment:
    """Enrol one person in one collection; the look back at older photos is ``flows.rescan``.

    Args:
        scope: where.
        name: the person's name; sealed under the person's own key.
        reference_photos: 1 to 20 (name for messages, file content).
        form: the consent.
        actor: who enrols.
        must_not_appear: why no photo of this person may be released; sealed. None where the consents decide.

    Raises:
        ConsentError: no policy page was published, or the consent cannot be recorded or does not hold today.
        EnrolmentError: no usable reference, or the references disagree.
    """
    keys, collection, pack, settings = scope.keys, scope.collection, scope.pack, scope.settings
    now = scope.clock()
    policy.require(scope.store)
    wanted = _consents(form, settings, now)
    permit_reference(collection.id, wanted[0], now)  # refuses before any photo is looked at
    if not name.strip():
        msg = "A person needs a name."
        raise EnrolmentError(msg, advice="Give the name as the second word of the command.")
    if not 1 <= len(reference_photos) <= MOST_PHOTOS:
        msg = f"Enrolment takes 1 to {MOST_PHOTOS} photos, not {len(reference_photos)}."
        raise EnrolmentError(msg)
    result = _references(reference_photos, pack, settings)
    _keep_agreeing(result, pack)
    with scope.store.transaction() as tx:
        minor = wanted[0].minor
        person = subjects.add(tx, keys, collection=collection.id, name=name, minor=minor, at=now, born_on=form.born_on)
        subject = person.id
        if must_not_appear is not None:
            subjects.set_must_not_appear(tx, keys, person, must_not_appear)
        wanted = [replace(consent, subject=subject) for consent in wanted]
        permit = permit_reference(collection.id, wanted[0], now)
        record = consents.Record(form.evidence_name, actor)
        result.consents = [
            consents.add(
                tx,
                keys,
                consent,
                record,
                now=now,
                channels=CHANNELS + settings.extra_channels,
                adult_age_years=settings.clear.adult_age_years,
            )
            for consent in wanted
        ]
        for reference in result.references:
            work, face = reference.work, reference.face
            new = templates.NewReference(
                subject=subject,
                consent=result.consents[0].id,
                photo_sha256=work.sha256,
                box=reference.box,
                landmarks=work.landmarks[face],
                quality=reference.quality,
                pack=pack.id,
                template=work.templates[face],
            )
            templates.add_reference(tx, keys, permit, collection.id, new, at=now)
        facts = {"references": len(result.references), "consents": len(result.consents)}
        log(tx, keys, Event(Act.ENROL, actor, collection.id, (subject,), facts), at=now)
        if must_not_appear is not None:
            log(tx, keys, Event(Act.HIDE, actor, collection.id, (subject,)), at=now)
    result.subject = subject
    return result


def _consents(form: ConsentForm, settings: Settings, now: datetime) -> list[Consent]:
    """The form's consents as they will be recorded; the id is drawn when everything else has passed."""
    wanted = form.consents("to be given", settings, now)
    adult_at = coming_of_age(form.born_on, settings.clear.adult_age_years)
    minor = is_minor(form.guardian is not None, adult_at, now)
    why = signer_refusal(wanted[0], minor=minor, adult_at=adult_at)
    if why is not None:
        raise ConsentError(why, advice="Nobody was enrolled; have the form signed by whoever may sign.")
    return [lapsing(consent, adult_at) for consent in wanted]


def _references(reference_photos: Sequence[tuple[str, bytes]], pack: Pack, settings: Settings) -> Enrolment:
    result = Enrolment("")
    stages: list[Stage[Work]] = [Decode(settings), Detect(settings, pack), Embed(settings, pack)]
    try:
        for stage in stages:
            stage.setup()
        seen: dict[bytes, str] = {}
        for name, content in reference_photos:
            if content in seen:  # a copy adds nothing, and must not add a vote
                result.refused.append((name, f"It is the same photo as {seen[content]}."))
                continue
            seen[content] = name
            try:
                work = analyse_one(content, stages)
                result.references.append(Reference(name, work, only_face(work)))
            except PhotoRefusedError as error:
                result.refused.append((name, error.message))
    finally:
        for stage in stages:
            stage.close()
    if not result.references:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in result.refused)
        msg = f"No photo can enrol this person. {reasons}"
        raise EnrolmentError(msg)
    return result


def analyse_only_faces(
    photos: Sequence[tuple[str, bytes]], stages: Sequence[Stage[Work]], advice: str
) -> list[tuple[Work, int]]:
    """Photos that each show one usable face, through stages that are set up and closed here: (photo, row of the face).

    Args:
        photos: (what it is called in a message, content).
        stages: as ingest has them.
        advice: what to do when one cannot be used.

    Raises:
        PhotoRefusedError: of the first photo that cannot be used.
    """
    found, name = list[tuple[Work, int]](), ""
    try:
        for stage in stages:
            stage.setup()
        for name, content in photos:  # noqa: B007 - the message names the photo
            work = analyse_one(content, stages)
            found.append((work, only_face(work)))
    except PhotoRefusedError as error:
        raise PhotoRefusedError(error.reason, f"{name} cannot be used. {error.message}", advice=advice) from error
    finally:
        for stage in stages:
            stage.close()
    return found


def only_face(work: Work) -> int:
    """Row of the one usable face.

    Raises:
        PhotoRefusedError: no face, several, or one too poor to enrol.
    """
    if not len(work.boxes):
        reason, msg = "no-face", "No face was found in it."
        raise PhotoRefusedError(reason, msg)
    heights = work.boxes[:, 3]
    large = np.flatnonzero(heights >= BYSTANDER_SHARE * heights.max())
    if len(large) > 1:
        reason, msg = "several-faces", f"It shows {len(large)} faces, and it must be clear whose reference this is."
        raise PhotoRefusedError(reason, msg)
    face = int(large[0])
    if work.qualities[face] < USABLE_QUALITY:
        reason = "too-poor"
        faults = ", ".join(work.faults(face)).replace("-", " ") or "unclear"
        msg = f"Its face is too poor: {faults} (quality {work.qualities[face]:.0f} of 100)."
        raise PhotoRefusedError(reason, msg)
    return face


def _keep_agreeing(result: Enrolment, pack: Pack) -> None:
    """Keep the references that agree with most others; refuse the rest, or all when nothing says which are right."""
    if len(result.references) == 1:
        return
    rows = np.stack([reference.work.templates[reference.face] for reference in result.references])
    agrees = rows @ rows.T >= pack.agree
    votes = agrees.sum(axis=1) - 1
    chosen = agrees[int(votes.argmax())]
    if chosen.sum() * 2 <= len(rows):
        msg = "The photos do not show the same person, so nobody was enrolled."
        raise EnrolmentError(msg, advice="Check the photos one by one; every one must show this person.")
    for reference, kept in zip(list(result.references), chosen, strict=True):
        if not kept:
            result.references.remove(reference)
            result.refused.append((reference.photo, "Its face does not look like the person in the other photos."))
