"""The catalogue of what can be tested: features and their user stories."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models

from sync.models.product import Product, Section
from sync.models.searchable import search_column
from sync.models.synced import Synced, SyncedManager


class Feature(Synced):
    """A catalogue feature. One that only tests mention is kept as a stub with ``missing_since``."""

    id = models.BigIntegerField(primary_key=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="features")
    title = models.TextField()
    description = models.TextField(blank=True, default="")
    howtofind = models.TextField(blank=True, default="")
    sections = models.ManyToManyField(Section, related_name="features", blank=True)
    story_titles = models.TextField(
        blank=True,
        db_default="",
        editable=False,
        help_text="Titles of the user stories TestIO still has, a line each: kept by a trigger, for the search.",
    )
    search = search_column("title", "story_titles", "description", "howtofind")

    objects = SyncedManager["Feature"]()

    class Meta:
        ordering = ("id",)
        indexes = (GinIndex(fields=["search"], name="feature_search"),)

    def __str__(self) -> str:
        return self.title or f"Feature {self.pk}"


class UserStory(models.Model):
    """One user story of a feature.

    TestIO sends stories as bare strings or as objects with an id; ``key`` is the id, or else a hash of the
    title, so that either form finds its row again.
    """

    feature = models.ForeignKey(Feature, on_delete=models.CASCADE, related_name="user_stories", db_index=False)
    key = models.CharField(max_length=40)
    testio_id = models.BigIntegerField(null=True, blank=True)
    title = models.TextField()
    path = models.TextField(blank=True, default="")
    missing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("feature", "id")
        verbose_name_plural = "user stories"
        constraints = (models.UniqueConstraint(fields=["feature", "key"], name="userstory_once_per_feature"),)

    def __str__(self) -> str:
        return self.title
