"""Facts that live in the schema."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.utils import timezone

from problematic.models import CLAIMABLE, PENDING, EventStatus, MappingState, ProblematicEvent, RetryJob
from tests.factories import ProductFactory, SyncEventFactory
from tests.problematic.factories import (
    ProblematicEventFactory,
    ProblematicMappingFactory,
    RetryAttemptFactory,
    RetryJobFactory,
    TriageEntryFactory,
)

pytestmark = pytest.mark.django_db

NEIGHBOURS: list[dict[str, int | None]] = [
    {"boundary_before_id": 9, "boundary_after_id": 7},
    {"boundary_before_id": None, "boundary_after_id": 7},
    {"boundary_before_id": 9, "boundary_after_id": None},
    {"boundary_before_id": None, "boundary_after_id": None},
]


def refused_by(constraint: str, make: Any, **values: Any) -> bool:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make(**values)
    return True


@pytest.mark.parametrize("neighbours", NEIGHBOURS, ids=str)
def test_a_gap_has_one_open_event(neighbours: dict[str, int | None]) -> None:
    event = ProblematicEventFactory.create(**neighbours)
    assert refused_by("event_one_open_per_gap", ProblematicEventFactory.create, product=event.product, **neighbours)
    ProblematicEventFactory.create(**neighbours)  # of another product
    ended = {"status": EventStatus.RESOLVED, "resolved_at": timezone.now(), "resolution": "read through"}
    for _ in range(2):  # any number of them may have ended
        ProblematicEventFactory.create(product=event.product, **neighbours, **ended)


@pytest.mark.parametrize(
    ("status", "ended", "resolution"),
    [
        ("open", True, None),
        ("open", False, "why"),
        ("open", True, "why"),
        ("resolved", False, "why"),
        ("resolved", True, None),
        ("cleared", False, None),
    ],
)
def test_an_events_end_comes_with_its_reason_and_an_open_one_has_neither(
    status: str, ended: bool, resolution: str | None
) -> None:
    values = {"status": status, "resolved_at": timezone.now() if ended else None, "resolution": resolution}
    assert refused_by("event_end_and_reason_together", ProblematicEventFactory.create, **values)


def test_positions_are_in_order() -> None:
    assert refused_by("event_positions_in_order", ProblematicEventFactory.create, first_position=5, last_position=4)


def test_a_test_is_mapped_once_to_an_event_and_may_be_mapped_to_another() -> None:
    mapping = ProblematicMappingFactory.create()
    assert refused_by(
        "mapping_once_per_event", ProblematicMappingFactory.create, event=mapping.event, test_id=mapping.test_id
    )
    ProblematicMappingFactory.create(test_id=mapping.test_id)


def test_a_mapped_id_is_positive() -> None:
    assert refused_by("mapping_test_id_positive", ProblematicMappingFactory.create, test_id=0)


@pytest.mark.parametrize(
    ("state", "claimed_by", "claimed"),
    [("running", "w", False), ("queued", "", True), ("failed", "w", False), ("succeeded", "w", True)],
)
def test_a_mapping_is_claimed_exactly_while_it_runs(state: str, claimed_by: str, claimed: bool) -> None:
    values = {"state": state, "claimed_by": claimed_by, "claimed_at": timezone.now() if claimed else None}
    assert refused_by("mapping_claimed_while_running", ProblematicMappingFactory.create, **values)


def test_a_job_has_an_end_when_it_has_ended() -> None:
    assert refused_by("retryjob_finished_when_ended", RetryJobFactory.create, status="succeeded")
    assert refused_by("retryjob_finished_when_ended", RetryJobFactory.create, finished_at=timezone.now())
    RetryJobFactory.create(status=RetryJob.Status.PARTIAL, finished_at=timezone.now())


def test_a_mapping_is_due_as_soon_as_it_is_made() -> None:
    mapping = ProblematicMappingFactory.create()
    mapping.refresh_from_db()
    assert (mapping.state, mapping.attempts, mapping.last_error) == ("queued", 0, "")
    assert abs(timezone.now() - mapping.next_attempt_at) < timedelta(minutes=1)


def test_every_state_of_a_mapping_but_success_leaves_something_to_do() -> None:
    assert set(PENDING) == set(MappingState) - {MappingState.SUCCEEDED}
    assert set(CLAIMABLE) == {MappingState.QUEUED, MappingState.FAILED}


def test_an_event_outlives_the_run_that_found_it() -> None:
    event = ProblematicEventFactory.create(sync_event=SyncEventFactory.create())
    assert event.sync_event is not None
    event.sync_event.delete()
    assert ProblematicEvent.objects.get().sync_event is None


def test_rows_read_well() -> None:
    event = ProblematicEventFactory.create(first_position=3, last_position=5)
    mapping = ProblematicMappingFactory.create(event=event, test_id=77)
    attempt = RetryAttemptFactory.create(mapping=mapping, number=2)
    entry = TriageEntryFactory.create(event=event)
    job = RetryJobFactory.create(mapping_ids=[mapping.pk])
    entry.refresh_from_db()
    assert str(event) == event.public_id
    assert str(mapping) == f"test 77 in {event.event_id}"
    assert str(attempt) == "attempt 2: failed"
    assert str(entry) == f"found at {entry.at:%Y-%m-%d %H:%M}"
    assert (str(job), job.total) == (job.public_id, 1)
    assert (event.position_range, event.size, event.is_open) == ("3-5", 3, True)
    assert ProblematicEventFactory.create(first_position=4).position_range == "4"


def test_open_events_are_told_apart() -> None:
    event = ProblematicEventFactory.create(product=ProductFactory.create())
    ProblematicEventFactory.create(
        product=event.product, status=EventStatus.CLEARED, resolved_at=timezone.now(), resolution="cleared"
    )
    assert list(ProblematicEvent.objects.open()) == [event]


def test_mapping_retrying_and_clearing_are_permissions_of_their_own() -> None:
    names = Permission.objects.filter(content_type__app_label="problematic", content_type__model="problematicevent")
    assert {"view_problematicevent", "map_tests", "retry_tests", "clear_events"} <= set(
        names.values_list("codename", flat=True)
    )
