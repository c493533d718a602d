"""One error tree: each error knows its exit code, its HTTP status and what the person can do next."""

from __future__ import annotations

from typing import Any, ClassVar


class CountenanceError(Exception):
    """Base of every error that leaves this package on purpose.

    Attributes:
        code: stable word for programs, lower case with hyphens.
        exit_code: what the command line returns (1 refused or failed, 2 usage).
        http_status: what the server answers.
        advice: one sentence saying what the person can do next.
    """

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    default_advice: ClassVar[str] = "Run `countenance doctor` and read what it reports."

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice if advice is not None else self.default_advice

    def as_json(self) -> dict[str, Any]:
        """The error shape that every command and route prints."""
        return {"ok": False, "error": {"code": self.code, "message": self.message, "advice": self.advice}}


class UsageError(CountenanceError):
    """The request itself is not well formed."""

    code = "usage"
    exit_code = 2
    http_status = 400
    default_advice = "Run the command again with --help to see what it takes."


class NotFoundError(CountenanceError):
    """A named thing does not exist in this archive."""

    code = "not-found"
    http_status = 404
    default_advice = "List what exists with `countenance collection list`."


class KeyGoneError(NotFoundError):
    """Nobody is found, and there are people whose keys are gone: it may be one of them."""

    default_advice = "Run `countenance ledger replay`."


class ConflictError(CountenanceError):
    """The request contradicts what is already stored."""

    code = "conflict"
    http_status = 409
    default_advice = "Choose another name, or show the existing one first."


class ConsentError(CountenanceError):
    """No consent covers what was asked, so it is not done (P2, P6)."""

    code = "no-consent"
    http_status = 403
    default_advice = "Record a consent with its purpose, channels, dates and evidence first."


class PermitError(CountenanceError):
    """A permit does not cover this act, this subject or this moment."""

    code = "not-permitted"
    http_status = 403
    default_advice = "Ask for the permit that covers exactly this act."


class IdentityError(PermitError):
    """It could not be made sure that it is this person who asks."""

    code = "identity-not-confirmed"
    default_advice = "Ask for another selfie, or check who asks in another way."


class CaseError(PermitError):
    """The rules of cases do not allow this (P6).

    Attributes:
        reason: short word for counting, such as ``not-approved`` or ``expired``.
    """

    code = "case-refused"
    default_advice = "See what became of the case with `countenance case show`."

    def __init__(self, reason: str, message: str, *, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.reason = reason


class EnrolmentError(CountenanceError):
    """The reference photos cannot enrol this person."""

    code = "enrolment-refused"
    http_status = 422
    default_advice = "Give photos that each show this one person, alone, facing the camera."


class SourceError(CountenanceError):
    """A photo source cannot be opened at all."""

    code = "source-unreadable"
    http_status = 422
    default_advice = "Check the address and its read permission."


class PhotoRefusedError(CountenanceError):
    """One photo cannot be used; the run goes on without it.

    Attributes:
        reason: short word for counting, such as ``not-an-image`` or ``too-many-pixels``.
    """

    code = "photo-refused"
    http_status = 422
    default_advice = "Open the photo in an image editor and save it again, then ingest it once more."

    def __init__(self, reason: str, message: str, *, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.args = (reason, message)  # so that it survives being sent between processes
        self.reason = reason


class PackError(CountenanceError):
    """A model pack is missing, altered or not allowed here."""

    code = "pack-refused"
    http_status = 422
    default_advice = "Run `countenance models check`."


class KeyStoreError(CountenanceError):
    """Keys cannot be opened with what was given."""

    code = "key-refused"
    http_status = 401
    default_advice = "Give the key file or the passphrase that `countenance init` used."


class ProofError(CountenanceError):
    """What was to be verified does not hold: a log, a proof, a receipt (P5, P7)."""

    code = "not-proven"
    http_status = 422
    default_advice = "Keep this file as it is, and compare it with a copy that somebody else holds."


class StoreError(CountenanceError):
    """The database cannot be opened, is of another version, or refused a write."""

    code = "store"
    default_advice = "Check free disk space and the archive folder's permissions."


class DamagedError(StoreError):
    """Stored bytes fail their authentication and are not used."""

    code = "damaged"
    default_advice = "Restore this archive from a backup; nothing was changed."


class StaleIndexError(StoreError):
    """A saved index is of another state of the database, or cannot be read: it is never served, but built anew."""

    code = "index-stale"
    default_advice = "Nothing is lost: the index is built anew from the database."


class CalibrationError(CountenanceError):
    """The collection's own faces are too few to say from which score a match can be trusted."""

    code = "too-little-to-say"
    http_status = 422
    default_advice = "Confirm more faces with `countenance review`, or ask for a higher rate."
