"""The pages in a real browser: nothing breaks the content policy, and no text of TestIO's is more than text."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.urls import reverse
from playwright.sync_api import expect

from problematic.models import ProblematicEvent
from sync.models import Bug, Customer, Product, SyncEvent, Test
from sync.sandbox import SandboxServer, World
from sync.sandbox.texts import ODD_TEXTS
from tests.browser import Visitor
from tests.sync.support import make_customer, sync, world_of


@pytest.fixture
def boss(transactional_db: None) -> User:
    return User.objects.create(username="maria", is_staff=True, is_superuser=True)


@pytest.fixture
def synced(transactional_db: None) -> Iterator[World]:
    """A customer with a product of 20 tests, all called the same nasty thing, odd bugs, and a gap."""
    world = world_of(tests=20, products=1, bugs_per_test=3)
    product_id = world.product_ids()[0]
    world.change_product(product_id, name=f"Shop {ODD_TEXTS['script']}")
    for test_id in world.tests_of(product_id):
        world.change_test(test_id, title=ODD_TEXTS["script"], goal=ODD_TEXTS["html"])
        for bug_id in world.bugs_of(test_id):
            world.change_bug(bug_id, title=ODD_TEXTS["html"], actual_result=ODD_TEXTS["script"])
    with SandboxServer(world) as sandbox:
        customer = make_customer(sandbox)
        sync(customer, bugs="all")
        world.break_records(tests=world.tests_of(product_id)[8:10])
        sync(customer, mode=SyncEvent.Mode.FULL, bugs="none")
        yield world


def change_page(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_pages() -> list[str]:
    shown = (model._meta for model in apps.get_models() if admin.site.is_registered(model))
    return [reverse(f"admin:{options.app_label}_{options.model_name}_changelist") for options in shown]


def test_no_page_breaks_the_content_policy(visitor: Visitor, boss: User, synced: World) -> None:
    rows = (
        Customer.objects.get(), Product.objects.get(), Test.objects.first(), Bug.objects.first(), boss,
        SyncEvent.objects.first(), ProblematicEvent.objects.open().get(),
    )  # fmt: skip
    details = [change_page(row) for row in rows if row is not None]
    pages = (
        "/", "/products/", f"/products/{Product.objects.get().pk}/", "/search/", "/admin/", "/admin/two-factor/",
        "/operate/", "/operate/audit/", "/syncs/", "/syncs/start/", "/metrics/", "/reports/quality/",
        reverse("admin:sync_customer_add"), reverse("admin:auth_user_add"), reverse("admin:password_change"),
        "/api/docs",
    )  # fmt: skip
    page = visitor.page(boss)
    for address in (*pages, *details, *list_pages()):
        page.goto(address)
    page.goto("/api/docs")
    expect(page.get_by_role("heading", name="TestIO Desk")).to_be_visible()
    page.locator(".opblock").first.click()
    page.goto(reverse("admin:problematic_problematicevent_changelist"))
    page.locator("#result_list input.action-select").first.check()
    page.get_by_role("combobox").select_option("Retry selected events")
    expect(page.get_by_role("button", name="Run")).to_be_visible()
    stranger = visitor.page()
    stranger.goto("/admin/login/")
    assert visitor.complaints == []
    stranger.goto("/nothing-here/")
    assert [text.partition(": ")[2].partition(" (")[0] for text in visitor.complaints] == [
        "Failed to load resource: the server responded with a status of 404"
    ]
    visitor.complaints.clear()


def test_what_testers_write_is_shown_as_text_and_never_run(visitor: Visitor, boss: User, synced: World) -> None:
    page = visitor.page(boss)
    test, bug = Test.objects.filter(title=ODD_TEXTS["script"])[0], Bug.objects.filter(title=ODD_TEXTS["html"])[0]
    for row, place in ((test, "tests"), (bug, "bugs")):
        model = row._meta.model_name
        listed = f"{reverse(f'admin:sync_{model}_changelist')}?q={row.pk}"
        for address in (change_page(row), listed, f"/{place}/{row.pk}/"):
            page.goto(address)
            expect(page.get_by_text(row.title).locator("visible=true").first, address).to_be_visible()
    event = ProblematicEvent.objects.open().get()
    event.mappings.create(test_id=4711, last_error=ODD_TEXTS["html"])
    SyncEvent.objects.update(error=ODD_TEXTS["script"])
    for address, text in (
        (change_page(event), ODD_TEXTS["html"]),
        (change_page(SyncEvent.objects.latest("started_at")), ODD_TEXTS["script"]),
    ):
        page.goto(address)
        expect(page.get_by_text(text).locator("visible=true").first, address).to_be_visible()


@pytest.mark.parametrize("address", ["/admin/login/", "/api/docs"])
def test_a_script_that_got_into_a_page_would_not_run(visitor: Visitor, address: str) -> None:
    page = visitor.page()
    page.goto(address)
    put_in = (
        "const made = document.createElement('script'); made.textContent = 'window.ran = 1'; document.body.append(made)"
    )
    page.evaluate(f"() => {{ {put_in}; }}")
    assert page.evaluate("typeof window.ran") == "undefined"
    assert ["Content Security Policy" in text for text in visitor.complaints] == [True]
    visitor.complaints.clear()
