"""What stands around every page: where we are, what is offered, how fresh the data is; and showing a page in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from reports.pages import words
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
    user_name: str
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
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """The page ``template`` (it extends ``reports/base.html``) in its frame; ``above`` are the pages it is below.

    What the frame offers beside it is the site's to say: see its context processors.
    """
    frame = Frame(
        title=title,
        crumbs=[*above, Crumb(title)],
        user_name=request.user.get_full_name() or request.user.get_username(),
        freshness=_fresh(freshness) if freshness else None,
        notices=notices,
    )
    return render(request, template, {"frame": frame, **context}, status=status)


def _fresh(freshness: Freshness) -> Fresh:
    return Fresh(*words.freshness(freshness, timezone.now()), freshness.stale)
