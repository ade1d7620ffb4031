"""Two stories of the browser: from an empty site to the first result, and a sync that is watched and compared."""

import re
from threading import Event

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django import Settings

from sync.models import Customer, SyncEvent
from sync.sandbox import SandboxServer, World
from tests.browser import PATIENCE, Visitor
from tests.sync.support import make_customer, sync, world_of

PASSWORD = "correct horse battery"


@pytest.fixture
def world() -> World:
    return world_of(tests=30, products=3)


@pytest.fixture
def root(transactional_db: None) -> User:
    return User.objects.create_user("root", password=PASSWORD, is_staff=True, is_superuser=True)


def _go_on(page: Page, name: str | re.Pattern[str] = "Go on") -> None:
    page.get_by_role("button", name=name).click()


def _width(page: Page) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


def test_an_empty_site_leads_from_the_login_to_the_first_figures(
    visitor: Visitor, root: User, sandbox: SandboxServer, world: World, settings: Settings
) -> None:
    settings.TESTIO_PAGE_SIZE = 5
    chosen, left_out = world.product_ids()[0], world.product_ids()[1]
    held = Event()
    page = visitor.page(width=390)
    page.goto("/")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill(PASSWORD)
    _go_on(page, "Log in")

    expect(page.get_by_role("heading", name="Welcome. Whose TestIO data is it?")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("acme shop")
    page.get_by_label("Address of the TestIO API").fill(sandbox.base_url)
    _go_on(page)
    expect(page.get_by_text("Use letters, digits, hyphens and underscores only")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("acme")
    _go_on(page)

    page.get_by_label("API token").fill("a-wrong-token")
    _go_on(page, "Try it and go on")
    expect(page.get_by_text("The token was not stored. TestIO does not accept it")).to_be_visible()
    assert _width(page) == 390
    page.get_by_label("API token").fill(sandbox.token)
    _go_on(page, "Try it and go on")

    page.get_by_label("Only those ticked below").check()
    page.locator(f"input[name=product][value='{chosen}']").check()
    expect(page.get_by_text("1 ticked.")).to_be_visible()
    _go_on(page)
    page.goto("/")  # interrupted: it goes on from the overview
    page.get_by_role("link", name="Go on with it").click()
    expect(page.get_by_text("It reads 1 product of acme")).to_be_visible()

    # The bugs are not answered before the page has shown that it moves.
    sandbox.faults.when("/bugs", lambda _: held.wait(PATIENCE / 1000))
    _go_on(page, "Start the first sync")
    expect(page.get_by_role("status").filter(has_text="1 of 1 product begun")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert _width(page) == 390
    held.set()
    expect(page.get_by_role("heading", name="1 product of acme is here")).to_be_visible()
    page.get_by_role("link", name="To the overview").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    customer = Customer.objects.get()
    assert (customer.product_ids, list(customer.products.values_list("pk", flat=True))) == ([chosen], [chosen])
    assert left_out not in customer.product_ids


def test_a_sync_is_planned_started_watched_and_compared(
    visitor: Visitor, root: User, sandbox: SandboxServer, world: World, settings: Settings
) -> None:
    settings.TESTIO_PAGE_SIZE = 5
    customer = make_customer(sandbox)
    before = sync(customer, mode=SyncEvent.Mode.FULL)
    product = world.product_ids()[0]
    broken = world.tests_of(product)[3]
    world.break_records(tests=[broken])
    held = Event()
    page = visitor.page(root)
    page.goto("/syncs/")
    page.get_by_role("main").get_by_role("link", name="Start a sync").click()
    page.get_by_label(re.compile("Everything")).check()
    _go_on(page, "Show the plan")
    expect(page.get_by_text("3 products read from top to bottom.")).to_be_visible()
    assert "mode=full" in page.url

    sandbox.faults.when("/bugs", lambda _: held.wait(PATIENCE / 1000))
    _go_on(page, "Start exactly this")
    status = page.get_by_role("status").filter(has_text="products begun")
    expect(status).to_have_text(re.compile("3 of 3 products begun"))
    expect(page.locator("#progress")).to_contain_text("Bugs")
    page.evaluate("window.stayed = true")
    page.locator(".pop summary").click()  # what somebody opens stays open while the figures move
    expect(status).to_have_text(re.compile("[6-9] phases done"))
    expect(page.get_by_role("button", name="Yes, cancel it")).to_be_visible()
    assert page.evaluate("window.stayed") is True
    held.set()

    expect(page.locator("#progress")).to_have_count(0)  # it has ended, and asks no more
    expect(page.get_by_text(re.compile("1 gap hides 1 test"))).to_be_visible()
    expect(page.get_by_role("combobox", name="Compared with")).to_have_value(before.public_id)
    page.get_by_role("combobox", name="Compared with").select_option("none")
    _go_on(page, "Compare")
    expect(page.get_by_text("Small figures: more or less")).to_have_count(0)
    assert page.url.endswith("?with=none")
    expect(page.get_by_role("link", name=re.compile("1 test cannot be read"))).to_be_visible()
    run = SyncEvent.objects.latest("started_at")
    assert (run.status, run.gaps, str(run.requested_by), run.trigger) == ("partial", 1, "root", "admin")
