"""A product under test, and the sections it may be divided into."""

from django.db import models

from sync.models.customer import Customer
from sync.models.synced import Synced, SyncedManager


class Product(Synced):
    """A product of one customer. An id never changes hands: the same id from another customer is refused."""

    id = models.BigIntegerField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="products")
    name = models.TextField()
    product_type = models.TextField(blank=True, default="")
    description = models.TextField(blank=True, default="")
    is_sectioned = models.BooleanField(default=False)

    # When each kind of data was last read completely; a phase that failed leaves its time alone.
    features_synced_at = models.DateTimeField(null=True, blank=True)
    sections_synced_at = models.DateTimeField(null=True, blank=True)
    tests_synced_at = models.DateTimeField(null=True, blank=True)
    bugs_synced_at = models.DateTimeField(null=True, blank=True)
    next_sync_at = models.DateTimeField(null=True, blank=True)

    # The last walk over the whole test list: what an incremental walk may rely on (see sync.pipeline.tests).
    walked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the last walk that saw the whole list of tests began."
    )
    walked_since = models.DateField(null=True, blank=True, help_text="The oldest end date that walk asked for.")

    objects = SyncedManager["Product"]()

    class Meta:
        ordering = ("name", "id")
        indexes = (models.Index(fields=["next_sync_at"], name="product_due", condition=models.Q(missing_since=None)),)

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
