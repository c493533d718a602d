from __future__ import annotations

from dataclasses import replace

import pytest

from countenance.core.canonical import parse
from countenance.errors import NotFoundError, UsageError
from countenance.flows import staff
from countenance.store import entries
from tests.unit.flows.office import Office, open_office
from tests.unit.store.conftest import world  # noqa: F401 - a fixture
from tests.unit.store.world import World


@pytest.fixture
def office(world: World) -> Office:  # noqa: F811 - the fixture
    """An office in which Ms Reed has recorded a consent."""
    made = open_office(world)
    made.desk = replace(made.desk, actor="Ms Reed")
    made.grant(made.person("Ann"))
    return made


def acts(office: Office) -> list[dict[str, object]]:
    with office.world.store.reading() as tx:
        return [parse(body) for _, body in entries.bodies(tx)]


def test_a_role_is_told_and_logged_without_its_words(office: Office) -> None:
    (before,) = staff.listing(office.desk)
    assert (before.name, before.role) == ("Ms Reed", "staff")
    made = staff.set_role(office.desk, "Ms Reed", "data steward")
    assert staff.listing(office.desk) == [made]
    assert (made.id, made.role) == (before.id, "data steward")
    assert (acts(office)[-1]["act"], acts(office)[-1]["facts"]) == ("set-role", {"whose": before.id})
    assert "steward" not in repr(acts(office))


def test_the_same_role_again_is_no_act(office: Office) -> None:
    staff.set_role(office.desk, "Ms Reed", "steward")
    before = len(acts(office))
    staff.set_role(office.desk, "Ms Reed", "steward")
    assert len(acts(office)) == before


def test_a_role_is_a_word_of_somebody_known(office: Office) -> None:
    with pytest.raises(NotFoundError, match="Nobody called"):
        staff.set_role(office.desk, "Mr Smith", "steward")
    with pytest.raises(UsageError, match="needs a word"):
        staff.set_role(office.desk, "Ms Reed", " ")
    assert acts(office)[-1]["act"] != "set-role"
