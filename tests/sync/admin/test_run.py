from datetime import timedelta

import pytest
from django.test import Client

from sync.models import SyncEvent, SyncPhase
from sync.models.run import Status
from tests.factories import MARCH, SyncEventFactory, SyncPhaseFactory
from tests.sync.admin.pages import list_page, listed, page, shown

pytestmark = pytest.mark.django_db


def _ended(**values: object) -> SyncEvent:
    return SyncEventFactory.create(
        **{"status": Status.SUCCEEDED, "started_at": MARCH, "finished_at": MARCH + timedelta(seconds=185), **values}
    )


def test_the_latest_run_comes_first(admin_client: Client) -> None:
    older, newer = _ended(), _ended(started_at=MARCH + timedelta(minutes=1))
    assert listed(admin_client, list_page(SyncEvent)) == [newer.pk, older.pk]


def test_a_run_is_listed_with_how_it_went(admin_client: Client) -> None:
    run = _ended(status=Status.PARTIAL, tests_new=1200, tests_updated=5, gaps=2)
    seen = shown(admin_client, list_page(SyncEvent))
    told = [run.public_id, "done with gaps", "3\xa0min\xa005\xa0s", "1,200 / 5"]
    assert [text for text in told if text not in seen] == []


@pytest.mark.parametrize("asked", ["public_id", "event_id"])
def test_a_run_is_found_by_the_beginning_of_its_id(admin_client: Client, asked: str) -> None:
    run, _ = _ended(), _ended()
    for text in (str(getattr(run, asked)), str(getattr(run, asked))[:11]):
        assert listed(admin_client, f"{list_page(SyncEvent)}?q={text}") == [run.pk]


@pytest.mark.parametrize("asked", ["run_", "run_xyz", "0" * 33, "%F0%9F%9A%80"])
def test_what_is_no_run_id_finds_nothing(admin_client: Client, asked: str) -> None:
    _ended()
    assert listed(admin_client, f"{list_page(SyncEvent)}?q={asked}") == []


def test_runs_are_filtered_by_status_customer_and_trigger(admin_client: Client) -> None:
    wanted = _ended(status=Status.FAILED, trigger=SyncEvent.Trigger.API)
    _ended()
    for query in ("status=failed", f"customer__id__exact={wanted.customer_id}", "trigger=api"):
        assert listed(admin_client, f"{list_page(SyncEvent)}?{query}") == [wanted.pk]


def test_a_run_shows_its_phases_with_what_they_warned_of(admin_client: Client) -> None:
    phase = SyncPhaseFactory.create(warnings=["Bug 5 has no author."], error="Positions 3 to 4 answer 500.")
    seen = shown(admin_client, page(SyncEvent, phase.event_id))
    assert [text for text in [str(phase.product), *phase.warnings, phase.error] if text not in seen] == []
    assert "Bug 5 has no author." in shown(admin_client, page(SyncPhase, phase.pk))
