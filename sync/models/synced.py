"""What every row that mirrors a TestIO record has in common."""

from typing import TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

Row = TypeVar("Row", bound=models.Model, covariant=True)


class SyncedManager(models.Manager[Row]):
    """Leaves in the database what lists never need and what outweighs all other columns together."""

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().defer("raw", "search")


class Synced(models.Model):
    """A row that mirrors a TestIO record.

    The columns are the truth; ``raw`` is what TestIO sent (credentials removed), kept so that a later release
    can read more out of it. ``fingerprint`` is a hash of the payload and of how it was read: equal fingerprints
    mean an unchanged row, which a sync leaves alone.
    """

    raw = models.JSONField(default=dict)
    fingerprint = models.BinaryField(max_length=16, editable=False)
    notes = ArrayField(
        models.TextField(), default=list, blank=True, help_text="What had to be altered to store this record."
    )
    first_seen_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text="When the content of this row last changed."
    )
    missing_since = models.DateTimeField(
        null=True, blank=True, help_text="When TestIO was first found to have this no more."
    )

    class Meta:
        abstract = True
