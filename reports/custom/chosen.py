"""Which custom reports count: one rule for API, command, page and file, the same as that of ``reports.metrics``."""

from collections.abc import Collection

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from sync.access import Access, seen
from sync.models import CustomReport, Product

#: The product a report counts for: its test's, which may differ from its bug's; its bug's where the test was not read.
PRODUCT_ID = Coalesce("bug__test__product_id", "bug__product_id")
PRODUCT_NAME = Coalesce("bug__test__product__name", "bug__product__name")


def present(access: Access) -> "QuerySet[CustomReport]":
    """Those the caller may see, of bugs that TestIO still has, as it has their test and product; ``of_product`` is the
    number of that."""
    rows = CustomReport.objects.filter(bug__missing_since=None, bug__test__missing_since=None)
    rows = rows.alias(of_product=PRODUCT_ID)
    rows = rows.filter(of_product__in=Product.objects.filter(missing_since=None).values("pk"))
    return seen(rows, access, "bug__product__customer")


def chosen(
    access: Access,
    days: Q,
    *,
    product_ids: Collection[int] | None = None,
    test_ids: Collection[int] = (),
    configuration_ids: Collection[str] = (),
) -> "QuerySet[CustomReport]":
    """Those that are ``present``, of tests of any status. ``days``: on ``bug__reported_at``; ``product_ids``: of the
    test, ``None`` for all; a bug of a test that was not read yet is found by the test it mentions."""
    rows = present(access).filter(days)
    if product_ids is not None:
        rows = rows.filter(Q(of_product__in=product_ids))
    if test_ids:
        rows = rows.filter(Q(bug__test_id__in=test_ids) | Q(bug__mentioned_test_id__in=test_ids))
    if configuration_ids:
        rows = rows.filter(configuration_id__in=configuration_ids)
    return rows
