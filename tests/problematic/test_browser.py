"""The pages of problems as a person has them: in a browser, with a mouse, against the simulated TestIO."""

import re
from collections.abc import Callable
from threading import Event

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from problematic.models import EventStatus, ProblematicEvent
from sync.models import Bug, Test
from sync.sandbox import SandboxServer, World
from tests.browser import PATIENCE, Visitor

Open = Callable[..., Page]


@pytest.fixture
def open_page(visitor: Visitor) -> Open:
    """Opens an address as a user who may do everything."""
    user = User.objects.create(username="maria", is_staff=True, is_superuser=True)

    def opened(address: str, width: int = 1280) -> Page:
        page = visitor.page(user, width=width)
        page.goto(address)
        return page

    return opened


def _message(page: Page, text: str) -> None:
    """With the button that undoes what it tells, if there is one."""
    expect(page.get_by_text(text)).to_be_visible()


def _stored_again(test_ids: list[int]) -> None:
    """As if the tests had never been stored, so that only the retry can have done it."""
    Bug.objects.filter(test__in=test_ids).delete()
    Test.objects.filter(pk__in=test_ids).delete()


def test_a_gap_is_triaged_from_the_list_to_the_end(
    open_page: Open, gap: list[int], world: World, sandbox: SandboxServer
) -> None:
    suggested, pasted = gap
    page = open_page("/admin/")
    page.goto(f"{page.url}problematic/problematicevent/")

    event = ProblematicEvent.objects.open().get()
    page.get_by_role("link", name=event.public_id).click()
    expect(page.get_by_text("2 tests hide here and are not mapped yet.")).to_be_visible()

    page.get_by_role("button", name=f"Map {suggested}").click()
    _message(page, f"Mapped: {suggested}.")
    expect(page.get_by_role("button", name=f"Unmap {suggested}")).to_be_visible()

    page.get_by_role("textbox", name="Separated by").fill(f"{pasted},\n777777")
    page.get_by_role("button", name="Map", exact=True).click()
    _message(page, f"Mapped: {pasted}, 777777.")
    page.get_by_role("button", name="Unmap 777777").click()
    _message(page, "Unmapped 777777.")

    _stored_again(gap)
    world.repair()
    seen_moving = Event()
    # The second test is not answered before the page has shown, by itself, that the first is stored.
    sandbox.faults.when(f"/exploratory_tests/{pasted}", lambda _: seen_moving.wait(PATIENCE / 1000))
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("status")).to_have_text("1 of 2 tried, 1 stored, 0 failed")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("#mapped").get_by_text("stored", exact=True)).to_have_count(1)
    page.get_by_role("textbox", name="Separated by").fill("half a thought")
    seen_moving.set()
    expect(page.get_by_text("All that is mapped is stored.")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("2 of 2 tried, 2 stored, 0 failed")
    expect(page.get_by_role("textbox", name="Separated by")).to_have_value("half a thought")
    expect(page.locator("#mapped").get_by_text("stored", exact=True)).to_have_count(2)
    assert set(Test.objects.filter(pk__in=gap).values_list("pk", flat=True)) == set(gap)
    assert Bug.objects.filter(test__in=gap).count() == sum(len(world.bugs_of(test_id)) for test_id in gap)

    page.get_by_role("link", name="Clear…").click()
    expect(page.get_by_text("1 event and 2 mapped test ids will be cleared.")).to_be_visible()
    page.get_by_role("button", name="Yes, clear").click()
    _message(page, "Cleared 1 event with 2 mapped test ids.")
    expect(page.get_by_text("No open events")).to_be_visible()
    event.refresh_from_db()
    assert (event.status, event.mappings.count()) == (EventStatus.CLEARED, 0)


def test_selected_events_are_retried_from_the_list_and_the_job_is_watched(open_page: Open, gap: list[int]) -> None:
    event = ProblematicEvent.objects.open().get()
    event.mappings.create(test_id=gap[0])
    page = open_page("/admin/problematic/problematicevent/")
    page.locator("#result_list input.action-select").check()
    page.get_by_role("combobox").select_option("Retry selected events")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("link", name="Watch it.").click()
    expect(page.get_by_role("status")).to_have_text("1 of 1 tried, 0 stored, 1 failed")
    expect(page.get_by_text(f"Test {gap[0]}: TestIO still cannot read it (500).")).to_be_visible()


@pytest.mark.parametrize("name", ["list", "event", "clear"])
def test_the_pages_fit_on_a_phone(open_page: Open, gap: list[int], name: str) -> None:
    event = ProblematicEvent.objects.open().get()
    event.mappings.create(test_id=gap[0], last_error="word " * 40 + "x" * 300)
    addresses = {"list": "", "event": f"{event.pk}/change/", "clear": f"{event.pk}/clear/"}
    page = open_page(f"/admin/problematic/problematicevent/{addresses[name]}", width=390)
    expect(page.get_by_text(re.compile(event.public_id)).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
