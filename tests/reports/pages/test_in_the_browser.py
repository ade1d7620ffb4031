"""The pages as people have them: light and dark, on a phone and on a desk, by mouse and by keyboard."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser import Visitor
from tests.factories import BugFactory, CustomerFactory, ProductFactory, SyncEventFactory, TestFactory
from tests.reports.pages.scenes import Scene, stage


@pytest.fixture
def reader(transactional_db: None) -> User:
    return User.objects.create(username="reader", is_staff=True, is_superuser=True)


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    return stage(CustomerFactory.create(name="acme"), ended=timezone.now() - timedelta(days=3))


def _width(page: Page) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


def _background(page: Page) -> str:
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


@pytest.mark.parametrize("width", [390, 1366])
def test_every_page_opens_light_and_dark_and_fits(visitor: Visitor, reader: User, scene: Scene, width: int) -> None:
    page = visitor.page(reader, width=width)
    grounds = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for name, address in scene.addresses.items():
            page.goto(address)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            assert (name, _width(page)) == (name, width)
        grounds.add(_background(page))
    assert len(grounds) == 2


def test_the_last_syncs_fit_beside_the_problems_and_their_table_can_be_focused(
    visitor: Visitor, reader: User, scene: Scene
) -> None:
    SyncEventFactory.create(
        customer=scene.product.customer,
        status="partial",
        finished_at=timezone.now(),
        tests_new=1234,
        bugs_new=98765,
        gaps=321,
    )
    page = visitor.page(reader, width=1280)
    page.goto("/")
    table = page.get_by_role("group", name="Last syncs")
    assert table.evaluate("box => [box.scrollWidth - box.clientWidth, box.tabIndex]") == [0, 0]


def test_names_beside_bars_are_shortened_at_their_end_on_a_phone(visitor: Visitor, reader: User, scene: Scene) -> None:
    names = ("Nordwind Shop with a name that is long (#5000)", "Short")
    for name in names:
        BugFactory.create(test__product=ProductFactory.create(name=name), test__end_at=timezone.now())
    page = visitor.page(reader, width=360)
    page.goto("/metrics/?measure=bugs&rows=product&view=chart")
    expect(page.locator("canvas")).to_be_visible()
    labels, has_room = page.evaluate(
        """() => {
            const { scales: { y }, ctx } = Chart.getChart(document.querySelector("canvas"));
            ctx.font = "12px Inter, system-ui, sans-serif";
            const labels = y.ticks.map((tick) => tick.label);
            return [labels, labels.every((label) => ctx.measureText(label).width <= y.width)];
        }"""
    )
    assert has_room
    long = next(label for label in labels if label.startswith("Nordwind"))
    assert (long[-1], "Short" in labels, names[0].startswith(long[:-1])) == ("…", True, True)


def test_the_theme_is_chosen_by_keyboard_and_remembered(visitor: Visitor, reader: User, scene: Scene) -> None:
    page = visitor.page(reader)
    page.emulate_media(color_scheme="light")
    page.goto("/")
    light = _background(page)
    page.locator(".user summary").focus()
    page.keyboard.press("Enter")
    page.get_by_label("System").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("Dark")).to_be_checked()
    dark = _background(page)
    page.goto("/products/")
    assert (dark != light, _background(page)) == (True, dark)
    assert page.evaluate("localStorage.getItem('adminTheme')") == '"dark"'  # where the admin keeps it


def test_tests_are_sorted_and_filtered_by_keyboard_and_the_filter_is_remembered(
    visitor: Visitor, reader: User, scene: Scene
) -> None:
    ended = timezone.now() - timedelta(days=9)
    for number in range(30):
        TestFactory.create(product=scene.product, title=f"Round {number:02}", end_at=ended)
    address = scene.addresses["product"]
    page = visitor.page(reader)
    page.goto(address)
    rows = page.locator("#tests tbody tr")
    page.get_by_role("link", name="Test", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Test", exact=True)).to_have_attribute("aria-sort", "ascending")
    expect(rows.first).to_contain_text("Checkout round")
    page.get_by_label("Title or id").fill("round 2")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(10)
    assert "q=round%202" in page.url
    page.goto(address)
    expect(rows).to_have_count(10)
    page.get_by_role("link", name="Reset").click()
    expect(rows).to_have_count(25)
    page.get_by_role("link", name="Next").click()
    expect(rows).to_have_count(7)


def test_the_table_under_a_chart_opens_by_keyboard(visitor: Visitor, reader: User, scene: Scene) -> None:
    page = visitor.page(reader)
    page.goto("/")
    chart = page.locator("figure").first
    expect(chart.get_by_role("table")).to_be_hidden()
    chart.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(chart.get_by_role("table")).to_be_visible()
    assert page.evaluate("Chart.getChart(document.querySelector('canvas')).data.datasets[0].data.at(-1)") in (0, 5)


def test_on_a_phone_the_navigation_opens_and_closes_by_keyboard(visitor: Visitor, reader: User, scene: Scene) -> None:
    page = visitor.page(reader, width=390)
    page.goto("/")
    opener = page.get_by_role("button", name="Navigation")
    link = page.get_by_role("link", name="Products", exact=True)
    expect(link).to_be_hidden()
    opener.focus()
    page.keyboard.press("Enter")
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Search products, features, tests and bugs")).to_be_focused()
    page.keyboard.type("button")
    page.keyboard.press("Enter")
    expect(page.locator("mark").first).to_be_visible()
