"""Forgetting runs that nobody will ask about any more."""

from datetime import timedelta
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from sync import changes
from sync.models import SyncEvent, SyncPhase

_BATCH = 500


def prune_history(days: int) -> int:
    """Delete runs that ended more than so many days ago, with their phases; how many runs.

    Kept is what something else refers to (an event that a run has seen), and each customer's latest run. Deletes in
    batches, each a transaction of its own, so that nobody waits long for it and being killed costs nothing. Changes of
    the data, which only tell new from old, go with them.
    """
    changes.forget_old()
    deleted = 0
    while batch := list(_forgettable(days).values_list("pk", flat=True)[:_BATCH]):
        SyncPhase.objects.filter(event__in=batch).delete()
        deleted += SyncEvent.objects.filter(pk__in=batch).delete()[1].get(SyncEvent._meta.label, 0)
    return deleted


def _forgettable(days: int) -> "QuerySet[SyncEvent]":
    newer = SyncEvent.objects.filter(customer=OuterRef("customer"), started_at__gt=OuterRef("started_at"))
    old = SyncEvent.objects.filter(Exists(newer), finished_at__lt=Now() - timedelta(days=days))
    return old.exclude(_is_referred_to()).order_by("finished_at")


def _is_referred_to() -> Q:
    """By rows of any app, other than the run's own phases: this module knows nothing of the apps that build on it."""
    others = (relation for relation in SyncEvent._meta.related_objects if relation.related_model is not SyncPhase)
    found = (
        Q(Exists(QuerySet(relation.related_model).filter(**{relation.field.name: OuterRef("pk")})))
        for relation in others
    )
    return reduce(or_, found, Q(pk__in=[]))
