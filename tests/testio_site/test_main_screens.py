"""The main screens with real data of a simulated company, as axe-core judges them: light, dark and on a phone."""

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


@pytest.mark.usefixtures("synced")
def test_nothing_on_the_main_screens_keeps_anybody_out(visitor: Visitor) -> None:
    mia = User.objects.create(username="mia", is_staff=True, is_superuser=True)
    addresses = {screen.name: screen.address() for screen in SCREENS}
    for width, scheme in ((1280, "light"), (390, "dark")):
        page = visitor.page(mia, width=width)
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        found = {}
        for name, address in addresses.items():
            page.goto(address)
            expect(page.get_by_role("heading").first).to_be_visible()
            found[name] = serious_findings(page)
        assert (width, scheme, {name: lines for name, lines in found.items() if lines}) == (width, scheme, {})
        page.context.close()


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
