"""What the pages offer on every page, in the order of the work. A new page of reports gets its line here."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from problematic.models import ProblematicEvent
from reports.pages import access
from reports.pages.links import admin_list, may_see_in_admin
from sync.access import Access, seen
from sync.models import Bug, Customer, Feature, SyncEvent, Test

#: What the admin shows of TestIO's records.
_TABLES = (("Tests", Test, "labs"), ("Bugs", Bug, "bug_report"), ("Features", Feature, "extension"))


@dataclass(frozen=True, slots=True)
class Link:
    """``icon`` is a name of the admin's symbols; ``count`` is shown as a badge when there is something to count."""

    title: str
    url: str
    icon: str
    is_here: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    links: list[Link]


def groups(request: HttpRequest, open_problems: int | None = None) -> list[Group]:
    """Only what this person may open, and no empty group. ``open_problems``: how many, where that is known already."""
    who = access.of(request)
    offered = {
        "": _work(request, who, open_problems),
        "Data": _data(request, who),
        "Reports": _reports(request, who),
        "Settings": _settings(who),
    }
    found = [Group(title, list(links)) for title, links in offered.items()]
    return [group for group in found if group.links]


def _work(request: HttpRequest, who: Access, problems: int | None) -> Iterator[Link]:
    if who.may("sync.view_product"):
        yield _page(request, "Overview", "reports:overview", "dashboard")
    if may_see_in_admin(who, ProblematicEvent):
        if problems is None:
            problems = seen(ProblematicEvent.objects.open(), who, "product__customer").count()
        yield Link("Problems", admin_list(who, ProblematicEvent), "report", count=problems)
    if may_see_in_admin(who, SyncEvent):
        yield Link("Syncs", admin_list(who, SyncEvent), "sync")


def _data(request: HttpRequest, who: Access) -> Iterator[Link]:
    if who.may("sync.view_product"):
        yield _page(request, "Products", "reports:products", "inventory_2")
        yield _page(request, "Search", "reports:search", "search")
    for title, model, icon in _TABLES:
        if may_see_in_admin(who, model):
            yield Link(title, admin_list(who, model), icon)


def _reports(request: HttpRequest, who: Access) -> Iterator[Link]:
    if who.may("sync.view_bug") and who.may("sync.view_test"):
        yield _page(request, "Metrics", "reports:metrics", "query_stats")
    if who.may("sync.view_product"):
        yield _page(request, "Reports", "reports:catalogue", "summarize")


def _settings(who: Access) -> Iterator[Link]:
    if may_see_in_admin(who, Customer):
        yield Link("Customers", admin_list(who, Customer), "domain")
    if who.user.is_staff:
        yield Link("Administration", reverse("admin:index"), "settings")


def _page(request: HttpRequest, title: str, name: str, icon: str) -> Link:
    url = reverse(name)
    is_below = url != "/" and request.path.startswith(url)
    return Link(title, url, icon, is_here=request.path == url or is_below)
