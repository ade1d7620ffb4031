"""What stands around every page: where we are, what is offered, how fresh the data is; and showing a page in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from reports.pages import navigation, words
from reports.pages.navigation import Group, Link
from reports.pages.parts import Notice
from sync.access import Request
from sync.freshness import Freshness


@dataclass(frozen=True, slots=True)
class Crumb:
    """A step of the way here; the last one has no address."""

    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Fresh:
    """How old the data of a page is, as ``components/fresh.html`` shows it."""

    words: str
    sentence: str
    stale: bool


@dataclass(frozen=True, slots=True)
class Frame:
    title: str
    crumbs: Sequence[Crumb]
    groups: list[Group]
    user_name: str
    user_links: list[Link]
    freshness: Fresh | None
    notices: Sequence[Notice]


def show(
    request: Request,
    template: str,
    title: str,
    *,
    above: Sequence[Crumb] = (),
    freshness: Freshness | None = None,
    notices: Sequence[Notice] = (),
    open_problems: int | None = None,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """The page ``template`` (it extends ``reports/base.html``) in its frame; ``above`` are the pages it is below.

    ``open_problems``: how many there are for this person, where the page has counted them already.
    """
    frame = Frame(
        title=title,
        crumbs=[*above, Crumb(title)],
        groups=navigation.groups(request, open_problems),
        user_name=request.user.get_full_name() or request.user.get_username(),
        user_links=_user_links(request),
        freshness=_fresh(freshness) if freshness else None,
        notices=notices,
    )
    return render(request, template, {"frame": frame, **context}, status=status)


def _user_links(request: Request) -> list[Link]:
    if not request.user.is_staff:
        return []
    return [
        Link("Change password", reverse("admin:password_change"), "password"),
        Link("Administration", reverse("admin:index"), "settings"),
    ]


def _fresh(freshness: Freshness) -> Fresh:
    return Fresh(*words.freshness(freshness, timezone.now()), freshness.stale)
