"""The numbers beside the navigation: what waits for somebody. Counted once for a request, in one statement."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Value
from django.http import HttpRequest
from django.utils import timezone

from problematic.models import ProblematicEvent
from sync import access
from sync.access import Access, seen
from testio_site.operating import failures

PROBLEMS, FAILED = "problems", "failed"
#: From here on nobody cares how many there are, and counting them all would cost every page.
MOST = {PROBLEMS: 1_000, FAILED: 100}
_WORDS = {PROBLEMS: "open", FAILED: "failed and not made good since"}


@dataclass(frozen=True, slots=True)
class Badge:
    """``words`` say what the number counts."""

    text: str
    words: str


def of(request: HttpRequest) -> Mapping[str, Badge]:
    """The badges of the person behind this request, by what they count; none for nothing."""
    known: dict[str, Mapping[str, Badge]] = vars(request)
    if "desk_badges" not in known:
        known["desk_badges"] = _badges(access.of_request(request))
    return known["desk_badges"]


def _badges(who: Access) -> Mapping[str, Badge]:
    counts = _counts(who)
    return {name: Badge(_shown(number, MOST[name]), _WORDS[name]) for name, number in counts.items()}


def _shown(number: int, most: int) -> str:
    return f"{number:,}" if number < most else f"{most - 1:,}+"


def _counts(who: Access) -> Mapping[str, int]:
    """Only of what they may look at."""
    parts: list[QuerySet[Any, tuple[str]]] = []
    if who.may("problematic.view_problematicevent"):
        events = seen(ProblematicEvent.objects.open(), who, "product__customer").order_by()
        parts.append(events.values_list(Value(PROBLEMS))[: MOST[PROBLEMS]])
    if who.may("sync.view_syncevent"):
        runs = failures.of(who, timezone.now()).order_by()
        parts.append(runs.values_list(Value(FAILED))[: MOST[FAILED]])
    if not parts:
        return {}
    first, *others = parts
    return Counter(name for (name,) in (first.union(*others, all=True) if others else first))
