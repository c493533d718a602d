"""Every entry of the ledger that touches one person, with what the person needs to check it without us.

An entry names nobody: it holds a commitment. What opens it, the salt, stands in the pack; with it anybody can see that
the entry is about this person, and with the proof that it stands in the log.
"""

from __future__ import annotations

from typing import Any, Final

from countenance.core.canonical import parse
from countenance.errors import DamagedError
from countenance.flows.show_me_folder import NewFile
from countenance.flows.show_me_record import Of, Record
from countenance.ledger.checkpoint import signing_key
from countenance.ledger.event import Act, commitment
from countenance.ledger.proof import proof_text
from countenance.store import actors, entries
from countenance.store.connection import Tx

FOLDER: Final = "ledger"
IN_WORDS: Final = {
    Act.BEGIN: "This archive was made.",
    Act.CREATE_COLLECTION: "The collection was made.",
    Act.INGEST: "New photos came in, and the machine suggested that you are in some of them.",
    Act.ENROL: "You were enrolled.",
    Act.RESCAN: "Photos that were there already were compared with you.",
    Act.GRANT: "A consent of yours was recorded.",
    Act.WITHDRAW: "A consent of yours was taken back.",
    Act.HIDE: "It was noted that you must not appear anywhere.",
    Act.UNHIDE: "It was noted that you may appear again, where your consents say so.",
    Act.FIND: "Somebody looked for your photos.",
    Act.CONTACT_SHEET: "Somebody had a page made with pictures of you.",
    Act.VIEW: "Somebody looked at what is known of you.",
    Act.REVIEW: "Somebody said whether faces are yours.",
    Act.MERGE: "Two records of you were joined, because they are one person.",
    Act.SPLIT: "Somebody said that some faces are not yours, or are yours.",
    Act.REMARK: "Somebody said that there is nobody in a photo, or that something is no face.",
    Act.UNDO: "Something that was said about your faces was taken back.",
    Act.CLEAR: "Photos were made ready for publishing, and you are in some of them.",
    Act.PUBLISH: "It was noted that photos with you were published.",
    Act.TAKE_DOWN: "It was noted that published photos with you are gone.",
    Act.POLICY: "A page that tells people what is done with photos was published.",
    Act.SHOW_ME: "A pack like this one was made for you.",
    Act.CHECK_IDENTITY: "A selfie was compared with your references, to make sure that it is you who asks.",
    Act.SET_ATTRIBUTE: "Something was noted about you.",
    Act.CONTACT: "It was noted that you were in contact.",
    Act.ERASE_BEGIN: "Erasing was begun.",
    Act.ERASE_STEP: "A step of erasing was done.",
    Act.ERASE: "Erasing was finished.",
    Act.RETENTION_RULE: "A rule about how long data are kept was changed.",
    Act.HOLD: "Your data were put under a legal hold, so that they are kept longer.",
    Act.LIFT_HOLD: "A legal hold on your data was lifted.",
    Act.RETENTION: "Data that were due were destroyed.",
    Act.REKEY: "The collection was put under a new key.",
    Act.RESTORE: "The archive was restored from a copy.",
    Act.SET_ROLE: "Somebody's role in the organisation was noted.",
    Act.CALIBRATE: "Your faces helped to measure how often the machine is wrong; nothing of them was kept.",
    Act.CASE_OPEN: "A case was opened, under which somebody may be searched for.",
    Act.CASE_PROBE: "A photo of the person searched for was handed in under a case.",
    Act.CASE_APPROVE: "A search under a case was approved.",
    Act.CASE_SEARCH: "Somebody was searched for under a case, and a face that may be yours was a candidate.",
    Act.CASE_REVIEW: "Candidates of a search under a case were reviewed, and a face that may be yours was one.",
    Act.CASE_CLOSE: "A case was closed.",
    Act.CASE_REPORT: "A report was written about a case in which a face that may be yours was a candidate.",
    Act.CASE_VIEW: "Candidates of a search under a case were looked at, and a face that may be yours was one.",
    Act.CASE_PURGE: "Candidates of a search under a case were destroyed.",
}
"""What each act is, in words for the person."""
OF_ALL: Final = {
    Act.HOLD: "Everything in the collection was put under a legal hold, so that it is kept longer, your data with it.",
    Act.LIFT_HOLD: "A legal hold on the whole collection, your data with it, was lifted.",
}
"""What was done to everybody of a collection at once; such an entry names nobody."""
_WHOLE: Final = b'"whole_collection":true'


def entries_of(tx: Tx, of: Of) -> tuple[list[Record], list[NewFile]]:
    """Every entry that touches the person, oldest first, and the files that show that it is so.

    Legal holds on the whole collection are among them: they say how long this person is kept, and name nobody.

    Args:
        tx: any transaction; all proofs are of the log as it is in it.
        of: whose.

    Raises:
        DamagedError: an entry is missing, or does not hold the commitment that it must.
    """
    known, told, files = actors.everybody(tx), list[Record](), list[NewFile]()
    numbers: dict[int, list[str]] = {}
    for each in of.ids:
        for n in entries.touching(tx, each):
            numbers.setdefault(n, []).append(each)
    for n in _of_all(tx, of):
        numbers.setdefault(n, [])
    for n in sorted(numbers):
        body = entries.body(tx, n)
        entry: dict[str, Any] = parse(body)
        name = f"{FOLDER}/{n:08}"
        files += [
            NewFile(f"{name}.json", body),
            NewFile(f"{name}.proof", proof_text(tx, of.scope.keys, n).encode("utf-8")),
        ]
        actor = known.get(entry["actor"])
        told.append(
            {
                "n": n,
                "at": entry["at"],
                "act": entry["act"],
                "in_words": (IN_WORDS if numbers[n] else OF_ALL)[Act(entry["act"])],
                "by": of.teller.person(actor.name if actor is not None else ""),
                "facts": entry["facts"],
                "entry": f"{name}.json",
                "proof": f"{name}.proof",
                "openings": [_opening(of, entry, each) for each in numbers[n]],
            }
        )
    return told, files


def log_of(of: Of) -> Record:
    """Which log it is, and the key that its signatures are checked with."""
    key = signing_key(of.scope.keys)
    return {"origin": key.name, "key": key.line}


def _of_all(tx: Tx, of: Of) -> list[int]:
    """Numbers of the entries about legal holds on the person's whole collection."""
    found = []
    for n, body in entries.bodies(tx):
        if _WHOLE not in body:  # saves reading every entry of a long log
            continue
        entry = parse(body)
        held = entry["act"] in {Act.HOLD, Act.LIFT_HOLD} and entry["facts"].get("whole_collection") is True
        if held and entry["collection"] == of.scope.collection.id:
            found.append(n)
    return found


def _opening(of: Of, entry: dict[str, Any], subject: str) -> Record:
    """What shows that an entry is about this subject."""
    salt = of.scope.keys.salt_of(subject, bytes.fromhex(entry["nonce"]))
    made = commitment(salt, subject)
    if made not in entry["subjects"]:
        msg = f"Entry {entry['n']} of the ledger is not about the person whom the archive remembers with it."
        raise DamagedError(msg, advice="Run `countenance ledger verify` to see what was changed.")
    return {"subject": subject, "salt": salt.hex(), "commitment": made}
