"""Reports people saved."""

import uuid
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Now

from sync.access import Access
from sync.models import Customer
from sync.public_ids import public_id

SAVED_PREFIX = "sav_"


class SavedReportQuerySet(models.QuerySet["SavedReport"]):
    def seen(self, access: Access) -> Self:
        """One's own and those shared with everybody, as far as the caller sees all customers they are about."""
        rows = self.filter(models.Q(owner=access.user.pk) | models.Q(is_shared=True))
        if access.user.is_superuser and access.permissions is None:
            rows = self.all()
        return rows.about_visible(access)

    def about_visible(self, access: Access) -> Self:
        """Anybody's, as far as the caller sees all customers they are about."""
        if access.customers is None:
            return self
        through = SavedReport.customers.through.objects.filter(savedreport=models.OuterRef("pk"))
        rows = self.filter(~models.Exists(through.exclude(customer__in=access.customers)))
        seen = Customer.objects.filter(pk__in=access.customers, name=models.OuterRef("named"))
        # Its own parameter names one as well; what one typed oneself tells one nothing.
        named = Coalesce(KeyTextTransform("customer", "parameters"), models.Value(""), output_field=models.TextField())
        rows = rows.alias(named=named)
        return rows.filter(models.Q(named="") | models.Q(owner=access.user.pk) | models.Exists(seen))


class SavedReport(models.Model):
    """A report with parameters of its own, under a name of its own. Phrases like "last month" are kept as they are."""

    saved_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.SlugField(max_length=63, help_text="What commands call it.")
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_reports")
    is_shared = models.BooleanField(
        "shared", default=False, help_text="Others may run it too; each sees only what they may see."
    )
    report = models.CharField(max_length=63, help_text="The built-in report it is made of.")
    parameters = models.JSONField(default=dict, blank=True)
    customers = models.ManyToManyField(
        Customer, blank=True, related_name="saved_reports", help_text="Only about these; none means all one may see."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = SavedReportQuerySet.as_manager()

    class Meta:
        ordering = ("name", "owner")
        constraints = (models.UniqueConstraint(fields=["owner", "name"], name="saved_report_once_per_owner"),)

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return public_id(SAVED_PREFIX, self.saved_id)
