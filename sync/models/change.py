"""That the synced world changed: what is worked out from it, such as figures, holds until it does."""

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now


class DataChange(models.Model):
    """One transaction that changed what figures are made of. Written by triggers of those tables (migration 0014), so
    whoever writes: a sync, a retry, an administrator, or somebody with ``psql``."""

    mark = models.UUIDField(db_default=RandomUUID(), editable=False, help_text="Never the same again.")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Change {self.pk}"
