"""What is noted of one person for retention: attributes, and who looked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from countenance.core.retention import Reason
from countenance.errors import NotFoundError, StoreError
from countenance.flows import retention
from tests.unit.flows.office import PUBLISH, Office
from tests.unit.flows.test_retention import logged, office, touches
from tests.unit.store.conftest import world

__all__ = ["office", "world"]  # fixtures
DAY = timedelta(days=1)


def test_attributes_are_noted_and_logged_without_what_they_say(office: Office) -> None:
    ann = office.person("Ann")
    assert retention.note_attributes(office.desk, ann, {"region": "Bavaria", "house": "North"}) == {
        "house": "North",
        "region": "Bavaria",
    }
    assert retention.note_attributes(office.desk, ann, {"region": "Hesse"}, ["house"]) == {"region": "Hesse"}
    first, second = logged(office)
    assert (first["act"], first["facts"]) == ("set-attribute", {"set": 2, "unset": 0})
    assert (second["act"], second["facts"]) == ("set-attribute", {"set": 1, "unset": 1})
    assert touches(office, second, ann)
    assert not any(word in str(logged(office)) for word in ("region", "Bavaria", "Hesse", "North", "Ann"))
    assert retention.note_attributes(office.desk, ann, {}) == {"region": "Hesse"}
    assert len(logged(office)) == 2


def test_what_cannot_be_noted_changes_nothing(office: Office) -> None:
    ann = office.person("Ann")
    retention.note_attributes(office.desk, ann, {"region": "Bavaria"})
    with pytest.raises(NotFoundError, match="No attribute house"):
        retention.note_attributes(office.desk, ann, {"region": "Hesse"}, ["house"])
    with pytest.raises(StoreError, match="cannot be the name"):
        retention.note_attributes(office.desk, ann, {"region": "Hesse", "Two words": "x"})
    assert retention.describe(office.desk, ann).attributes == {"region": "Bavaria"}
    with pytest.raises(NotFoundError):
        retention.note_attributes(office.desk, "nobody", {"region": "Hesse"})


def test_merged_people_have_their_attributes_together(office: Office) -> None:
    ann, twin = office.person("Ann"), office.person("A. Fern")
    retention.note_attributes(office.desk, ann, {"region": "Bavaria"})
    retention.note_attributes(office.desk, twin, {"region": "Hesse", "house": "North"})
    office.merge(twin, ann)
    assert retention.describe(office.desk, ann).attributes == {"house": "North", "region": "Bavaria"}
    assert retention.note_attributes(office.desk, twin, {"region": "Saxony"}, ["house"]) == {"region": "Saxony"}


def test_who_looks_at_a_person_is_logged(office: Office) -> None:
    ann, bob = office.person("Ann"), office.person("Bob")
    office.grant(ann, PUBLISH, days=3)
    found = retention.describe(office.desk, ann)
    assert (found.person.name, found.collection, found.contact_at) == ("Ann", "club", office.now)
    assert (found.term.reason, found.term.due_at) == (Reason.CONSENT_ENDED, office.now + 3 * DAY)
    entry = logged(office)[-1]
    assert entry["act"] == "view"
    assert touches(office, entry, ann)
    assert not touches(office, entry, bob)
