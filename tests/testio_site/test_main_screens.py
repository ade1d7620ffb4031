"""The main screens with real data of a simulated company, as axe-core judges them: light, dark and on a phone."""

import pytest
from django.contrib.auth.models import User
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


def test_nor_does_anything_at_the_door(visitor: Visitor) -> None:
    page = visitor.page()
    page.goto("/login/")
    assert serious_findings(page) == []
