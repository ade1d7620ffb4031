"""A product under test, and the sections it may be divided into."""

from datetime import datetime
from typing import Self

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from sync import freshness
from sync.models.claim import unclaimed
from sync.models.customer import Customer
from sync.models.searchable import NOTHING, search_column
from sync.models.status import Status
from sync.models.synced import Synced, SyncedManager


class ProductQuerySet(models.QuerySet["Product"]):
    def stale(self, *parts: str, now: datetime | None = None) -> Self:
        """Products of whose ``parts`` (default: all) one was never read, or longer ago than the time to live."""
        return self.filter(freshness.when_stale(parts, now or timezone.now()))

    def refreshed(self) -> Self:
        """Products kept fresh in the background: TestIO has them, their customer follows them and is not paused."""
        customers = Customer.objects.refreshed().filter(_FOLLOWED, pk=models.OuterRef("customer_id"))
        return self.filter(models.Exists(customers), missing_since=None)

    def due(self) -> Self:
        """Those of them whose time to be refreshed has come, by the database's clock, and that nobody has claimed."""
        return self._unclaimed(next_sync_at__lte=Now())

    def due_in_full(self) -> Self:
        """Those of them whose time to be read from top to bottom has come, and that nobody has claimed."""
        return self._unclaimed(next_full_sync_at__lte=Now())

    def _unclaimed(self, **its_time: Now) -> Self:
        # As ``refreshed``, in words that no planner turns into a join: one that begins with the customers takes a
        # second where this takes milliseconds. Products of customers that are left alone stay due for as long as
        # those are, so there may be thousands, passed over at each look: hence a short list of those, and the rest
        # asked by key.
        of_customer = Customer.objects.filter(_FOLLOWED, pk=models.OuterRef("customer_id"))
        follows = models.Subquery(of_customer.order_by().values(yes=models.Value(True)))
        found = self.filter(unclaimed("claimed_at"), follows, missing_since=None, **its_time)
        return found.exclude(customer__in=Customer.objects.left_alone())


#: Customers whose filter lets an outer product in.
_FOLLOWED = models.Q(product_ids=[]) | models.Q(product_ids__contains=[models.OuterRef("pk")])


ProductManager = SyncedManager.from_queryset(ProductQuerySet)


class Product(Synced):
    """A product of one customer. An id never changes hands: the same id from another customer is refused."""

    id = models.BigIntegerField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="products")
    name = models.TextField()
    product_type = models.TextField(blank=True, default="")
    description = models.TextField(blank=True, default="")
    search = search_column("name", "product_type", "description", NOTHING)
    is_sectioned = models.BooleanField(default=False)

    # When each kind of data was last read completely; a phase that failed leaves its time alone.
    features_synced_at = models.DateTimeField(null=True, blank=True)
    sections_synced_at = models.DateTimeField(null=True, blank=True)
    tests_synced_at = models.DateTimeField(null=True, blank=True)
    bugs_synced_at = models.DateTimeField(null=True, blank=True)

    # When it is refreshed in the background, and how that went: written by sync.schedule alone. Defaults are the
    # database's, because products found in TestIO's list are not inserted by the ORM.
    next_sync_at = models.DateTimeField(db_default=Now(), help_text="When the next background refresh is due.")
    next_full_sync_at = models.DateTimeField(
        null=True, blank=True, help_text="When it is next read from top to bottom; empty until it was read once."
    )
    claimed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the refresh that is outstanding now was handed to a worker."
    )
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When the last refresh ended, well or not.")
    failures = models.PositiveSmallIntegerField(
        db_default=0, help_text="Refreshes that failed since the last one that did not."
    )
    last_outcome = models.CharField(max_length=16, choices=Status, blank=True, db_default="")
    last_error = models.TextField(blank=True, db_default="")

    # The last walk over the whole test list: what an incremental walk may rely on (see sync.pipeline.tests).
    walked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the last walk that saw the whole list of tests began."
    )
    walked_since = models.DateField(null=True, blank=True, help_text="The oldest end date that walk asked for.")

    objects = ProductManager()

    class Meta:
        ordering = ("name", "id")
        permissions = (("refresh_products", "Can have products refreshed now"),)
        indexes = (
            models.Index(fields=["next_sync_at", "id"], name="product_due", condition=models.Q(missing_since=None)),
            models.Index(
                fields=["next_full_sync_at", "id"], name="product_due_in_full", condition=models.Q(missing_since=None)
            ),
            GinIndex(fields=["search"], name="product_search"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.pk})"


class Section(models.Model):
    """A part of a product; TestIO's id."""

    id = models.BigIntegerField(primary_key=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="sections")
    name = models.TextField(blank=True, default="")
    missing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("product", "name", "id")

    def __str__(self) -> str:
        return self.name or f"Section {self.pk}"
