"""From one event to the next, through the list somebody came from."""

from copy import copy
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict

from problematic.admin.steps import StepViews
from problematic.models import ProblematicEvent
from sync.admin.paging import REACH


def place(page: StepViews, request: HttpRequest, event: ProblematicEvent) -> dict[str, Any]:
    """Where the event stands in the list, and the addresses of its neighbours there; as far as pages reach.

    An event that the list does not have (any more) is followed by the first one it has. Nothing for a list that no
    address can mean.
    """
    filters, kept = page.list_filters(request), page.kept(request)
    probe = copy(request)
    probe.GET = QueryDict(filters)
    try:
        found = page.get_changelist_instance(probe).queryset
    except (IncorrectLookupParameters, SuspiciousOperation):
        return {}
    keys = list(found.values_list("pk", flat=True)[:REACH])
    here = keys.index(event.pk) if event.pk in keys else None
    before = keys[here - 1] if here else None
    rest = keys if here is None else keys[here + 1 :]
    return {
        "number": None if here is None else here + 1,
        "of": len(keys),
        "previous": page.address("change", before) + kept if before else "",
        "next": page.address("change", rest[0]) + kept if rest else "",
        "list": page.list_address(request),
    }
