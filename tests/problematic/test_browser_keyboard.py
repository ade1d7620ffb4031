"""Triage by keyboard alone, in a browser, against the simulated TestIO. Nothing here clicks."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from problematic.models import EventStatus, ProblematicEvent
from sync.models import Bug, Test
from sync.sandbox import World
from tests.browser import Visitor
from tests.problematic.factories import ProblematicEventFactory

LIST = "/admin/problematic/problematicevent/"


@pytest.fixture
def page(visitor: Visitor) -> Page:
    """Of a user who may do everything."""
    return visitor.page(User.objects.create(username="maria", is_staff=True, is_superuser=True))


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_an_event_is_mapped_retried_cleared_and_brought_back_by_keyboard_alone(
    page: Page, gap: list[int], world: World
) -> None:
    suggested, typed = gap
    event = ProblematicEvent.objects.open().get()
    page.goto(f"{LIST}?status=open")
    press(page, "j")
    expect(page.locator("tr.data-row")).to_be_focused()
    press(page, "x", "r")
    said = page.locator("#keys-said")
    expect(said).to_have_text("Fetches 0 mapped tests of 1 event. Press Enter to go on, Escape to go back.")
    expect(page.get_by_role("button", name="Run")).to_be_focused()
    press(page, "Escape", "x")
    expect(said).to_contain_text("not selected, 0 of 1 selected.")
    press(page, "Enter")
    expect(page.get_by_text("1 of 1 in the list")).to_be_visible()

    press(page, "s", "x", "m")
    expect(page.get_by_text(f"Mapped: {suggested}.")).to_be_visible()
    press(page, "u")
    expect(page.get_by_text(f"Took back the mapping of test ids {suggested}.", exact=True)).to_be_visible()
    assert event.mappings.count() == 0
    press(page, "m")
    expect(page.get_by_role("textbox", name="Separated by")).to_be_focused()
    page.keyboard.type(f"{suggested}, T-{typed}")
    press(page, "Tab", "Enter")
    expect(page.get_by_text(f"Mapped: {suggested}, {typed}.")).to_be_visible()

    # As if the tests had never been stored, so that only the retry can have done it.
    Bug.objects.filter(test__in=gap).delete()
    Test.objects.filter(pk__in=gap).delete()
    world.repair()
    press(page, "r")
    expect(page.get_by_text("All that is mapped is stored.")).to_be_visible()
    assert Test.objects.filter(pk__in=gap).count() == 2

    press(page, "c")
    expect(page.get_by_text("1 event and 2 mapped test ids will be cleared.")).to_be_visible()
    press(page, "y")
    expect(page.get_by_text("No events in this state")).to_be_visible()
    assert ProblematicEvent.objects.get().status == EventStatus.CLEARED
    press(page, "u")
    expect(page.get_by_text("Took back the clearing of 1 event with 2 mapped test ids.")).to_be_visible()
    expect(page.get_by_role("link", name=event.public_id)).to_be_visible()
    assert (ProblematicEvent.objects.get().status, event.mappings.count()) == (EventStatus.OPEN, 2)


@pytest.mark.usefixtures("transactional_db")
def test_keys_are_explained_do_not_disturb_typing_and_lead_from_event_to_event(page: Page) -> None:
    first, second = ProblematicEventFactory.create_batch(2)
    page.goto(LIST)
    press(page, "?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    press(page, "j", "Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    press(page, "/")
    expect(page.locator("#searchbar")).to_be_focused()
    page.keyboard.type("j?x r")
    expect(page.locator("#searchbar")).to_have_value("j?x r")
    press(page, "Escape", "Control+j", "ArrowDown", "j", "k", "j")
    expect(page.locator("tr.data-row").nth(1)).to_be_focused()
    press(page, "Enter")
    expect(page.get_by_text("2 of 2 in the list")).to_be_visible()
    press(page, "n")
    expect(page.locator("#keys-said")).to_have_text("This is the last event of the list.")
    press(page, "p")
    expect(page.get_by_text("1 of 2 in the list")).to_be_visible()
    press(page, "l")
    expect(page.get_by_role("link", name=first.public_id)).to_be_visible()
    expect(page.get_by_role("link", name=second.public_id)).to_be_visible()
