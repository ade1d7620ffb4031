"""The pages of problems: what they show, what can be done there, by whom, and that nothing else changes anything."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from problematic import claims, triage
from problematic.admin import tables
from problematic.admin.advice import next_step
from problematic.models import (
    EventStatus,
    MappingState,
    ProblematicEvent,
    ProblematicMapping,
    RetryJob,
    TriageEntry,
)
from sync.models import SyncLease
from sync.models.process import this_process
from tests.factories import MARCH, BugFactory, ProductFactory, SyncLeaseFactory, TestFactory
from tests.problematic import factories
from tests.problematic.factories import (
    ProblematicEventFactory,
    ProblematicMappingFactory,
    RetryAttemptFactory,
    RetryJobFactory,
    TriageEntryFactory,
)
from tests.sync.admin.pages import listed, queries, shown

pytestmark = pytest.mark.django_db

MARKUP = "<script>alert('inert')</script><img src=x onerror=alert(1)>"
NOBODY: dict[str, Any] = {**this_process(), "process_started": 1.0}
MODELS: list[type[Model]] = sorted(apps.get_app_config("problematic").get_models(), key=lambda model: model.__name__)
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)

VIEW, MAP, RETRY, CLEAR = "view_problematicevent", "map_tests", "retry_tests", "clear_events"
EVENTS = "/admin/problematic/problematicevent/"


@pytest.fixture
def maria(db: None) -> User:
    return User.objects.create(username="maria", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(maria: User) -> Client:
    client = Client()
    client.force_login(maria)
    return client


def clerk(*permissions: str) -> Client:
    """A client of somebody who may open the admin, and exactly this, for all customers."""
    user = User.objects.create(username="clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=[*permissions, "see_all_customers"]))
    client = Client()
    client.force_login(user)
    return client


def page(event: ProblematicEvent, name: str = "change") -> str:
    return reverse(f"admin:problematic_problematicevent_{name}", args=[event.pk])


def model_list(model: type[Model]) -> str:
    return reverse(f"admin:problematic_{model._meta.model_name}_changelist")


def send(client: Client, address: str, **data: Any) -> list[str]:
    """POST, and what the page that comes then says, each message after its level."""
    return said(client.post(address, data, follow=True))


def said(response: Any) -> list[str]:
    assert response.status_code == 200
    return [f"{message.level_tag}: {spoken(str(message))}" for message in response.context["messages"]]


def spoken(message: str) -> str:
    """Without its button."""
    return re.sub(r" <button.*</button>", "", message)


def choose(client: Client, action: str, events: Iterable[ProblematicEvent], **more: str) -> Any:
    chosen = {"action": action, "_selected_action": [str(event.pk) for event in events], "index": "0"}
    return client.post(f"{EVENTS}?status=all", {**chosen, **more}, follow=True)


def ended(status: EventStatus = EventStatus.RESOLVED) -> ProblematicEvent:
    return ProblematicEventFactory.create(status=status, resolved_at=MARCH, resolution="A sync read through it.")


def text(html: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def buttons(html: str) -> set[str]:
    """The steps a page offers."""
    return set(re.findall(r"/(map|unmap|retry|clear)/\"", html))


def log() -> list[tuple[str, str, str]]:
    """Who did what with which object, oldest first."""
    rows = LogEntry.objects.select_related("user").order_by("pk")
    return [(row.user.get_username(), row.object_repr, row.change_message) for row in rows]


def mapped(event: ProblematicEvent) -> dict[int, str]:
    return dict(event.mappings.values_list("test_id", "state"))


def busy(event: ProblematicEvent) -> SyncLease:
    return SyncLeaseFactory.create(
        product=event.product, holder=uuid4(), acquired_at=Now(), heartbeat_at=Now(), **this_process()
    )


# The list -------------------------------------------------------------------------------------------------------------


def test_the_list_opens_with_what_is_open_the_last_seen_first(desk: Client) -> None:
    old = ProblematicEventFactory.create(last_seen_at=timezone.now() - timedelta(days=3))
    new = ProblematicEventFactory.create()
    resolved, cleared = ended(), ended(EventStatus.CLEARED)
    assert listed(desk, EVENTS) == [new.pk, old.pk]
    assert listed(desk, f"{EVENTS}?status=resolved") == [resolved.pk]
    assert listed(desk, f"{EVENTS}?status=cleared") == [cleared.pk]
    assert set(listed(desk, f"{EVENTS}?status=all")) == {new.pk, old.pk, resolved.pk, cleared.pk}
    assert listed(desk, f"{EVENTS}?status=odd") == []
    links = re.findall(r'href="(\?status=\w+)"', shown(desk, EVENTS))
    assert links == ["?status=open", "?status=resolved", "?status=cleared", "?status=all"]


def test_the_list_is_filtered_by_product_customer_and_age(desk: Client) -> None:
    young = ProblematicEventFactory.create()
    old = ProblematicEventFactory.create(first_seen_at=timezone.now() - timedelta(days=20))
    ancient = ProblematicEventFactory.create(first_seen_at=timezone.now() - timedelta(days=90))
    assert listed(desk, f"{EVENTS}?product__id__exact={old.product_id}") == [old.pk]
    assert listed(desk, f"{EVENTS}?customer={young.product.customer.name}") == [young.pk]
    assert listed(desk, f"{EVENTS}?customer=nobody") == []
    found = {age: set(listed(desk, f"{EVENTS}?age={age}")) for age in ("1", "7", "30", "older", "x")}
    younger = {young.pk, old.pk}
    assert found == {"1": {young.pk}, "7": {young.pk}, "30": younger, "older": {ancient.pk}, "x": set()}


def test_an_event_is_found_by_the_beginning_of_its_id_and_by_a_mapped_test(desk: Client) -> None:
    event = ProblematicEventFactory.create(event_id=UUID("77777777-0000-4000-8000-000000000000"))
    ProblematicEventFactory.create(event_id=UUID("88888888-0000-4000-8000-000000000000"))
    ProblematicMappingFactory.create(event=event, test_id=501234)
    for term in ("evt_7777", event.public_id, str(event.pk), "77", "501234"):
        assert listed(desk, f"{EVENTS}?q={term}") == [event.pk]
    assert listed(desk, f"{EVENTS}?q=nothing") == []


def test_a_row_says_where_the_gap_is_and_how_it_stands(desk: Client) -> None:
    event = ProblematicEventFactory.create(
        first_position=8, last_position=9, boundary_before_id=None, boundary_after_id=7, occurrences=4
    )
    for state in (MappingState.QUEUED, MappingState.SUCCEEDED, MappingState.FAILED, MappingState.DEAD):
        ProblematicMappingFactory.create(event=event, state=state)
    row = text(re.findall(r"<tbody.*?</tbody>", shown(desk, EVENTS), re.DOTALL)[0])
    product = f"{event.product}, {event.product.customer}"
    counts = "4\xa0mapped, 1\xa0stored, 2\xa0failed".replace("\xa0", " ")
    assert row == f"{event.public_id} open {product} 8-9 top and 7 {counts} 4× just now just now"


def test_no_open_event_is_said_as_the_good_news_it_is(desk: Client) -> None:
    assert "No open events What a sync cannot read appears here by itself." in text(shown(desk, EVENTS))
    assert "Nothing matches" in text(shown(desk, f"{EVENTS}?q=evt_1"))


@every_model
def test_a_list_costs_the_same_for_three_rows_as_for_one(desk: Client, model: type[Model]) -> None:
    factory = getattr(factories, f"{model.__name__}Factory")
    rows = [factory.create()]
    one = queries(desk, model_list(model))
    rows += factory.create_batch(2)
    assert len(queries(desk, model_list(model))) == len(one)
    assert set(listed(desk, model_list(model))) == {row.pk for row in rows}


# The page of an event -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["22ab40c1-2a3b-4c4d-8e5f-667788990011", "24000000-0000-4000-8000-000000000000"])
def test_the_page_opens_under_every_form_of_the_id(desk: Client, key: str) -> None:
    """Also where the public id looks like one of the escapes of Django's admin ("_22" is a quotation mark there)."""
    event = ProblematicEventFactory.create(event_id=UUID(key))
    for name in ("change", "history"):
        address = page(event, name)
        for form in (event.public_id, key.replace("-", ""), key[:10], event.public_id[:6]):
            response = desk.get(address.replace(key, form), {"test_ids": "5"})
            assert (response.status_code, response.headers["Location"]) == (302, f"{address}?test_ids=5")
        assert desk.get(address).status_code == 200


@pytest.mark.parametrize("name", ["change", "history", "map", "retry", "ask_clear"])
def test_an_id_that_nothing_or_too_much_has_is_said_in_a_sentence(desk: Client, name: str) -> None:
    for digit in "34":
        ProblematicEventFactory.create(event_id=UUID(f"1{digit}000000-0000-4000-8000-000000000000"))
    event = ProblematicEvent(event_id=uuid4())
    for asked, sentence in {
        "evt_ffff": 'There is no problematic event "evt_ffff".',
        "evt_1": 'Several ids of a problematic event begin with "evt_1": give more of it.',
        "odd": '"odd" is no id of a problematic event: give evt_… or the UUID, or the beginning of either.',
    }.items():
        response = desk.get(page(event, name).replace(str(event.pk), asked), follow=True)
        assert (said(response), response.redirect_chain) == ([f"error: {sentence}"], [(EVENTS, 302)])


def test_the_page_shows_the_facts_and_leads_to_stored_neighbours(desk: Client) -> None:
    before = TestFactory.create(title="Above the gap")
    event = ProblematicEventFactory.create(
        product=before.product, boundary_before_id=before.pk, boundary_after_id=None, boundary_after_end_at=None
    )
    seen = shown(desk, page(event))
    assert f'<a href="/admin/sync/test/{before.pk}/change/" class="text-link">{before.pk}</a> Above the gap' in seen
    assert "none: the end of the list" in seen
    assert "hides here and is not mapped yet" in seen


def test_an_ended_event_says_how_and_offers_no_mapping(desk: Client) -> None:
    event = ended()
    seen = shown(desk, page(event))
    assert "A sync read through it." in seen
    assert buttons(seen) == {"clear"}
    assert buttons(shown(desk, page(ended(EventStatus.CLEARED)))) == set()


def test_the_page_costs_the_same_however_much_belongs_to_the_event(desk: Client) -> None:
    event = ProblematicEventFactory.create()

    def fill() -> None:
        mapping = ProblematicMappingFactory.create(event=event, mapped_by=User.objects.get())
        TestFactory.create(pk=mapping.test_id, product=event.product)
        TestFactory.create(product=event.product, end_at=MARCH)
        RetryAttemptFactory.create(mapping=mapping)
        TriageEntryFactory.create(event=event, by=User.objects.get())

    fill()
    one = queries(desk, page(event))
    fill()
    fill()
    assert len(queries(desk, page(event))) == len(one)


def test_mapped_tests_show_their_state_attempts_error_and_history(desk: Client, maria: User) -> None:
    event = ProblematicEventFactory.create()
    mapping = ProblematicMappingFactory.create(
        event=event,
        test_id=501234,
        state=MappingState.FAILED,
        attempts=2,
        last_error="TestIO still cannot read it.",
        next_attempt_at=timezone.now() + timedelta(hours=3, minutes=30),
        mapped_by=maria,
    )
    RetryAttemptFactory.create(mapping=mapping, number=2, detail="It answered 500.", finished_at=timezone.now())
    TriageEntryFactory.create(event=event, action=TriageEntry.Action.MAPPED, by=maria, test_ids=[501234])
    seen = text(shown(desk, page(event)))
    assert "501234 failed 2 in 3 hours TestIO still cannot read it. just now by maria Unmap" in seen
    assert "just now 501234 2 Failed It answered 500." in seen
    assert "just now Mapped maria 501234 -" in seen


def test_a_test_id_among_the_attempts_is_never_broken_in_two() -> None:
    attempt = RetryAttemptFactory.create(test_id=123_456_789)
    [row] = tables.attempts(attempt.event)["rows"]
    assert row[1] == '<div><span class="whitespace-nowrap">123456789</span></div>'


def test_attempts_stay_on_the_page_when_their_tests_are_unmapped_and_the_event_is_cleared(desk: Client) -> None:
    event = ProblematicEventFactory.create()
    mapping = ProblematicMappingFactory.create(event=event, test_id=501234)
    RetryAttemptFactory.create(mapping=mapping, number=3, detail="It answered 500.", finished_at=timezone.now())
    attempt = "just now 501234 3 Failed It answered 500."
    assert send(desk, page(event, "unmap"), test_ids="501234") == ["success: Unmapped 501234."]
    assert attempt in text(shown(desk, page(event)))
    send(desk, f"{EVENTS}clear/", **_confirmed(desk.get(page(event, "ask_clear"))))
    assert attempt in text(shown(desk, page(event)))


def test_what_came_from_another_event_brings_its_attempts_along(desk: Client) -> None:
    before, event = ProblematicEventFactory.create_batch(2)
    mapping = ProblematicMappingFactory.create(event=before, test_id=501234)
    RetryAttemptFactory.create(mapping=mapping, detail="It answered 500.")
    ProblematicMapping.objects.update(event=event)
    for each in (before, event):
        assert "It answered 500." in text(shown(desk, page(each)))


def test_titles_and_answers_of_testio_are_inert(desk: Client) -> None:
    event = ProblematicEventFactory.create(boundary_before_id=99)
    for number, title in ((99, MARKUP), (501234, MARKUP), (501235, MARKUP)):
        TestFactory.create(pk=number, product=event.product, title=title, end_at=MARCH)
    mapping = ProblematicMappingFactory.create(event=event, test_id=501234, last_error=MARKUP)
    RetryAttemptFactory.create(mapping=mapping, detail=MARKUP, worker=MARKUP)
    TriageEntryFactory.create(event=event, detail=MARKUP)
    job = RetryJobFactory.create(event=event, errors=[MARKUP])
    addresses = [page(event), page(event, "progress"), page(event, "ask_clear"), *map(model_list, MODELS)]
    addresses += [reverse("admin:problematic_retryjob_change", args=[job.pk])]
    for address in addresses:
        assert re.findall(r"<script>alert|<img src=x", shown(desk, address)) == []
    assert shown(desk, page(event)).count("&lt;script&gt;") == 7


# Mapping --------------------------------------------------------------------------------------------------------------


def test_a_suggestion_says_why_and_is_mapped_by_one_click(desk: Client, maria: User) -> None:
    event = ProblematicEventFactory.create()
    test = TestFactory.create(product=event.product, title="Checkout", end_at=MARCH)
    bug = BugFactory.create(test=None, product=event.product, mentioned_test_id=777)
    seen = shown(desk, page(event))
    assert f"{test.pk} Checkout Known since" in text(seen)
    assert "777 No list shows it, but this product has bugs that mention it (1" in text(seen)
    assert f'name="test_ids" value="{test.pk}" aria-label="Map {test.pk}"' in seen
    assert send(desk, page(event, "map"), test_ids=test.pk) == [f"success: Mapped: {test.pk}."]
    assert mapped(event) == {test.pk: "queued"}
    assert event.mappings.get().mapped_by == maria
    assert [(entry.action, entry.by, entry.test_ids) for entry in event.history.all()] == [("mapped", maria, [test.pk])]
    assert log() == [("maria", event.public_id, f"Mapped {test.pk}.")]
    assert bug.mentioned_test_id == 777


def test_pasted_ids_may_be_separated_by_blanks_commas_and_lines(desk: Client) -> None:
    event = ProblematicEventFactory.create()
    ProblematicMappingFactory.create(event=event, test_id=8)
    ProblematicMappingFactory.create(event=event, test_id=9, state=MappingState.DEAD)
    message = "success: Mapped: 5, 6, 7. Queued again: 9. Mapped before: 8."
    assert send(desk, page(event, "map"), test_ids='5, 6\r\n#7;5 ["8"]\t9') == [message]
    assert mapped(event) == dict.fromkeys((5, 6, 7, 8, 9), "queued")
    assert log() == [("maria", event.public_id, "Mapped 5, 6, 7. Queued 9 again.")]


@pytest.mark.parametrize(
    ("pasted", "sentence"),
    [
        ("12 twelve", "twelve is no test id. Give numbers, separated by spaces, commas or lines."),
        ("-3", "-3 is no test id. Give numbers, separated by spaces, commas or lines."),
        ("", "Give at least one test id."),
        ("9" * 5000, f"{'9' * 20}… is no test id: it is far too long."),
        (" ".join(map(str, range(1, 1002))), "These are 1,001 test ids; map at most 1,000 at a time."),
        ("5\x00", "Null characters are not allowed."),
    ],
    ids=["a word", "negative", "nothing", "endless", "too many", "NUL"],
)
def test_what_are_no_test_ids_is_said_and_comes_back_to_be_corrected(desk: Client, pasted: str, sentence: str) -> None:
    event = ProblematicEventFactory.create()
    response = desk.post(page(event, "map"), {"test_ids": pasted}, follow=True)
    assert said(response) == [f"error: {sentence}"]
    field = response.context["map_form"].initial["test_ids"]
    assert field == (pasted if len(pasted) <= 2000 else "")
    assert (mapped(event), log()) == ({}, [])


@pytest.mark.parametrize("step", ["map", "retry"])
def test_an_event_that_has_ended_is_neither_mapped_to_nor_retried(desk: Client, step: str) -> None:
    event = ended()
    [message] = send(desk, page(event, step), test_ids="5")
    assert message.startswith(f"error: Event {event} is resolved")
    assert (mapped(event), RetryJob.objects.count(), log()) == ({}, 0, [])


def test_unmapping_takes_a_test_back(desk: Client) -> None:
    event = ProblematicMappingFactory.create(test_id=5).event
    assert send(desk, page(event, "unmap"), test_ids="5") == ["success: Unmapped 5."]
    assert send(desk, page(event, "unmap"), test_ids="5") == ["success: It was not mapped any more."]
    assert (mapped(event), log()) == ({}, [("maria", event.public_id, "Unmapped 5.")])


def test_a_test_that_is_being_retried_is_not_unmapped(desk: Client) -> None:
    event = _running().event
    [message] = send(desk, page(event, "unmap"), test_ids="5")
    assert message == "error: Test 5 is being retried right now. Wait for the result, then unmap it."
    assert (mapped(event), log()) == ({5: "running"}, [])
    assert "Unmap 5" not in shown(desk, page(event))


def _running() -> ProblematicMapping:
    return ProblematicMappingFactory.create(
        test_id=5, state=MappingState.RUNNING, claimed_by="somebody", claimed_at=timezone.now(), **this_process()
    )


@pytest.mark.parametrize("step", ["map", "unmap", "retry", "ask_clear", "progress"])
def test_nothing_changes_by_looking(desk: Client, step: str) -> None:
    event = ProblematicMappingFactory.create(test_id=5).event
    RetryJobFactory.create(event=event, **NOBODY)
    before = list(RetryJob.objects.values()), list(ProblematicEvent.objects.values())
    assert desk.get(page(event, step), {"test_ids": "6", "post": "yes"}).status_code in (200, 302)
    assert (list(RetryJob.objects.values()), list(ProblematicEvent.objects.values())) == before
    assert (mapped(event), log(), TriageEntry.objects.count()) == ({5: "queued"}, [], 0)


# Retrying -------------------------------------------------------------------------------------------------------------


def test_a_retry_starts_a_job_whose_progress_the_page_shows(desk: Client, maria: User) -> None:
    event = ProblematicMappingFactory.create(test_id=5).event
    response = desk.post(page(event, "retry"), follow=True)
    job = RetryJob.objects.get()
    assert said(response) == [f"success: Started retry {job} of 1 mapped test; it runs in the background."]
    assert (job.event, job.requested_by, job.total) == (event, maria, 1)
    assert log() == [("maria", event.public_id, f"Started {job}: a retry of 1 mapped test.")]
    seen = response.content.decode()
    assert f'hx-get="{page(event, "progress")}" hx-trigger="every 1s"' in seen
    assert f"Running {job} 0 of 1 tried, 0 stored, 0 failed started just now by maria" in text(seen)
    assert "retry" not in buttons(seen)


def test_what_moves_is_asked_for_until_the_job_has_ended(desk: Client) -> None:
    event = ProblematicMappingFactory.create(test_id=5).event
    counts = {"mapping_ids": [1, 2], "tests_retried": 1, "tests_failed": 1}
    job = RetryJobFactory.create(event=event, errors=["Test 5: no."], **counts)
    seen = shown(desk, page(event, "progress"))
    assert "1 of 2 tried, 0 stored, 1 failed" in text(seen)
    assert "Test 5: no." in seen
    assert 'id="mapped" hx-swap-oob="true"' in seen
    RetryJob.objects.filter(pk=job.pk).update(status=RetryJob.Status.PARTIAL, finished_at=Now())
    seen = shown(desk, page(event, "progress"))
    assert ("every 1s" in seen, f'hx-get="{page(event)}" hx-trigger="load"' in seen) == (False, True)
    assert re.findall('hx-trigger="(load|every 1s)"', shown(desk, page(event))) == []


def test_the_job_has_a_page_whose_progress_moves_too(desk: Client) -> None:
    job = RetryJobFactory.create(mapping_ids=[1, 2, 3], tests_retried=2, tests_succeeded=2)
    progress = reverse("admin:problematic_retryjob_progress", args=[job.pk])
    assert f'hx-get="{progress}" hx-trigger="every 1s"' in shown(desk, f"/admin/problematic/retryjob/{job.pk}/change/")
    assert "2 of 3 tried, 2 stored, 0 failed" in text(shown(desk, progress))
    assert "2 of 3 tried, 2 stored" in text(shown(desk, model_list(RetryJob)))
    RetryJob.objects.update(status=RetryJob.Status.SUCCEEDED, finished_at=Now())
    assert desk.get(progress).headers["HX-Refresh"] == "true"
    response = desk.get(f"/admin/problematic/retryjob/{job.public_id}/change/")
    assert response.headers["Location"] == f"/admin/problematic/retryjob/{job.pk}/change/"


def test_a_retry_of_several_events_shows_on_the_page_of_each_while_it_runs(desk: Client) -> None:
    mapping = ProblematicMappingFactory.create()
    job = RetryJobFactory.create(mapping_ids=[mapping.pk, mapping.pk + 1])
    assert job.public_id in shown(desk, page(mapping.event))


def test_a_job_whose_process_is_gone_is_shown_as_interrupted(desk: Client) -> None:
    event = ProblematicMappingFactory.create().event
    job = RetryJobFactory.create(event=event, **NOBODY)
    seen = shown(desk, page(event))
    assert f"Interrupted {job} 0 of 0 tried" in text(seen)
    assert ("every 1s" in seen, "retry" in buttons(seen)) == (False, True)


@pytest.mark.parametrize("who", ["nobody", "clerk"])
def test_a_page_that_asks_after_its_login_has_ended_loads_itself_anew(who: str) -> None:
    event = ProblematicEventFactory.create()
    job = RetryJobFactory.create(event=event)
    client = Client() if who == "nobody" else clerk()
    for address in (page(event, "progress"), reverse("admin:problematic_retryjob_progress", args=[job.pk])):
        response = client.get(address)
        assert (response.status_code, response.headers["HX-Refresh"]) == (403, "true")


def test_a_page_that_asks_about_what_is_gone_loads_itself_anew(desk: Client) -> None:
    for name in ("problematicevent", "retryjob"):
        response = desk.get(reverse(f"admin:problematic_{name}_progress", args=[uuid4()]))
        assert (response.status_code, response.headers["HX-Refresh"]) == (404, "true")


def test_a_retry_of_nothing_and_of_what_others_retry_is_refused(desk: Client) -> None:
    event = ProblematicMappingFactory.create(state=MappingState.SUCCEEDED).event
    stored = "error: Everything mapped there is stored already, so nothing was retried."
    assert send(desk, page(event, "retry")) == [stored]
    assert "retry" not in buttons(shown(desk, page(event)))
    taken = "error: Everything mapped there is being retried right now. Wait for the result."
    assert send(desk, page(_running().event, "retry")) == [taken]
    assert (RetryJob.objects.count(), log()) == (0, [])


def test_selected_events_are_retried_together_and_ended_ones_passed_over(desk: Client) -> None:
    one, two, other = (ProblematicMappingFactory.create() for _ in range(3))
    response = choose(desk, "retry_selected", [one.event, two.event, ended()])
    job = RetryJob.objects.get()
    assert (job.event, set(job.mapping_ids)) == (None, {one.pk, two.pk})
    watch = f'<a href="/admin/problematic/retryjob/{job.pk}/change/" class="text-link">Watch it.</a>'
    assert said(response) == [
        "warning: Passed over 1 event that is no longer open.",
        f"success: Started retry {job} of 2 mapped tests; it runs in the background. {watch}",
    ]
    assert log() == [("maria", job.public_id, f"Started {job}: a retry of 2 mapped tests.")]
    choose(desk, "retry_selected", [other.event])
    assert RetryJob.objects.exclude(pk=job.pk).get().event == other.event
    assert said(choose(desk, "retry_selected", [ProblematicEventFactory.create()])) == [
        "error: Nothing is mapped there, so nothing was retried."
    ]


def test_what_is_left_of_ended_events_is_named_in_a_selection_and_retried_on_its_own_page(desk: Client) -> None:
    one, left = ProblematicMappingFactory.create(), ProblematicMappingFactory.create(event=ended())
    note = f"Left out 1 test mapped to events that are no longer open ({left.event}): name the event to retry it."
    messages = said(choose(desk, "retry_selected", [one.event, left.event]))
    assert messages[:2] == ["warning: Passed over 1 event that is no longer open.", f"warning: {note}"]
    job = RetryJob.objects.get()
    assert (job.event, job.mapping_ids, job.notes) == (one.event, [one.pk], [note])
    assert note in text(shown(desk, page(one.event, "progress")))
    seen = shown(desk, page(left.event))
    assert "It resolved itself, but 1 mapped test was not stored." in text(seen)
    assert buttons(seen) == {"unmap", "retry", "clear"}
    [started] = send(desk, page(left.event, "retry"))
    assert started.startswith("success: Started retry job_")


def test_a_product_outside_its_customers_filter_is_not_retried(desk: Client) -> None:
    event = ProblematicMappingFactory.create(event__product__customer__product_ids=[7]).event
    [refused] = send(desk, page(event, "retry"))
    assert refused.startswith(f"error: Product {event.product_id} is outside the filter of customer ")
    assert not RetryJob.objects.exists()


# Clearing -------------------------------------------------------------------------------------------------------------


def _confirmed(response: Any) -> dict[str, str]:
    """What the confirmation page sends when it is agreed to."""
    initial: dict[str, str] = response.context["form"].initial
    return initial


def test_clearing_one_event_says_first_what_will_go(desk: Client, maria: User) -> None:
    event = ProblematicEventFactory.create()
    for test_id in (6, 5):
        ProblematicMappingFactory.create(event=event, test_id=test_id)
    kept = ProblematicMappingFactory.create()
    asked = desk.get(page(event, "ask_clear"))
    seen = text(asked.content.decode())
    assert "1 event and 2 mapped test ids will be cleared." in seen
    assert f"{event} {event.product} {event.position_range} open 5, 6" in seen
    done = "Cleared 1 event with 2 mapped test ids."
    assert send(desk, f"{EVENTS}clear/", **_confirmed(asked)) == [f"success: {done}"]
    event.refresh_from_db()
    assert (event.status, event.resolution, mapped(event)) == ("cleared", "Cleared by maria.", {})
    assert [(entry.action, entry.by, entry.test_ids) for entry in event.history.all()] == [("cleared", maria, [5, 6])]
    assert log() == [("maria", event.public_id, done)]
    assert ProblematicMapping.objects.get() == kept
    assert done in shown(desk, page(event, "history"))
    again = desk.get(page(event, "ask_clear"), follow=True)
    assert said(again) == ["warning: Nothing to clear: what you chose was cleared before."]


def test_selected_events_are_cleared_after_a_page_that_lists_them(desk: Client) -> None:
    one, two = ProblematicMappingFactory.create(test_id=5).event, ended()
    kept = ProblematicEventFactory.create()
    asked = choose(desk, "clear_selected", [one, two, ended(EventStatus.CLEARED)])
    assert "2 events and 1 mapped test id will be cleared." in text(asked.content.decode())
    assert ProblematicEvent.objects.filter(status=EventStatus.CLEARED).count() == 1
    done = "Cleared 2 events with 1 mapped test id."
    assert send(desk, f"{EVENTS}clear/", **_confirmed(asked)) == [f"success: {done}"]
    assert ProblematicEvent.objects.exclude(status=EventStatus.CLEARED).get() == kept
    assert sorted(log()) == sorted(("maria", event.public_id, done) for event in (one, two))


def test_a_selection_over_all_pages_is_confirmed_whole(desk: Client) -> None:
    product = ProductFactory.create()
    ProblematicEventFactory.create_batch(120, product=product)
    asked = choose(desk, "clear_selected", ProblematicEvent.objects.all()[:25], select_across="1")
    seen = text(asked.content.decode())
    assert ("120 events and 0 mapped test ids will be cleared." in seen, "And 20 more events." in seen) == (True, True)
    send(desk, f"{EVENTS}clear/", **_confirmed(asked))
    assert not ProblematicEvent.objects.open().exists()


def test_what_changed_since_the_confirmation_is_asked_again(desk: Client) -> None:
    event = ProblematicMappingFactory.create(test_id=5).event
    asked = desk.get(page(event, "ask_clear"))
    triage.map_tests(event, [6])
    again = desk.post(f"{EVENTS}clear/", _confirmed(asked))
    assert said(again) == ["warning: Nothing was cleared: what would go has changed meanwhile. Look at it again."]
    assert (mapped(event), log()) == ({5: "queued", 6: "queued"}, [])
    assert send(desk, f"{EVENTS}clear/", **_confirmed(again)) == ["success: Cleared 1 event with 2 mapped test ids."]


def test_a_product_that_is_being_synced_is_not_cleared(desk: Client) -> None:
    event = ProblematicMappingFactory.create(test_id=5).event
    lease = busy(event)
    response = desk.post(f"{EVENTS}clear/", _confirmed(desk.get(page(event, "ask_clear"))))
    [message] = said(response)
    assert message.startswith("error: Nothing was cleared. Sync in progress. Retry in ")
    assert (mapped(event), log()) == ({5: "queued"}, [])
    lease.delete()
    assert send(desk, f"{EVENTS}clear/", **_confirmed(response)) == ["success: Cleared 1 event with 1 mapped test id."]


def test_what_is_being_retried_is_left_out_and_named_before_and_after(desk: Client) -> None:
    running, late, gone = (
        _running().event,
        ProblematicMappingFactory.create(test_id=8),
        ProblematicEventFactory.create(),
    )
    asked = choose(desk, "clear_selected", [running, late.event, gone])
    staying = f"Left out, because tests of it are being retried right now: {running}."
    assert "2 events and 1 mapped test id will be cleared." in text(asked.content.decode())
    assert staying in text(asked.content.decode())
    claims.claim(late.pk, "somebody")
    again = desk.post(f"{EVENTS}clear/", _confirmed(asked))
    assert said(again) == ["warning: Nothing was cleared: what would go has changed meanwhile. Look at it again."]
    done = "Cleared 1 event with 0 mapped test ids."
    assert send(desk, f"{EVENTS}clear/", **_confirmed(again)) == [f"success: {done}"]
    assert log() == [("maria", gone.public_id, done)]
    assert (mapped(running), mapped(late.event)) == ({5: "running"}, {8: "running"})
    refused = desk.get(page(running, "ask_clear"), follow=True)
    assert said(refused) == [f"warning: Nothing to clear now. {staying}"]


@pytest.mark.parametrize("step", ["unmap", "clear"])
def test_a_claim_whose_worker_is_gone_stands_in_nobodys_way(desk: Client, step: str) -> None:
    event = _running().event
    ProblematicMapping.objects.update(pid=None)
    if step == "unmap":
        assert send(desk, page(event, "unmap"), test_ids="5") == ["success: Unmapped 5."]
    else:
        send(desk, f"{EVENTS}clear/", **_confirmed(desk.get(page(event, "ask_clear"))))
    assert mapped(event) == {}


def test_more_events_than_a_list_has_are_not_cleared_at_once(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("problematic.admin.clearing.MOST", 2)
    events = ProblematicEventFactory.create_batch(3)
    sentence = "warning: At most 2 events can be cleared at a time. Narrow the list down."
    assert said(choose(desk, "clear_selected", events)) == [sentence]
    assert said(desk.get(f"{EVENTS}clear/", follow=True)) == []
    assert ProblematicEvent.objects.open().count() == 3


@pytest.mark.parametrize("events", ["", "odd", "1 2", "5a7f0f7e-0000-4000-8000-000000000000"])
def test_clearing_what_is_not_there_is_said(desk: Client, events: str) -> None:
    [message] = send(desk, f"{EVENTS}clear/", events=events)
    assert message.startswith("warning: ")


# Who may do what ------------------------------------------------------------------------------------------------------


def _steps(event: ProblematicEvent) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every address that changes something, with what it is sent."""
    chosen = {"_selected_action": [str(event.pk)], "index": "0"}
    return {
        "map": (page(event, "map"), {"test_ids": "5"}),
        "unmap": (page(event, "unmap"), {"test_ids": "6"}),
        "retry": (page(event, "retry"), {}),
        "retry selected": (EVENTS, {"action": "retry_selected", **chosen}),
        "clear": (f"{EVENTS}clear/", {"events": str(event.pk)}),
        "ask to clear": (page(event, "ask_clear"), {}),
        "clear selected": (EVENTS, {"action": "clear_selected", **chosen}),
    }


MAPPING, RETRYING, CLEARING = {"map", "unmap"}, {"retry", "retry selected"}, {"clear", "ask to clear", "clear selected"}


@pytest.mark.parametrize(
    ("permissions", "allowed", "offered"),
    [
        ({VIEW}, set[str](), set[str]()),
        ({VIEW, MAP}, MAPPING, {"map", "unmap"}),
        ({VIEW, RETRY}, RETRYING, {"retry"}),
        ({VIEW, CLEAR}, CLEARING, {"clear"}),
        ({VIEW, MAP, RETRY, CLEAR}, MAPPING | RETRYING | CLEARING, {"map", "unmap", "retry", "clear"}),
    ],
    ids=["view", "map", "retry", "clear", "all"],
)
def test_each_step_needs_its_own_permission(permissions: set[str], allowed: set[str], offered: set[str]) -> None:
    event = ProblematicMappingFactory.create(test_id=6).event
    TestFactory.create(product=event.product, end_at=MARCH)
    client = clerk(*permissions)
    assert buttons(shown(client, page(event))) == offered
    chosen = set(re.findall(r'<option value="(\w+_selected)"', shown(client, EVENTS)))
    assert chosen == {name for name in ("retry_selected", "clear_selected") if name.split("_")[0] in offered}
    refused = {name for name, (address, data) in _steps(event).items() if client.post(address, data).status_code == 403}
    assert refused == set(_steps(event)) - allowed


def test_whoever_may_not_view_may_do_nothing_and_sees_nothing() -> None:
    event = ProblematicMappingFactory.create(test_id=6).event
    client = clerk(MAP, RETRY, CLEAR)
    assert [client.post(*step).status_code for step in _steps(event).values()] == [403] * 7
    addresses = [EVENTS, page(event), page(event, "history"), *map(model_list, MODELS)]
    assert [client.get(address).status_code for address in addresses] == [403] * len(addresses)
    assert mapped(event) == {6: "queued"}


def test_nobody_does_anything_without_a_login_or_the_csrf_token(desk: Client, maria: User) -> None:
    event = ProblematicMappingFactory.create(test_id=6).event
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(maria)
    for address, data in _steps(event).values():
        assert Client().post(address, data).headers["Location"].startswith("/admin/login/?next=")
        assert forged.post(address, data).status_code == 403
    assert (mapped(event), log()) == ({6: "queued"}, [])


@every_model
def test_everything_else_is_only_shown(desk: Client, model: type[Model]) -> None:
    row = getattr(factories, f"{model.__name__}Factory").create()
    base = f"admin:problematic_{model._meta.model_name}"
    assert isinstance(admin.site.get_model_admin(model), ModelAdmin)
    assert desk.get(reverse(f"{base}_change", args=[row.pk])).status_code == 200
    addresses = [reverse(f"{base}_add"), *(reverse(f"{base}_{name}", args=[row.pk]) for name in ("change", "delete"))]
    assert [desk.post(address, {"post": "yes"}).status_code for address in addresses] == [403, 403, 403]
    desk.post(model_list(model), {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"})
    assert set(listed(desk, model_list(model))) == {row.pk}


def test_the_address_cannot_look_into_columns_that_are_no_filters(desk: Client) -> None:
    assert desk.get(EVENTS, {"product__customer__encrypted_token__gt": "a"}).status_code == 400


# What to do next ------------------------------------------------------------------------------------------------------


STORED = "All that is mapped is stored. The next sync that reads through this place resolves the event."
LOOK = "1 test hides here and is not mapped yet. Look at the suggestions below and map what you are sure of."
ASK = (
    "3 tests hide here and are not mapped yet. Our data suggests nothing: ask TestIO what cannot be read here, "
    "then map the ids."
)
TRY = "1 mapped test not tried yet: press Retry to fetch what can be fetched. 1 more test hides here."
AGAIN = "2 mapped tests could not be stored: the table says why. Retry when repaired."
GIVEN_UP = (
    "1 mapped test given up after too many failures. Have TestIO repair them, then press Retry, which tries them again."
)


@pytest.mark.parametrize(
    ("hidden", "states", "suggested", "retrying", "sentence"),
    [
        (1, {}, 2, False, LOOK),
        (3, {}, 0, False, ASK),
        (2, {"queued": 1}, 0, False, TRY),
        (2, {"failed": 2}, 0, False, AGAIN),
        (1, {"dead": 1}, 0, False, GIVEN_UP),
        (1, {"succeeded": 1}, 0, False, STORED),
        (3, {"succeeded": 1}, 0, False, "2 more tests hide here."),
        (1, {"running": 1}, 0, True, "A retry is running. What comes of it shows below, by itself."),
    ],
)
def test_the_page_says_what_to_do_next(
    hidden: int, states: dict[str, int], suggested: int, retrying: bool, sentence: str
) -> None:
    event = ProblematicEvent(first_position=4, last_position=3 + hidden)
    assert next_step(event, states, suggested=suggested, retrying=retrying) == sentence


def test_an_ended_event_leaves_nothing_to_do() -> None:
    said_of = {
        status: next_step(
            ProblematicEvent(status=status, first_position=0, last_position=0), {}, suggested=0, retrying=False
        )
        for status in (EventStatus.RESOLVED, EventStatus.CLEARED)
    }
    assert said_of == {
        "resolved": "It resolved itself: nothing is left to do. Clear it to put it away.",
        "cleared": "It was put away: nothing is left to do. If the gap is still there, the next sync finds it anew.",
    }
