"""What the site offers on every page, the admin's too, in the order of the work and not of the alphabet.

The theme reads ``sidebar``, the pages' frame what the context processor ``offered`` adds: the same groups, words,
order and badges, so that nobody notices which of the two a page belongs to. A table that is registered in the admin
and not named here is offered last, among the details.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_otp.plugins.otp_totp.models import TOTPDevice

from problematic.models import ProblematicEvent, ProblematicMapping, RetryAttempt, RetryJob, TriageEntry
from reports.models import ReportRun, ReportSchedule, SavedReport
from sync import access, models
from sync.access import Access
from testio_site.models import ApiToken
from testio_site.operating import badges
from testio_site.operating.badges import Badge


@dataclass(frozen=True, slots=True)
class Page:
    """A page of ours, by the name of its address, for people who may all of ``needs``. ``badge``: the name of what
    is counted beside it."""

    title: str
    icon: str
    name: str
    needs: tuple[str, ...] = ()
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the admin, for those who may look at it there."""

    title: str
    icon: str
    model: type[Model]
    badge: str = ""


GROUPS: dict[str, tuple[Page | Table, ...]] = {
    "Overview": (
        Page("Home", "home", "operating:home", ("sync.view_product",)),
        Page("Overview", "dashboard", "reports:overview", ("sync.view_product",)),
    ),
    "Problems": (
        Table("Open problems", "report", ProblematicEvent, badges.PROBLEMS),
        Table("Retries", "autorenew", RetryJob),
    ),
    "Syncs": (
        Page("Runs", "sync", "syncs:list", ("sync.view_syncevent",), badges.FAILED),
        Page("Start a sync", "play_circle", "syncs:start", ("sync.run_syncs",)),
        Table("Refresh plan", "event_repeat", models.Product),
        Table("Leases", "lock", models.SyncLease),
    ),
    "Data": (
        Page("Products", "inventory_2", "reports:products", ("sync.view_product",)),
        Table("Tests", "labs", models.Test),
        Table("Bugs", "bug_report", models.Bug),
        Table("Features", "extension", models.Feature),
        Table("People", "group", models.Person),
        Page("Search", "search", "reports:search", ("sync.view_product",)),
    ),
    "Reports": (
        Page("Metrics", "query_stats", "reports:metrics", ("sync.view_bug", "sync.view_test")),
        Page("Reports", "summarize", "reports:catalogue", ("sync.view_product",)),
        Table("Saved reports", "bookmark", SavedReport),
        Table("Schedules", "forward_to_inbox", ReportSchedule),
        Table("Files", "draft", ReportRun),
    ),
    "Settings": (
        Table("Customers", "domain", models.Customer),
        Table("Users", "person", User),
        Table("Roles", "groups", Role),
        Table("API tokens", "key", ApiToken),
        Page("Audit trail", "history_edu", "operating:audit", ("testio_site.view_audit",)),
        Table("Logins", "login", AccessLog),
        Table("Failed logins", "gpp_maybe", AccessAttempt),
        Table("Second factors", "phonelink_lock", TOTPDevice),
        Table("Background tasks", "schedule_send", PeriodicTask),
        Table("Intervals", "timer", IntervalSchedule),
        Table("Watchers", "visibility", models.Watcher),
    ),
}
#: Rows that people mostly come to from the row they belong to: folded away under this title.
DETAILS = "Details"
_DETAILS: dict[type[Model], str] = {
    models.Section: "segment",
    models.UserStory: "article",
    models.TestFeature: "checklist",
    models.TestPlatform: "devices",
    models.TestFreshness: "schedule",
    models.TestCase: "rule",
    models.TestCaseResult: "fact_check",
    models.BugDevice: "smartphone",
    models.CustomReport: "assignment",
    models.SyncEvent: "sync",
    models.SyncPhase: "steps",
    ProblematicMapping: "link",
    RetryAttempt: "replay",
    TriageEntry: "history",
}


@dataclass(frozen=True, slots=True)
class Link:
    """``icon`` is a name of the theme's symbols; ``counts`` what is counted beside it, also while that is nothing."""

    title: str
    url: str
    icon: str
    badge: Badge | None = None
    counts: str = ""
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    links: list[Link]

    @property
    def is_folded(self) -> bool:
        return self.title == DETAILS

    @property
    def is_here(self) -> bool:
        return any(link.is_here for link in self.links)


@dataclass(frozen=True, slots=True)
class Navigation:
    """All that a page offers beside itself. ``account``: what concerns the reader alone."""

    groups: list[Group]
    account: list[Link]
    may_search: bool

    @property
    def counted(self) -> list[Link]:
        """The links with something to count."""
        return [link for group in self.groups for link in group.links if link.counts]

    def place(self, url: str) -> tuple[str, str] | None:
        """The group and the title of the link that leads there."""
        places = ((group.title, link.title) for group in self.groups for link in group.links if link.url == url)
        return next(places, None)


def offered(request: HttpRequest) -> dict[str, Any]:
    """A context processor: ``navigation``, worked out when a template asks for it, and then once for the request."""
    return {"navigation": SimpleLazyObject(lambda: of(request))}


def of(request: HttpRequest) -> Navigation:
    """What this person may open, and no empty group."""
    who = access.of_request(request)
    return Navigation(_groups(request, who), list(_account(who)), who.may("sync.view_product"))


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups in the form the theme reads."""
    return [
        {"title": group.title, "collapsible": group.is_folded, "items": [_item(link) for link in group.links]}
        for group in of(request).groups
    ]


def account(request: HttpRequest) -> list[dict[str, str]]:
    """The same as ``Navigation.account``, in the form the theme reads; also on its pages for nobody yet."""
    if not request.user.is_authenticated:
        return []
    return [{"title": link.title, "link": link.url} for link in _account(access.of_request(request))]


def _item(link: Link) -> dict[str, Any]:
    item: dict[str, Any] = {"title": link.title, "icon": link.icon, "link": link.url, "active": link.is_here}
    return item | ({"badge": link.badge.text, "badge_words": link.badge.words} if link.badge else {})


def _groups(request: HttpRequest, who: Access) -> list[Group]:
    counts = badges.of(request)
    found = {
        title: [link for each in entries if (link := _link(request, who, each, counts))]
        for title, entries in (*GROUPS.items(), (DETAILS, _details()))
    }
    here = _here(request.path, [link.url for links in found.values() for link in links])
    return [
        Group(title, [replace(link, is_here=link.url == here) for link in links])
        for title, links in found.items()
        if links
    ]


def _details() -> tuple[Table, ...]:
    named = {each.model for entries in GROUPS.values() for each in entries if isinstance(each, Table)}
    others = (model for model in apps.get_models() if model not in named and admin.site.is_registered(model))
    icons: dict[type[Model], str] = _DETAILS | {model: "table" for model in others if model not in _DETAILS}
    return tuple(Table(_plural(model), icon, model) for model, icon in icons.items())


def _plural(model: type[Model]) -> str:
    return str(model._meta.verbose_name_plural).capitalize()


def _link(request: HttpRequest, who: Access, entry: Page | Table, counts: Mapping[str, Badge]) -> Link | None:
    if isinstance(entry, Page):
        may = all(map(who.may, entry.needs))
        return _counted(entry, reverse(entry.name), counts) if may else None
    if not (who.user.is_staff and _shows(request, entry.model)):
        return None
    options = entry.model._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    return _counted(entry, url, counts)


def _counted(entry: Page | Table, url: str, counts: Mapping[str, Badge]) -> Link:
    return Link(entry.title, url, entry.icon, counts.get(entry.badge), entry.badge)


def _shows(request: HttpRequest, model: type[Model]) -> bool:
    return admin.site.is_registered(model) and admin.site.get_model_admin(model).has_view_permission(request)


def _here(path: str, urls: list[str]) -> str:
    """The one of the addresses that the page is, or is below."""
    around = [url for url in urls if path == url or (url != "/" and path.startswith(url))]
    return max(around, key=len, default="")


def _account(who: Access) -> Iterator[Link]:
    yield Link("Change password", reverse("password"), "password")
    yield Link("Two-factor login", reverse("second-factor"), "phonelink_lock")
    if who.user.is_staff:
        yield Link("Administration", reverse("admin:index"), "settings")
