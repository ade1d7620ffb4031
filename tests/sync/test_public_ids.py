import re
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from problematic.models import EVENT_PREFIX, JOB_PREFIX, ProblematicEvent, RetryJob
from sync.models import SyncEvent
from sync.public_ids import LENGTH, NoSuchId, find, public_id
from tests.factories import SyncEventFactory
from tests.problematic.factories import ProblematicEventFactory, RetryJobFactory

ONE = UUID("0123456789ab4cdef123456789abcdef")
TWIN = UUID("0123456789ab4fff8123456789abcdef")
OTHER = UUID("fedcba98-7654-4321-8765-43210fedcba9")


@pytest.fixture
def events(db: None) -> dict[UUID, ProblematicEvent]:
    """Two whose first 13 digits are the same, and one that begins differently."""
    return {key: ProblematicEventFactory.create(event_id=key) for key in (ONE, TWIN, OTHER)}


def found(text: str) -> UUID:
    return find(ProblematicEvent.objects.all(), EVENT_PREFIX, text).event_id


def refusal(text: str) -> str:
    with pytest.raises(NoSuchId) as refused:
        found(text)
    return str(refused.value)


def test_a_public_id_is_the_prefix_and_twelve_hex_digits() -> None:
    assert public_id("evt_", ONE) == "evt_0123456789ab"
    assert LENGTH == 12


@pytest.mark.django_db
def test_every_kind_of_row_has_its_own_prefix() -> None:
    digits = "[0-9a-f]{12}"
    assert re.fullmatch(f"evt_{digits}", ProblematicEventFactory.create().public_id)
    assert re.fullmatch(f"job_{digits}", RetryJobFactory.create().public_id)
    assert re.fullmatch(f"run_{digits}", SyncEventFactory.create().public_id)
    assert (EVENT_PREFIX, JOB_PREFIX) == ("evt_", "job_")


def test_a_hundred_thousand_public_ids_differ() -> None:
    assert len({public_id(EVENT_PREFIX, uuid4()) for _ in range(100_000)}) == 100_000


def test_rows_have_their_id_before_they_are_stored() -> None:
    assert ProblematicEvent().event_id != ProblematicEvent().event_id
    assert (RetryJob().public_id[:4], SyncEvent().public_id[:4]) == ("job_", "run_")


@given(key=st.uuids())
def test_a_public_id_begins_as_the_uuid_does(key: UUID) -> None:
    assert str(key).replace("-", "").startswith(public_id(EVENT_PREFIX, key).removeprefix(EVENT_PREFIX))


@pytest.mark.parametrize(
    "text",
    [
        str(OTHER),
        str(OTHER).upper(),
        OTHER.hex,
        "evt_fedcba987654",
        "EVT_FEDCBA987654",
        "  evt_fedcba987654\n",
        "evt_f",
        "f",
        "fedcba98-76",
        f"evt_{OTHER.hex}",
    ],
)
def test_an_id_is_found_by_uuid_public_id_or_beginning(events: object, text: str) -> None:
    assert found(text) == OTHER


def test_the_whole_uuid_tells_apart_what_the_public_id_does_not(events: object) -> None:
    assert found(str(ONE)) == ONE
    assert found(str(TWIN)) == TWIN
    assert found("0123456789ab4c") == ONE


@pytest.mark.parametrize("text", ["evt_0123456789ab", "evt_0", "0123456789ab4", "0123-4567"])
def test_a_beginning_of_several_ids_is_refused(events: object, text: str) -> None:
    assert refusal(text) == f'Several ids of a problematic event begin with "{text}": give more of it.'


@pytest.mark.parametrize("text", ["evt_00", str(UUID(int=0)), "evt_fedcba987655"])
def test_an_id_nobody_has_is_refused(events: object, text: str) -> None:
    assert refusal(text) == f'There is no problematic event "{text}".'


@pytest.mark.parametrize(
    "text", ["", "evt_", "run_fedcba987654", "evt_xyz", "-", f"{OTHER.hex}0", "evt_evt_f", "f%", "٣"]
)
def test_what_is_no_id_is_refused(events: object, text: str) -> None:
    assert refusal(text) == (
        f'"{text}" is no id of a problematic event: give evt_… or the UUID, or the beginning of either.'
    )


def test_only_the_rows_in_question_are_looked_at(events: dict[UUID, ProblematicEvent]) -> None:
    theirs = ProblematicEvent.objects.filter(product=events[ONE].product)
    assert find(theirs, EVENT_PREFIX, "0").event_id == ONE
    with pytest.raises(NoSuchId):
        find(theirs, EVENT_PREFIX, "f")


@pytest.mark.django_db
def test_finding_takes_one_query(events: object, django_assert_num_queries: object) -> None:
    assert callable(django_assert_num_queries)
    with django_assert_num_queries(1):
        found("evt_fedcba987654")
