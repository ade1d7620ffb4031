"""What each role is offered, in a real browser, and what happens to whoever forces what they are not."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from playwright.sync_api import Page

from problematic.models import ProblematicEvent
from sync.models import Customer, SyncEvent
from sync.models.status import Status
from tests.browser import Visitor
from tests.factories import CustomerFactory
from tests.problematic.factories import ProblematicMappingFactory
from tests.reports.pages.scenes import stage

#: Each form that changes something, by where it goes and the button that sends it.
_FORMS = """
() => [...document.forms].filter(form => form.getAttribute("method")?.toLowerCase() === "post").flatMap(form => {
  const buttons = [...form.elements].filter(each => each.type === "submit");
  return (buttons.length ? buttons : [null]).map(button => ({
    address: new URL(button?.getAttribute("formaction") ?? form.getAttribute("action") ?? "", location.href).href,
    button: button?.name ? [button.name, button.value] : null,
    fields: [...new FormData(form)].filter(([, value]) => typeof value === "string"),
  }));
})
"""
Form = dict[str, Any]


@pytest.fixture
def customer(transactional_db: None) -> Customer:
    """With a gap that has a test mapped, a failed sync, and a pause."""
    customer: Customer = CustomerFactory.create(name="acme", paused_at=timezone.now(), paused_reason="Its token ended.")
    stage(customer, ended=timezone.now() - timedelta(days=3))
    ProblematicMappingFactory.create(event=ProblematicEvent.objects.get(), state="dead")
    SyncEvent.objects.update(status=Status.FAILED, started_at=timezone.now(), finished_at=timezone.now())
    return customer


def _of_role(role: str, customer: Customer) -> User:
    user = User.objects.create(username=role.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    customer.members.add(user)
    return user


def _addresses(customer: Customer) -> list[str]:
    event, run = ProblematicEvent.objects.get(), SyncEvent.objects.get()
    return [
        "/operate/", "/syncs/start/", f"/syncs/{run.public_id}/", "/reports/quality/",
        f"/admin/problematic/problematicevent/{event.pk}/change/", f"/admin/sync/product/{event.product_id}/change/",
        f"/admin/sync/customer/{customer.pk}/change/",
    ]  # fmt: skip


def _offered(page: Page, addresses: list[str]) -> dict[tuple[str, str], Form]:
    """The forms of these pages; of a page that is forbidden none."""
    found: dict[tuple[str, str], Form] = {}
    for address in addresses:
        page.goto(address)
        found |= {(form["address"], str(form["button"])): form for form in page.evaluate(_FORMS)}
    return found


def _force(page: Page, form: Form, token: str) -> int:
    fields = dict(form["fields"]) | ({form["button"][0]: form["button"][1]} if form["button"] else {})
    answer = page.request.post(
        form["address"], form=fields | {"csrfmiddlewaretoken": token}, headers={"Referer": page.url}, max_redirects=0
    )
    return answer.status


def _token(forms: dict[tuple[str, str], Form]) -> str:
    """Of the page's own forms: even a Viewer may log out."""
    tokens: list[str | None] = [dict(form["fields"]).get("csrfmiddlewaretoken") for form in forms.values()]
    return next(filter(None, tokens))


@pytest.mark.parametrize("role", ["Viewer", "Triage"])
def test_nobody_is_offered_what_they_may_not_do_and_forcing_it_is_forbidden(
    visitor: Visitor, customer: Customer, role: str
) -> None:
    addresses = _addresses(customer)
    everything = _offered(visitor.page(_of_role("Operator", customer)), addresses)
    page = visitor.page(_of_role(role, customer))
    mine = _offered(page, addresses)
    token = _token(mine)
    forced = {key: _force(page, form, token) for key, form in everything.items() if key not in mine}
    visitor.complaints.clear()  # of pages that were refused
    assert len(forced) >= {"Viewer": 10, "Triage": 5}[role]
    assert {key: status for key, status in forced.items() if status != 403} == {}


def test_a_list_offers_a_viewer_nothing_to_do_with_what_is_selected(visitor: Visitor, customer: Customer) -> None:
    offered = []
    for role in ("Operator", "Viewer"):
        page = visitor.page(_of_role(role, customer))
        page.goto("/admin/problematic/problematicevent/")
        offered.append(page.locator("select[name=action] option").count() > 1)
    assert offered == [True, False]
