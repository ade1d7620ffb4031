"""A bug, the devices it was seen on, and the custom report that may come with it."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from sync.models.feature import Feature
from sync.models.payload import Received
from sync.models.person import Person
from sync.models.product import Product
from sync.models.searchable import joined, search_column
from sync.models.synced import Synced, SyncedManager
from sync.models.test import Test, TestFeature


class Bug(Synced):
    """One bug. ``status`` is accepted, auto_accepted, rejected or forwarded (shown as "open").

    ``test`` is null as long as the test it mentions (``mentioned_test_id``) has not been read.
    """

    id = models.BigIntegerField(primary_key=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="bugs", db_index=False)
    # Its index is the first of those below, which holds what figures are made of as well.
    test = models.ForeignKey(
        Test, on_delete=models.SET_NULL, null=True, blank=True, related_name="bugs", db_index=False
    )
    mentioned_test_id = models.BigIntegerField(null=True, blank=True)
    # Its index also keeps a deleted test feature from looking for its bugs by reading them all.
    test_feature = models.ForeignKey(TestFeature, on_delete=models.SET_NULL, null=True, blank=True, related_name="bugs")
    feature = models.ForeignKey(Feature, on_delete=models.SET_NULL, null=True, blank=True, related_name="bugs")
    author = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="bugs")
    title = models.TextField(blank=True, default="")
    severity = models.TextField(blank=True, default="")
    status = models.TextField(blank=True, default="")
    known = models.BooleanField(default=False)
    rejection_reason = models.TextField(blank=True, default="")
    language = models.TextField(blank=True, default="")
    location = models.TextField(blank=True, default="")
    expected_result = models.TextField(blank=True, default="")
    actual_result = models.TextField(blank=True, default="")
    steps = ArrayField(models.TextField(), default=list, blank=True)
    search = search_column("title", "actual_result", joined("steps"), "expected_result")
    reported_at = models.DateTimeField(null=True, blank=True)
    exported_at = models.DateTimeField(null=True, blank=True)
    device_set = models.BigIntegerField(
        db_default=0,
        default=0,
        editable=False,
        help_text="Equal for bugs that were seen on equal devices; 0 without any. For figures.",
    )

    objects = SyncedManager["Bug"]()

    class Meta:
        ordering = ("-id",)
        indexes = (
            # Read forwards and backwards by lists, which ask for rows without the time apart (sync.api.keyset).
            models.Index(fields=["product", "reported_at", "id"], name="bug_by_product_date"),
            models.Index(fields=["reported_at", "id"], name="bug_by_date"),
            # For what is rare: walking by date until enough of it is met would read nearly every bug.
            models.Index(fields=["status", "severity", "rejection_reason", "known"], name="bug_by_outcome"),
            # Figures read every bug, and this is a tenth of the table (reports.metrics). By feature and author as well,
            # so that those of a test are each met once by the way.
            models.Index(
                fields=["test", "feature", "author"],
                include=[
                    "id",
                    "status",
                    "severity",
                    "known",
                    "rejection_reason",
                    "reported_at",
                    "missing_since",
                    "device_set",
                ],
                name="bug_figures",
            ),
            # From one set of devices to the next: there are few of them.
            models.Index(fields=["device_set"], name="bug_device_set"),
            models.Index(fields=["mentioned_test_id"], name="bug_of_unread_test", condition=models.Q(test=None)),
            GinIndex(fields=["search"], name="bug_search"),
        )

    def __str__(self) -> str:
        return f"{self.title or 'Untitled bug'} ({self.pk})"

    @property
    def is_open(self) -> bool:
        return self.status == "forwarded"


class BugDevice(models.Model):
    """One device a bug was seen on. Belongs to the bug's content and is replaced with it."""

    bug = models.ForeignKey(Bug, on_delete=models.CASCADE, related_name="devices", db_index=False)
    position = models.PositiveSmallIntegerField()
    category = models.TextField(blank=True, default="")
    device = models.TextField(blank=True, default="")
    operating_system = models.TextField(blank=True, default="")
    browsers = ArrayField(models.TextField(), default=list, blank=True)

    class Meta:
        ordering = ("bug", "position")
        constraints = (models.UniqueConstraint(fields=["bug", "position"], name="bugdevice_position"),)

    def __str__(self) -> str:
        return " / ".join(filter(None, (self.device, self.operating_system, ", ".join(self.browsers))))


class CustomReport(models.Model):
    """The form a bug of severity "custom" was filed with."""

    bug = models.OneToOneField(Bug, on_delete=models.CASCADE, primary_key=True, related_name="custom_report")
    configuration_id = models.TextField(blank=True, default="")
    data = models.JSONField(default=list, decoder=Received, help_text="The fields in TestIO's order: [{key, value}].")
    plain_text_interactions = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return f"Report of bug {self.pk}"
