"""List filters of events and mappings."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest

from problematic.models import EventStatus, MappingState, RetryAttempt, RetryJob
from sync import access
from sync.admin.filters import ChoiceFilter, WordFilter

EVERYTHING = "all"


class StateFilter(WordFilter):
    """Open events unless the address says otherwise: what is settled is history."""

    title = "state"
    parameter_name = "status"
    all_option = None  # the choices have "all" already, which is not what an empty one would mean here

    def words(self) -> Mapping[str, str]:
        return {**{word: word.capitalize() for word in EventStatus.values}, EVERYTHING: "All"}

    def value(self) -> str:
        return super().value() or EventStatus.OPEN

    def matching(self, word: str) -> Q:
        return Q() if word == EVERYTHING else Q(status=word)


class CustomerFilter(WordFilter):
    title = "customer"
    parameter_name = "customer"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        names = access.customers(access.of_request(request)).order_by("name").values_list("name", flat=True)
        self._names = {name: name for name in names}
        super().__init__(request, *args)

    def words(self) -> Mapping[str, str]:
        return self._names

    def matching(self, word: str) -> Q:
        return Q(product__customer__name=word)


class AgeFilter(WordFilter):
    """By when the gap was first seen."""

    title = "age"
    parameter_name = "age"

    def words(self) -> Mapping[str, str]:
        return {"1": "Up to a day", "7": "Up to a week", "30": "Up to 30 days", "older": "More than 30 days"}

    def matching(self, word: str) -> Q:
        if word == "older":
            return Q(first_seen_at__lt=Now() - timedelta(days=30))
        return Q(first_seen_at__gte=Now() - timedelta(days=int(word)))


class MappingStateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    vocabulary = MappingState


class OutcomeFilter(ChoiceFilter):
    title = "outcome"
    parameter_name = "outcome"
    vocabulary = RetryAttempt.Outcome


class JobStatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = "status"
    vocabulary = RetryJob.Status
