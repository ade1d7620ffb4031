"""Removing what is so old that nobody will ask about it any more."""

from datetime import timedelta

from django.db.models.functions import Now

from testio_site.models import AuditEntry

_BATCH = 5_000


def prune(days: int) -> int:
    """Delete the entries that are more than so many days old; how many. ``days`` 0: none, they are kept for ever.

    In batches, each a transaction of its own, so that being killed costs nothing.
    """
    deleted = 0
    old = AuditEntry.objects.filter(at__lt=Now() - timedelta(days=days)).order_by("at", "id")
    while days and (batch := list(old.values_list("pk", flat=True)[:_BATCH])):
        deleted += AuditEntry.objects.filter(pk__in=batch).delete()[0]
    return deleted
