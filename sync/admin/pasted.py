"""Rows by the ids that somebody pasted into the search box of a list, and what to say about those it does not show.

A search is taken for ids when every word of it is one; otherwise its words are looked for.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from sync.admin.display import title
from sync.pasted_ids import Pasted, read

__all__ = ["MOST", "Keys", "Numbers", "Pasted", "read", "told"]

#: More ids in one search are a mistake of whoever pastes; the rest is not looked for, which is said.
MOST = 1_000
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Numbers:
    """Rows found by numbers: their own and those of what they belong to. Each lookup has an index of its own."""

    lookups: Sequence[str]
    model_name: str

    def takes(self, pasted: Sequence[Pasted]) -> bool:
        return bool(self.lookups) and all(each.number is not None for each in pasted)

    def rows(self, rows: "QuerySet[Any]", pasted: Sequence[Pasted]) -> "QuerySet[Any]":
        """Those one of whose ids was pasted."""
        asked: list[Any] = [(f"{lookup}__in", self._asked(lookup, pasted)) for lookup in self.lookups]
        return rows.filter(Q.create(asked, connector=Q.OR))

    def absent(self, rows: "QuerySet[Any]", pasted: Sequence[Pasted]) -> list[Pasted]:
        """What none of the rows has."""
        there = {lookup: self._there(rows, lookup, pasted) for lookup in self.lookups}
        return [
            each
            for each in pasted
            if not any(self._means(each, lookup) and each.number in known for lookup, known in there.items())
        ]

    def _there(self, rows: "QuerySet[Any]", lookup: str, pasted: Sequence[Pasted]) -> set[int]:
        having = rows.order_by().filter(**{f"{lookup}__in": self._asked(lookup, pasted)})
        return set(having.values_list(lookup, flat=True).distinct())

    def _asked(self, lookup: str, pasted: Sequence[Pasted]) -> list[int]:
        return [each.number for each in pasted if each.number is not None and self._means(each, lookup)]

    def _means(self, pasted: Pasted, lookup: str) -> bool:
        """A number that says what it is of is no other thing's."""
        return pasted.kind in ("", self.model_name if lookup == "pk" else lookup.removesuffix("_id"))


@dataclass(frozen=True, slots=True)
class Keys:
    """Rows found by the beginnings of their UUID keys. ``prefix`` is that of their public ids."""

    prefix: str

    def takes(self, pasted: Sequence[Pasted]) -> bool:
        return True

    def rows(self, rows: "QuerySet[Any]", pasted: Sequence[Pasted]) -> "QuerySet[Any]":
        ranges: list[Any] = [("pk__range", _range(digits)) for digits in map(self._digits, pasted) if digits]
        return rows.filter(Q.create(ranges, connector=Q.OR)) if ranges else rows.none()

    def absent(self, rows: "QuerySet[Any]", pasted: Sequence[Pasted]) -> list[Pasted]:
        keys = sorted(key.hex for key in self.rows(rows, pasted).order_by().values_list("pk", flat=True))
        return [each for each in pasted if not _begins(keys, self._digits(each))]

    def _digits(self, pasted: Pasted) -> str:
        """A bare number may be the beginning of a key; a test's is not."""
        if pasted.number is not None:
            return pasted.text.lstrip("#")[:32] if not pasted.kind else ""
        return pasted.digits if pasted.prefix in ("", self.prefix) else ""


def _range(digits: str) -> tuple[UUID, UUID]:
    """The first and the last UUID that begins like this."""
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _begins(keys: Sequence[str], digits: str) -> bool:
    at = bisect_left(keys, digits)
    return bool(digits) and at < len(keys) and keys[at].startswith(digits)


def told(absent: Collection[Pasted], filtered: Collection[Pasted], passed_over: int) -> str:
    """What to say about ids that the list does not show; nothing when it shows all of them."""
    sentences = [
        f"Not found: {_names(absent)}." if absent else "",
        f"Left out by the filters: {_names(filtered)}." if filtered else "",
        f"Only the first {MOST:,} ids were looked for; {passed_over:,} more were not." if passed_over else "",
    ]
    return " ".join(filter(None, sentences))


def _names(pasted: Collection[Pasted]) -> str:
    more = f" and {len(pasted) - _SHOWN:,} more" if len(pasted) > _SHOWN else ""
    return ", ".join(title(each.text, "") for each in list(pasted)[:_SHOWN]) + more
