"""The home: a failed sync is begun again with a button and watched to its end; and the navigation when it is narrow."""

from collections.abc import Iterator
from threading import Event

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django import Settings

from sync.models import SyncEvent
from sync.models.status import Status
from sync.sandbox import SandboxServer
from tests.browser import PATIENCE, Visitor
from tests.factories import SyncEventFactory
from tests.sync.support import make_customer, world_of


@pytest.fixture
def sandbox(transactional_db: None) -> Iterator[SandboxServer]:
    with SandboxServer(world_of(tests=30, products=3)) as server:
        yield server


def test_a_failed_sync_is_begun_again_and_watched_until_all_is_well(
    visitor: Visitor, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.TESTIO_PAGE_SIZE = 5
    customer = make_customer(sandbox)
    SyncEventFactory.create(
        customer=customer, status=Status.FAILED, finished_at=timezone.now(), error="TestIO could not be reached."
    )
    held = Event()
    page = visitor.page(User.objects.create(username="mia", is_staff=True, is_superuser=True))
    page.goto("/")
    page.get_by_role("link", name="Home", exact=True).click()
    card = page.get_by_role("region", name="Failed syncs")
    expect(card).to_contain_text("TestIO could not be reached.")
    failed = page.locator("#count-failed")
    expect(failed).to_have_text("1 failed and not made good since")
    running = page.get_by_role("region", name="Running now")
    expect(running).to_contain_text("Nothing runs at the moment.")

    # The bugs of one product are not answered before the page has shown that the other two are done.
    sandbox.faults.when("/bugs", lambda _: held.wait(PATIENCE / 1000))
    card.get_by_role("button", name="Sync again").click()
    expect(page.get_by_text("this page shows how far it has come")).to_be_visible()
    page.evaluate("window.stayed = true")
    expect(running).to_contain_text("2 of 3 products")
    expect(running.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "67")
    held.set()

    expect(page.get_by_role("heading", name="Nothing is wrong with the data")).to_be_visible()
    expect(running).to_contain_text("Nothing runs at the moment.")
    expect(card).to_have_count(0)
    expect(failed).to_have_text("")
    expect(page.locator(".days tbody tr").filter(has_text="all went well")).to_have_count(3)
    assert page.evaluate("window.stayed") is True
    assert SyncEvent.objects.filter(requested_by__username="mia", status=Status.SUCCEEDED).count() == 1


def test_the_search_box_of_an_open_navigation_leaves_one_shade_that_escape_takes_away(visitor: Visitor) -> None:
    page = visitor.page(User.objects.create(username="mia", is_staff=True, is_superuser=True), width=900)
    page.goto("/operate/")
    page.get_by_role("button", name="Navigation").click()
    page.keyboard.press("/")
    expect(page.get_by_label("Search products, features, tests and bugs")).to_be_focused()
    expect(page.locator(".shade")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator(".shade")).to_have_count(0)
