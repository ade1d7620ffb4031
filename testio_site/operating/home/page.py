"""The page, and the part of it that moves."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from reports.pages import access, frame
from sync import access as visible
from sync.access import Access, Request
from sync.models import Customer
from testio_site.operating.home import data, failed, problems, pulse
from testio_site.operating.home.grid import grid
from testio_site.operating.home.running import running

NEEDED = "sync.view_product"


@access.page(NEEDED)
def page(request: Request) -> HttpResponse:
    who, now = access.of(request), timezone.now()
    return frame.show(request, "operating/home.html", "Home", **_all(who, now))


@access.page(NEEDED)
def moving(request: Request) -> HttpResponse:
    """What runs now; the whole of the home when something that ran has ended (``known``: what ran) or nothing did,
    since what is wrong may be another thing then. The numbers beside the navigation come along."""
    who, now = access.of(request), timezone.now()
    goes_on = running(who, now)
    if set(request.GET.get("known", "").split(",")) <= set(goes_on.keys):
        return _moved(request, "running", {"running": goes_on})
    answer = _moved(request, "whole", _all(who, now))
    answer["HX-Retarget"], answer["HX-Reswap"] = "#home", "outerHTML"
    return answer


def _moved(request: Request, part: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, "operating/moved.html", {"part": f"operating/{part}.html", **context})


def _all(who: Access, now: datetime) -> dict[str, Any]:
    customers = list(visible.customers(who).order_by("name"))
    found = (
        problems.open_events(who, now),
        problems.given_up(who),
        data.left_alone(customers, who, now) if who.may("sync.view_customer") else None,
        failed.card(who, now),
        data.stale(who, now),
    )
    background = pulse.background(who, now)
    return {
        "running": running(who, now),
        "cards": [card for card in found if card],
        "nothing": _nothing(customers, who),
        "grid": grid(who, now),
        "api": pulse.api(customers, who, now),
        "background": background,
        "is_well": all(sign.tone == "good" for sign in background),
    }


def _nothing(customers: list[Customer], who: Access) -> dict[str, str]:
    """What to do where there is no customer at all; empty where there is one."""
    if customers:
        return {}
    if who.may("sync.add_customer"):
        text = "Add the first customer with the token of its TestIO account; its products are chosen and synced then."
        return {"text": text, "url": reverse("first-run:begin"), "link": "Set it up"}
    return {"text": "You are no member of a customer yet. Ask an administrator to make you one."}
