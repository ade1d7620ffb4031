"""A test (TestIO also says "test cycle"): what was tested, on what, and when."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from sync.models.feature import Feature
from sync.models.person import Person
from sync.models.product import Product, Section
from sync.models.searchable import search_column
from sync.models.synced import Synced, SyncedManager

#: Only these never change again; "locked" can still, for four to six weeks.
FINAL_STATUSES = ("archived", "cancelled")


class TestQuerySet(models.QuerySet["Test"]):
    def unfinished(self) -> Self:
        """Tests that can still change upstream."""
        return self.filter(missing_since=None).exclude(status__in=FINAL_STATUSES)


TestManager = SyncedManager.from_queryset(TestQuerySet)


class Test(Synced):
    """One test of a product. ``testing_type`` null means a test-case test."""

    id = models.BigIntegerField(primary_key=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="tests", db_index=False)
    section = models.ForeignKey(Section, on_delete=models.SET_NULL, null=True, blank=True, related_name="tests")
    title = models.TextField(blank=True, default="")
    status = models.TextField(blank=True, default="")
    review_status = models.TextField(blank=True, default="")
    testing_type = models.TextField(null=True, blank=True)  # noqa: DJ001  # TestIO's null has a meaning of its own
    start_at = models.DateTimeField(null=True, blank=True)
    end_at = models.DateTimeField(null=True, blank=True)
    goal = models.TextField(blank=True, default="")
    instructions = models.TextField(blank=True, default="")
    out_of_scope = models.TextField(blank=True, default="")
    search = search_column("title", "goal", "instructions", "out_of_scope")
    environment_id = models.BigIntegerField(null=True, blank=True)
    environment_title = models.TextField(blank=True, default="")
    enable_low = models.BooleanField(null=True)
    enable_high = models.BooleanField(null=True)
    enable_critical = models.BooleanField(null=True)
    is_demo = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="tests_created"
    )
    submitted_by = models.ForeignKey(
        Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="tests_submitted"
    )
    platform_set = models.BigIntegerField(
        db_default=0,
        default=0,
        editable=False,
        help_text="Equal for tests that ask for the same operating systems; 0 without platforms. For figures.",
    )

    objects = TestManager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            # Read forwards and backwards by lists, which ask for rows without the time apart (sync.api.keyset).
            models.Index(fields=["product", "end_at", "id"], name="test_by_product_and_end"),
            models.Index(fields=["end_at", "id"], name="test_by_end"),
            models.Index(fields=["product"], name="test_missing", condition=models.Q(missing_since__isnull=False)),
            # Figures read every test, and this is a fifth of the table (reports.metrics).
            models.Index(
                fields=["id"],
                include=[
                    "product",
                    "section",
                    "status",
                    "testing_type",
                    "environment_id",
                    "created_by",
                    "end_at",
                    "missing_since",
                    "platform_set",
                ],
                name="test_figures",
            ),
            models.Index(
                fields=["product"],
                name="test_unfinished",
                condition=models.Q(missing_since=None) & ~models.Q(status__in=FINAL_STATUSES),
            ),
            GinIndex(fields=["search"], name="test_search"),
        )

    def __str__(self) -> str:
        return f"{self.title or 'Untitled test'} ({self.pk})"


class TestFeature(models.Model):
    """A test's own copy of a catalogue feature; TestIO's id. Bugs point here."""

    id = models.BigIntegerField(primary_key=True)
    test = models.ForeignKey(Test, on_delete=models.CASCADE, related_name="test_features", db_index=False)
    feature = models.ForeignKey(Feature, on_delete=models.SET_NULL, null=True, related_name="test_features")
    title = models.TextField(blank=True, default="")
    description = models.TextField(blank=True, default="")
    howtofind = models.TextField(blank=True, default="")
    user_stories = ArrayField(models.TextField(), default=list, blank=True)
    enable_default = models.BooleanField(default=False)
    enable_content = models.BooleanField(default=False)
    enable_visual = models.BooleanField(default=False)
    missing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("test", "id")
        indexes = (models.Index(fields=["test", "feature"], include=["missing_since"], name="testfeature_figures"),)

    def __str__(self) -> str:
        return self.title or f"Test feature {self.pk}"


class TestPlatform(models.Model):
    """One platform a test asks for. Belongs to its test's content and is replaced with it."""

    test = models.ForeignKey(Test, on_delete=models.CASCADE, related_name="platforms", db_index=False)
    position = models.PositiveSmallIntegerField()
    category = models.TextField(blank=True, default="")
    category_key = models.TextField(blank=True, default="")
    operating_system = models.TextField(blank=True, default="")
    operating_system_id = models.BigIntegerField(null=True, blank=True)
    min_version = models.TextField(blank=True, default="")
    max_version = models.TextField(blank=True, default="")
    browsers = ArrayField(models.TextField(), default=list, blank=True)
    devices = ArrayField(models.TextField(), default=list, blank=True)

    class Meta:
        ordering = ("test", "position")
        constraints = (models.UniqueConstraint(fields=["test", "position"], name="testplatform_position"),)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.operating_system or "Any system", f"({self.category})")))


class TestFreshness(models.Model):
    """When the bugs and results of a test were last read, and whether the test itself still can be.

    Kept apart from the test so that reading again what has not changed leaves the test's row untouched.
    ``…_settled``: read once after the test was final, so never due again unless the test changes.
    """

    test = models.OneToOneField(Test, on_delete=models.CASCADE, primary_key=True, related_name="freshness")
    bugs_synced_at = models.DateTimeField(null=True, blank=True)
    bugs_settled = models.BooleanField(default=False)
    results_synced_at = models.DateTimeField(null=True, blank=True)
    results_settled = models.BooleanField(default=False)
    unreadable_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when its own address answers 500; empty while it can be read."
    )

    class Meta:
        verbose_name_plural = "test freshness"
        indexes = (
            models.Index(fields=["test"], name="freshness_unsettled", condition=models.Q(bugs_settled=False)),
            models.Index(
                fields=["test"], name="freshness_unreadable", condition=models.Q(unreadable_since__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"Freshness of test {self.pk}"
