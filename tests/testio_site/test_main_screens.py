"""The main screens with real data of a simulated company, as axe-core judges them: light, dark and on a phone."""

from itertools import cycle

import pytest
from django.contrib.auth.models import Permission, User
from playwright.sync_api import expect

from sync.models import SyncEvent
from sync.sandbox import SandboxServer
from tests.accessibility import serious_findings
from tests.browser import Visitor
from tests.screens import SCREENS
from tests.sync.support import make_customer, sync, world_of


@pytest.fixture
def synced(transactional_db: None) -> None:
    world = world_of(tests=24, products=2, bugs_per_test=4)
    world.break_some(tests=1)
    with SandboxServer(world) as sandbox:
        sync(make_customer(sandbox), mode=SyncEvent.Mode.FULL)


#: What the page is 1,280 or 390 pixels wide in.
WIDE, PHONE = "light", "dark"


@pytest.mark.usefixtures("synced")
@pytest.mark.parametrize(
    "looks", [(WIDE, PHONE), pytest.param((PHONE, WIDE), marks=pytest.mark.stress)], ids=["one look each", "the other"]
)
def test_nothing_on_the_main_screens_keeps_anybody_out(visitor: Visitor, looks: tuple[str, str]) -> None:
    mia = User.objects.create(username="mia", is_staff=True, is_superuser=True)
    pages = {WIDE: visitor.page(mia), PHONE: visitor.page(mia, width=390)}
    pages[WIDE].emulate_media(color_scheme="light", reduced_motion="reduce")
    pages[PHONE].emulate_media(color_scheme="dark", reduced_motion="reduce")
    found = {}
    for look, screen in zip(cycle(looks), SCREENS, strict=False):
        page = pages[look]
        page.goto(screen.address())
        expect(page.get_by_role("heading").first).to_be_visible()
        found[screen.name, look] = serious_findings(page)
    assert {where: lines for where, lines in found.items() if lines} == {}


@pytest.mark.usefixtures("synced")
def test_nor_does_anything_keep_out_who_may_only_look(visitor: Visitor) -> None:
    """Their tables have no links, so that the keyboard reaches what is cut off by moving the table itself."""
    vera = User.objects.create(username="vera")
    may = Permission.objects.filter(content_type__app_label="sync", codename__startswith="view_")
    vera.user_permissions.set([*may, Permission.objects.get(codename="see_all_customers")])
    page = visitor.page(vera)
    page.emulate_media(reduced_motion="reduce")
    for name in ("overview", "test", "metrics", "quality", "search", "reports"):
        page.goto(next(screen.address() for screen in SCREENS if screen.name == name))
        expect(page.get_by_role("heading").first).to_be_visible()
        assert (name, serious_findings(page)) == (name, [])


def test_nor_does_anything_at_the_door(visitor: Visitor) -> None:
    page = visitor.page()
    page.goto("/login/")
    assert serious_findings(page) == []
