"""Which custom reports a summary is about: one rule for API, command, page and file."""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from sync.access import Access, seen
from sync.models import CustomReport


def chosen(
    access: Access,
    days: Q,
    *,
    product_ids: Collection[int] | None = None,
    test_ids: Collection[int] = (),
    configuration_ids: Collection[str] = (),
) -> "QuerySet[CustomReport]":
    """Those the caller may see, of bugs TestIO still has. ``days``: on ``bug__reported_at``; ``product_ids``: ``None``
    for all; a bug of a test that was not read yet is found by the test it mentions."""
    rows = seen(CustomReport.objects.filter(days, bug__missing_since=None), access, "bug__product__customer")
    if product_ids is not None:
        rows = rows.filter(bug__product_id__in=product_ids)
    if test_ids:
        rows = rows.filter(Q(bug__test_id__in=test_ids) | Q(bug__mentioned_test_id__in=test_ids))
    if configuration_ids:
        rows = rows.filter(configuration_id__in=configuration_ids)
    return rows
