"""The pages of problems as a person has them: in a browser, with a mouse, against the simulated TestIO."""

import re
import shutil
from collections.abc import Callable, Iterator
from threading import Event

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from problematic.models import EventStatus, ProblematicEvent
from sync.models import Bug, Test
from sync.sandbox import SandboxServer, World

#: Milliseconds; nothing takes that long unless it fails.
PATIENCE = 30_000
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

Open = Callable[..., Page]


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.fail(f"This test needs a browser: install Chromium, so that one of {', '.join(NAMES)} can be started.")
    # Playwright keeps an event loop running in this thread, which Django takes for asynchronous code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()
        connections.close_all()  # for the same reason this thread has had connections of its own in here


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer) -> Iterator[Open]:
    """Opens an address as a user who may do everything; no script of a page may fail."""
    user = User.objects.create(username="maria", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    session = client.cookies["sessionid"].value
    failures: list[str] = []

    def opened(address: str, width: int = 1280) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900})
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(f"{live_server.url}{address}")
        return page

    expect.set_options(timeout=PATIENCE)
    yield opened
    assert failures == []


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
