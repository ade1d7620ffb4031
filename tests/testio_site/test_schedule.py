"""The schedule in the database: made once, then the operator's."""

import pytest
from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks
from kombu import Connection

from testio_site import schedule
from testio_site.beat import Scheduler
from testio_site.celery import app

pytestmark = pytest.mark.django_db


def entries() -> dict[str, tuple[str, str, bool, int | None]]:
    rows = PeriodicTask.objects.select_related("interval")
    return {row.name: (row.task, str(row.interval), row.enabled, row.expire_seconds) for row in rows}


def test_a_migrated_database_has_the_whole_schedule_in_intervals() -> None:
    assert entries() == {
        "Refresh what is due": ("sync.tasks.claim_due_products", "every 10 seconds", True, None),
        "Read products completely": ("sync.tasks.full_sweep", "every 5 minutes", True, None),
        "Retry mapped tests": ("problematic.tasks.retry_due_mappings", "every minute", True, None),
        "Release what dead processes held": ("sync.tasks.release_stale", "every 10 seconds", True, None),
        "Mail scheduled reports": ("reports.tasks.claim_due_reports", "every minute", True, None),
        "Remove expired files": ("reports.tasks.prune_exports", "every hour", True, None),
        "Forget old runs": ("sync.tasks.prune_history", "every day", True, None),
        "Forget old audit entries": ("testio_site.tasks.prune_audit", "every day", True, None),
    }


def test_every_entry_names_a_task_that_exists() -> None:
    app.loader.import_default_modules()
    assert {entry.task for entry in schedule.ENTRIES} - set(app.tasks) == set()


def test_the_next_migration_leaves_alone_what_an_operator_changed() -> None:
    slow, _ = IntervalSchedule.objects.get_or_create(every=3, period=IntervalSchedule.HOURS)
    PeriodicTask.objects.filter(name="Refresh what is due").update(interval=slow, enabled=False)
    PeriodicTask.objects.get(name="Forget old runs").delete()
    call_command("migrate", verbosity=0)
    now = entries()
    assert now["Refresh what is due"] == ("sync.tasks.claim_due_products", "every 3 hours", False, None)
    assert now["Forget old runs"] == ("sync.tasks.prune_history", "every day", True, None)
    assert len(now) == len(schedule.ENTRIES)


def test_an_entry_of_another_name_and_interval_is_still_the_one_for_its_task() -> None:
    daily = IntervalSchedule.objects.get(every=1, period=IntervalSchedule.DAYS)
    PeriodicTask.objects.filter(name="Refresh what is due").update(name="My tick", interval=daily, enabled=False)
    call_command("migrate", verbosity=0)
    tasks = list(PeriodicTask.objects.values_list("task", flat=True))
    assert sorted(tasks) == sorted(entry.task for entry in schedule.ENTRIES)
    assert entries()["My tick"] == ("sync.tasks.claim_due_products", "every day", False, None)


@pytest.mark.django_db(transaction=True)  # it lets go of its connection now and then
def test_beat_reads_the_schedule_from_the_database_and_adds_nothing_of_its_own() -> None:
    before = PeriodicTasks.last_change()
    scheduler = Scheduler(app=app, lazy=True)
    scheduler.setup_schedule()
    assert set(scheduler.schedule) == {entry.name for entry in schedule.ENTRIES}
    assert PeriodicTasks.last_change() == before


@pytest.mark.parametrize(
    ("every", "period", "chosen", "patience"),
    [
        (10, IntervalSchedule.SECONDS, None, 60),
        (5, IntervalSchedule.MINUTES, None, 300),
        (1, IntervalSchedule.HOURS, None, None),
        (1, IntervalSchedule.DAYS, None, None),
        (1, IntervalSchedule.DAYS, 7200, 7200),
        (10, IntervalSchedule.SECONDS, 15, 15),
    ],
)
def test_how_long_a_tick_may_wait_for_a_worker_follows_from_its_interval_unless_it_is_set(
    every: int, period: str, chosen: int | None, patience: int | None
) -> None:
    interval, _ = IntervalSchedule.objects.get_or_create(every=every, period=period)
    tick = PeriodicTask.objects.get(name="Refresh what is due")
    tick.interval, tick.expire_seconds = interval, chosen
    tick.save()
    entry = Scheduler.Entry(tick, app=app)
    assert entry.options.get("expires") == patience
    assert next(entry).options.get("expires") == patience


def test_any_thread_of_the_site_sends_tasks_with_our_app() -> None:
    assert current_app.main == "testio_site"
    assert app.conf.task_acks_late is True
    assert app.conf.task_reject_on_worker_lost is True
    assert app.conf.worker_prefetch_multiplier == 1
    assert (app.conf.timezone, app.conf.enable_utc) == ("UTC", True)
    assert (app.conf.accept_content, app.conf.task_serializer) == (["json"], "json")
    assert app.conf.task_soft_time_limit < app.conf.task_time_limit < settings.BROKER_VISIBILITY_TIMEOUT


# In the admin ---------------------------------------------------------------------------------------------------------

LIST = "admin:django_celery_beat_periodictask_changelist"


def test_the_schedule_is_a_page_of_the_admin_where_an_entry_can_be_slowed_down(admin_client: Client) -> None:
    entry = PeriodicTask.objects.get(name="Refresh what is due")
    assert "Refresh what is due" in admin_client.get(reverse(LIST)).content.decode()
    page = reverse("admin:django_celery_beat_periodictask_change", args=[entry.pk])
    assert "Claims customers and products" in admin_client.get(page).content.decode()
    minute = IntervalSchedule.objects.get(every=1, period=IntervalSchedule.MINUTES)
    changed = {"enabled": "on", "interval": str(minute.pk), "expire_seconds": "60"}
    assert admin_client.post(page, changed).status_code == 302
    assert entries()["Refresh what is due"] == ("sync.tasks.claim_due_products", "every minute", True, 60)


def test_entries_are_neither_added_nor_deleted_by_hand(admin_client: Client) -> None:
    entry = PeriodicTask.objects.get(name="Refresh what is due")
    for kind, arguments in (("add", []), ("delete", [entry.pk])):
        address = reverse(f"admin:django_celery_beat_periodictask_{kind}", args=arguments)
        assert admin_client.get(address).status_code == 403


def test_an_entry_can_be_run_now(admin_client: Client) -> None:
    entry = PeriodicTask.objects.get(name="Read products completely")
    chosen = {"action": "run_tasks", "_selected_action": [entry.pk]}
    with app.connection_for_write() as broker:
        purge(broker)
        answer = admin_client.post(reverse(LIST), chosen, follow=True)
        assert "1 task was successfully run" in answer.content.decode()
        assert purge(broker) == 1


def purge(broker: Connection) -> int:
    """Empty the queue of this test session; how many messages it held."""
    return sum(queue(broker.default_channel).purge() for queue in app.amqp.queues.values() if queue.name == "ticks")


@pytest.mark.parametrize("name", ["crontabschedule", "solarschedule", "clockedschedule"])
def test_there_are_no_pages_for_other_kinds_of_schedule(admin_client: Client, name: str) -> None:
    assert admin_client.get(f"/admin/django_celery_beat/{name}/").status_code == 404
