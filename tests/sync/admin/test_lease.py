from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from sync.models import SyncEvent, SyncLease
from sync.models.process import this_process
from tests.factories import SyncEventFactory, SyncLeaseFactory
from tests.sync.admin.pages import list_page, page, shown

pytestmark = pytest.mark.django_db

ELSEWHERE: dict[str, Any] = {"host": "another-host", "pid": 44, "process_started": 1.0}
NOBODY: dict[str, Any] = {**this_process(), "process_started": 1.0}


def _held(owner: dict[str, Any], silent: timedelta = timedelta()) -> SyncLease:
    beat = timezone.now() - silent
    return SyncLeaseFactory.create(holder=uuid4(), acquired_at=beat, heartbeat_at=beat, **owner)


@pytest.mark.parametrize(
    ("owner", "silent", "state"),
    [
        (this_process(), timedelta(), "held"),
        (ELSEWHERE, timedelta(), "held"),
        (ELSEWHERE, timedelta(days=1), "holder is silent"),
        (NOBODY, timedelta(), "holder is gone"),
    ],
)
def test_a_lease_tells_how_its_holder_is(
    admin_client: Client, owner: dict[str, Any], silent: timedelta, state: str
) -> None:
    lease = _held(owner, silent)
    for address in (list_page(SyncLease), page(SyncLease, lease.pk)):
        seen = shown(admin_client, address)
        states = ("free", "held", "holder is silent", "holder is gone")
        assert [each for each in states if f"\n\n{each}\n" in seen] == [state]


def test_a_lease_leads_to_the_run_that_holds_it(admin_client: Client) -> None:
    run = SyncEventFactory.create()
    SyncLeaseFactory.create(holder=run.pk, acquired_at=Now(), heartbeat_at=Now(), **this_process())
    seen = shown(admin_client, list_page(SyncLease))
    assert f'<a href="{page(SyncEvent, run.pk)}" class="text-link">{run.public_id}</a>' in seen


def test_a_holder_that_is_no_run_gets_no_link(admin_client: Client) -> None:
    lease = _held(this_process())
    assert "not a sync run" in shown(admin_client, page(SyncLease, lease.pk))
