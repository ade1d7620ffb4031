"""Events by the ids somebody pasted: their own, and those of tests that are mapped to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from problematic.models import ProblematicMapping
from sync.admin.pasted import Keys, Pasted

#: A number of fewer digits beside other ids is a test's, and not the beginning of an event's.
_KEY_DIGITS = 8


@dataclass(frozen=True, slots=True)
class EventIds(Keys):
    def rows(self, rows: "QuerySet[Any]", pasted: Sequence[Pasted]) -> "QuerySet[Any]":
        holding = ProblematicMapping.objects.filter(event=OuterRef("pk"), test_id__in=_tests(pasted))
        found = Keys(self.prefix).rows(rows, _keys(pasted))
        return rows.filter(Exists(holding)) | found if _tests(pasted) else found

    def absent(self, rows: "QuerySet[Any]", pasted: Sequence[Pasted]) -> list[Pasted]:
        missing = Keys(self.prefix).absent(rows, _keys(pasted))
        mapped = ProblematicMapping.objects.filter(test_id__in=_tests(pasted), event__in=rows.order_by().values("pk"))
        known = set(mapped.values_list("test_id", flat=True))
        return [each for each in pasted if each.number not in known and (each in missing or each not in _keys(pasted))]


def _tests(pasted: Sequence[Pasted]) -> list[int]:
    return [each.number for each in pasted if each.number is not None and each.kind in ("", "test")]


def _keys(pasted: Sequence[Pasted]) -> list[Pasted]:
    alone = len(pasted) == 1
    return [each for each in pasted if each.number is None or alone or len(each.text) >= _KEY_DIGITS]
