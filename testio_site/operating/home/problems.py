"""What could not be read: open gaps by their age, and mapped tests whose retry was given up."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Max, Q
from django.urls import reverse

from problematic.models import EVENT_PREFIX, MappingState, ProblematicEvent, ProblematicMapping
from reports import attention
from reports.pages import problem_list, words
from reports.pages.links import admin_list, admin_row
from reports.pages.parts import Option
from sync.access import Access, seen
from sync.public_ids import public_id
from testio_site.operating.home.parts import Button, Card, Line

SHOWN = 5
#: Events with retries given up that are counted.
MOST = 200
EVENT, MAPPING = "problematic.view_problematicevent", "problematic.view_problematicmapping"
RETRY = "problematic.retry_tests"
#: The ages the admin's list can be narrowed to, in days.
_AGES = (("1", "Up to a day", 0, 1), ("7", "Up to a week", 1, 7), ("30", "Up to 30 days", 7, 30))


def open_events(who: Access, now: datetime) -> Card | None:
    """The oldest first."""
    if not who.may(EVENT):
        return None
    found = attention.problems(who, limit=SHOWN)
    if not found.open:
        return None
    listed = problem_list.lines(found, who, now)
    return Card(
        key="problems",
        title="Open problems",
        note=problem_list.note(found),
        count=words.count(found.open),
        ages=_ages(who, now),
        lines=[
            Line(each.title, each.url, each.state, each.tone, each.more, buttons=_buttons(event, who, each.url))
            for event, each in zip(found.events, listed, strict=True)
        ],
        all_url=admin_list(who, ProblematicEvent),
    )


def _buttons(event: ProblematicEvent, who: Access, url: str) -> list[Button]:
    """A retry where something is mapped, and the way to the page where test ids are."""
    found = []
    if getattr(event, "mapped", 0) and who.may(RETRY):
        found.append(_retry(event.public_id))
    if url:
        found.append(Button("Triage", "rule", url, event.public_id, is_link=True))
    return found


def _retry(event: str, text: str = "Retry") -> Button:
    return Button(text, "autorenew", reverse("operating:retry", args=[event]), f"what is mapped to {event}")


def _ages(who: Access, now: datetime) -> list[Option]:
    """How many there are of each age: "3 up to a week"."""
    counts = {key: Count("pk", filter=_between(now, newer, older)) for key, _, newer, older in _AGES}
    oldest = Count("pk", filter=Q(first_seen_at__lt=now - timedelta(days=30)))
    events = seen(ProblematicEvent.objects.open(), who, "product__customer")
    numbers = events.order_by().aggregate(**{f"up_to_{key}": count for key, count in counts.items()}, older=oldest)
    return [
        Option(f"{words.count(number)} {word}", url)
        for number, word, url in (
            *((numbers[f"up_to_{key}"], word.lower(), _aged(who, key)) for key, word, *_ in _AGES),
            (numbers["older"], "older", _aged(who, "older")),
        )
        if number
    ]


def _between(now: datetime, newer: int, older: int) -> Q:
    """First seen at least ``newer`` and less than ``older`` days ago."""
    return Q(first_seen_at__gte=now - timedelta(days=older)) & Q(first_seen_at__lt=now - timedelta(days=newer))


def _aged(who: Access, age: str) -> str:
    return admin_list(who, ProblematicEvent, age=age)


def given_up(who: Access) -> Card | None:
    """Mapped tests that failed too often: nobody tries them again unless somebody says so."""
    if not who.may(MAPPING):
        return None
    dead = seen(ProblematicMapping.objects.filter(state=MappingState.DEAD), who, "event__product__customer")
    grouped = dead.order_by().values("event", product=F("event__product__name"))
    rows = grouped.annotate(tests=Count("pk"), error=Max("last_error"), last=Max("next_attempt_at"))
    found = list(rows.order_by("-last")[:MOST])
    if not found:
        return None
    tests = sum(row["tests"] for row in found)
    return Card(
        key="given-up",
        title="Retries given up",
        note=f"{words.plural(tests, 'test')} failed too often to be tried again",
        count=words.count(len(found)) if len(found) < MOST else f"{MOST - 1}+",
        lines=[_dead(row, who) for row in found[:SHOWN]],
        all_url=admin_list(who, ProblematicMapping, state=MappingState.DEAD.value),
    )


def _dead(row: Mapping[str, Any], who: Access) -> Line:
    event = ProblematicEvent(pk=row["event"])
    tests = words.plural(row["tests"], "test")
    return Line(
        title=f"{row['product'].strip() or 'A product'}: {tests} given up",
        url=admin_row(who, event),
        state="given up",
        tone="bad",
        more=public_id(EVENT_PREFIX, event.event_id),
        reason=str(row["error"]),
        buttons=[_retry(event.public_id, "Retry again")] if who.may(RETRY) else [],
    )
